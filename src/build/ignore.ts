import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { InputError } from '../base/errors.ts'
import { readPlainFile } from '../base/files.ts'
import { ignorePattern } from './ignore-pattern.ts'

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
  matches: (path: string) => boolean
}

/**
 * Rules as moby reads them (patternmatcher 0.6.1): a rule matches a path or any folder above it; the last one that matches decides.
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
    const rule = normalise(raw)
    if (rule === '') continue
    const negated = rule.startsWith('!')
    const pattern = negated ? rule.slice(1) : rule
    const matches = pattern === '' ? null : ignorePattern(pattern)
    if (matches === null) throw invalid(source, index, raw)
    rules.push({ negated, matches })
  }
  return {
    source,
    file: null,
    hasExceptions: rules.some((rule) => rule.negated),
    ignores: (path) => {
      const parents = path.split('/').map((_part, i, parts) => parts.slice(0, i + 1).join('/'))
      let ignored = false
      for (const { negated, matches } of rules) {
        // A rule that would not change the answer needs no look.
        if (negated === ignored && parents.some(matches)) ignored = !negated
      }
      return ignored
    },
  }
}

/** A line as the matcher gets it: cleaned by the reader of the file without its `!`, then once more by the matcher with it. */
function normalise(line: string): string {
  const text = trimSpace(line)
  const mark = text.startsWith('!') ? '!' : ''
  const pattern = trimSpace(text.slice(mark.length))
  const cleaned = pattern === '' ? '' : clean(pattern)
  const rule = trimSpace(mark + (cleaned.length > 1 ? cleaned.replace(/^\//, '') : cleaned))
  return rule === '' ? '' : clean(rule)
}

/** Lexical cleaning as Go's `filepath.Clean`. */
function clean(pattern: string): string {
  const rooted = pattern.startsWith('/')
  const parts: string[] = []
  for (const part of pattern.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (!rooted) parts.push(part)
  }
  return (rooted ? '/' : '') + parts.join('/') || '.'
}

/** Without white space around it, as Go's `strings.TrimSpace`: a byte order mark is none. */
function trimSpace(text: string): string {
  return text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '')
}

function invalid(source: string, index: number, raw: string): InputError {
  return new InputError('file-invalid', `line ${index + 1} of ${source} is no pattern: ${raw}`, {
    subject: `${source}:${index + 1}`,
    remedy: 'Patterns are as in a .dockerignore file.',
  })
}
