import { InputError } from '../../base/errors.ts'

export function isGlob(path: string): boolean {
  return /[*?[\\]/.test(path)
}

/**
 * Paths that match a pattern of Go's `filepath.Match`, part by part, as COPY has them.
 *
 * @param list names in a folder
 * @param isFolder symlinks to folders count
 * @throws InputError `file-invalid` for a broken pattern
 */
export function globPaths(
  pattern: string,
  tree: { list(path: string): string[]; isFolder(path: string): boolean },
  subject: string,
): string[] {
  let found = ['']
  for (const part of pattern.split('/')) {
    if (part === '' || part === '.') continue
    const test = compilePart(part, subject)
    found = found.flatMap((folder) =>
      (folder === '' || tree.isFolder(folder) ? tree.list(folder) : [])
        .filter((name) => test.test(name))
        .map((name) => (folder === '' ? name : `${folder}/${name}`)),
    )
  }
  return found
}

function compilePart(part: string, subject: string): RegExp {
  let source = '^'
  for (let i = 0; i < part.length; i++) {
    const char = part.charAt(i)
    if (char === '*') source += '[^/]*'
    else if (char === '?') source += '[^/]'
    else if (char === '\\' && i + 1 < part.length) source += escapeRegExp(part.charAt(++i))
    else if (char === '[') {
      const end = classEnd(part, i)
      if (end < 0) throw broken(part, subject)
      source += characterClass(part.slice(i + 1, end))
      i = end
    } else source += escapeRegExp(char)
  }
  try {
    return new RegExp(`${source}$`, 's')
  } catch {
    throw broken(part, subject)
  }
}

function broken(part: string, subject: string): InputError {
  return new InputError('file-invalid', `${subject} has a pattern that cannot be read: ${part}`, { subject })
}

/** Position of the `]` that ends the class opened at `start`, or -1. */
function classEnd(pattern: string, start: number): number {
  let i = start + 1
  if (pattern.charAt(i) === '^') i++
  for (let first = true; i < pattern.length; i++, first = false) {
    if (pattern.charAt(i) === '\\') i++
    else if (pattern.charAt(i) === ']' && !first) return i
  }
  return -1
}

/** A class of Go's `filepath.Match` as a regular expression; it never matches a slash. */
function characterClass(body: string): string {
  const negated = body.startsWith('^')
  const items = (negated ? body.slice(1) : body).replace(
    /\\(.)|([[\]^\\])/gs,
    (_all, escaped: string, special: string) => (escaped !== undefined ? `\\${escaped}` : `\\${special}`),
  )
  return `(?!/)[${negated ? '^' : ''}${items}]`
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
