import { basename, relative } from 'node:path'
import type { ContextFile } from '../context/copy.ts'
import { ignoreFiles, type IgnoreRules } from '../ignore.ts'
import type { GitSource } from './git.ts'
import { objectId } from './objects.ts'

/** Enough to see what is wrong; the rest is counted. */
const shown = 10

/**
 * Compares what was read with the commit's tree, by content (TRUST §5.8).
 *
 * @param context the context folder, absolute and without symlinks
 * @returns why the source is not clean, one line a path (the first ten); empty where it is clean
 */
export function findUnclean(
  source: GitSource,
  context: string,
  files: readonly ContextFile[],
  rules: IgnoreRules,
): string[] {
  const prefix = relative(source.top, context)
  const full = (path: string): string => (prefix === '' ? path : `${prefix}/${path}`)
  const problems: string[] = []
  const read = new Set<string>()
  for (const file of files) {
    const path = full(file.path)
    read.add(path)
    const tracked = source.files.get(path)
    if (file.mode === '040000') {
      // Git knows no empty folders. One whose files the rules leave out is known by those.
      if (![...source.files.keys()].some((other) => other.startsWith(`${path}/`)))
        problems.push(`${file.path}: empty folder, which git cannot commit`)
    } else if (tracked === undefined) problems.push(`${file.path}: not in the commit`)
    else if (tracked.mode !== file.mode)
      problems.push(`${file.path}: mode ${file.mode}, the commit says ${tracked.mode}`)
    else if (tracked.id !== file.blob && tracked.id !== pointerId(source.hash, file))
      problems.push(`${file.path}: content differs from the commit`)
  }
  for (const path of source.files.keys()) {
    if (read.has(path) || (prefix !== '' && !path.startsWith(`${prefix}/`))) continue
    const inner = prefix === '' ? path : path.slice(prefix.length + 1)
    if (!rules.ignores(inner)) problems.push(`${inner}: in the commit, but not here`)
  }
  return problems.length <= shown ? problems : [...problems.slice(0, shown), `and ${problems.length - shown} more`]
}

/**
 * What git-lfs puts into the commit in place of a large file: it names the content by SHA-256 and size, so a file that it names is the
 * commit's. @returns the blob id of the plain pointer to this very content
 */
function pointerId(hash: GitSource['hash'], { sha256, size }: ContextFile): string | null {
  if (sha256 === null) return null
  const text = `version https://git-lfs.github.com/spec/v1\noid ${sha256}\nsize ${size}\n`
  return objectId(hash, 'blob', Buffer.from(text))
}

/** The Containerfile is an input as well, wherever it lies. @returns why it is not clean, as {@link findUnclean} */
export function uncleanFile(source: GitSource, file: { path: string; bytes: Buffer }): string[] {
  const path = relative(source.top, file.path)
  const tracked = source.files.get(path)
  if (tracked === undefined) return ['the Containerfile: not in the commit']
  return tracked.id === objectId(source.hash, 'blob', file.bytes)
    ? []
    : ['the Containerfile: content differs from the commit']
}

/**
 * The ignore file decides what the image lacks: the one that was used must be the commit's, and the commit must have none that would have been
 * used in its place (TRUST §5.8). @returns why it is not clean, as {@link findUnclean}
 */
export function uncleanIgnoreFile(source: GitSource, context: string, file: string, rules: IgnoreRules): string[] {
  const inTree = (path: string): string => relative(source.top, path)
  const wanted = ignoreFiles(context, file).find((path) => source.files.has(inTree(path))) ?? null
  const used = rules.file
  if (used === null) return wanted === null ? [] : [`${inTree(wanted)}: in the commit, but not here`]
  const tracked = source.files.get(inTree(used.path))
  if (used.path !== wanted || tracked === undefined)
    return [`the ignore file ${basename(used.path)}: not the one of the commit`]
  return tracked.id === objectId(source.hash, 'blob', used.bytes)
    ? []
    : [`the ignore file ${basename(used.path)}: content differs from the commit`]
}
