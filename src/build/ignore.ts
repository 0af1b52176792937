import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { InputError } from '../base/errors.ts'
import { readPlainFile } from '../base/files.ts'

/** An ignore file: an input of the build, since it decides what the image lacks. */
export interface IgnoreFile {
  path: string
  bytes: Buffer
}

/** Decides which paths of a context a build does not see. */
export interface IgnoreRules {
  /** The file that the rules came from (its base name), or null. */
  readonly source: string | null
  /** That file as it was read; null without one. */
  readonly file: IgnoreFile | null
  /** True when a `!` rule exists: then an ignored folder may hold wanted files. */
  readonly hasExceptions: boolean
  /** @param path relative, with `/` */
  ignores(path: string): boolean
}

export const noRules: IgnoreRules = { source: null, file: null, hasExceptions: false, ignores: () => false }

/** Where rules may stand, as buildah and BuildKit look for them: beside the Containerfile under its own name first, then in the context. */
export function ignoreFiles(context: string, file: string): string[] {
  return [
    `${file}.containerignore`,
    `${file}.dockerignore`,
    join(context, '.containerignore'),
    join(context, '.dockerignore'),
  ]
}

/** Real ones have some hundred lines. */
const ignoreLimit = 1 << 20

/**
 * The rules of the first of {@link ignoreFiles} that is there.
 *
 * @param streamed the context came from somebody else, as a worker's does: a link would lead to files that only this process can read
 * @throws InputError `file-invalid`
 */
export async function readIgnoreRules(context: string, file: string, streamed = false): Promise<IgnoreRules> {
  for (const path of ignoreFiles(context, file)) {
    const target = streamed ? path : await realpath(path).catch(() => path)
    const bytes = await readPlainFile(target, ignoreLimit, streamed ? basename(path) : path)
    if (bytes !== null)
      return { ...parseIgnore(bytes.toString('utf8'), path.slice(dirname(path).length + 1)), file: { path, bytes } }
  }
  return noRules
}

interface Rule {
  negated: boolean
  regexp: RegExp
}

/**
 * Rules of moby's patternmatcher: Go's `filepath.Match` plus `**`; a rule matches a path or any folder above it; the last
 * one that matches decides.
 *
 * @throws InputError `file-invalid` for a pattern that cannot be read
 */
export function parseIgnore(text: string, source: string): IgnoreRules {
  const rules: Rule[] = []
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (raw.startsWith('#')) continue
    let pattern = raw.trim()
    const negated = pattern.startsWith('!')
    if (negated) pattern = pattern.slice(1).trim()
    if (pattern === '' && !negated) continue
    if (pattern === '') throw invalid(source, index, raw)
    pattern = clean(pattern)
    if (pattern === '') continue
    rules.push({ negated, regexp: compile(pattern, () => invalid(source, index, raw)) })
  }
  return {
    source,
    file: null,
    hasExceptions: rules.some((rule) => rule.negated),
    ignores: (path) => {
      const parents = path.split('/').map((_part, i, parts) => parts.slice(0, i + 1).join('/'))
      let ignored = false
      for (const { negated, regexp } of rules) {
        // A rule that would not change the answer needs no look.
        if (negated === ignored && parents.some((parent) => regexp.test(parent))) ignored = !negated
      }
      return ignored
    },
  }
}

/** Lexical cleaning as Go's `filepath.Clean`, without the leading slash; '' for the context itself. */
function clean(pattern: string): string {
  const parts: string[] = []
  for (const part of pattern.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return parts.join('/')
}

function compile(pattern: string, error: () => InputError): RegExp {
  let source = '^'
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern.charAt(i)
    if (char === '*' && pattern.charAt(i + 1) === '*') {
      i++
      // `**/` also stands for nothing; at the end `**` takes everything below.
      if (pattern.charAt(i + 1) === '/') {
        i++
        source += '(?:.*/)?'
      } else {
        source += '.*'
      }
    } else if (char === '*') source += '[^/]*'
    else if (char === '?') source += '[^/]'
    else if (char === '[') {
      const end = classEnd(pattern, i)
      if (end < 0) throw error()
      source += characterClass(pattern.slice(i + 1, end))
      i = end
    } else if (char === '\\') {
      if (i + 1 === pattern.length) throw error()
      source += escapeRegExp(pattern.charAt(++i))
    } else source += escapeRegExp(char)
  }
  try {
    return new RegExp(`${source}$`, 's')
  } catch {
    // A class such as [z-a].
    throw error()
  }
}

/** Position of the `]` that ends the class opened at `start`, or -1. */
export function classEnd(pattern: string, start: number): number {
  let i = start + 1
  if (pattern.charAt(i) === '^') i++
  for (let first = true; i < pattern.length; i++, first = false) {
    if (pattern.charAt(i) === '\\') i++
    else if (pattern.charAt(i) === ']' && !first) return i
  }
  return -1
}

/** A class of Go's `filepath.Match` as a regular expression; it never matches a slash. */
export function characterClass(body: string): string {
  const negated = body.startsWith('^')
  const items = (negated ? body.slice(1) : body).replace(
    /\\(.)|([[\]^\\])/gs,
    (_all, escaped: string, special: string) => (escaped !== undefined ? `\\${escaped}` : `\\${special}`),
  )
  return `(?!/)[${negated ? '^' : ''}${items}]`
}

export function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}

function invalid(source: string, index: number, raw: string): InputError {
  return new InputError('file-invalid', `line ${index + 1} of ${source} is no pattern: ${raw}`, {
    subject: `${source}:${index + 1}`,
    remedy: 'Patterns are as in a .dockerignore file.',
  })
}
