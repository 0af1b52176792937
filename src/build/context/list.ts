import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import type { IgnoreRules } from '../ignore.ts'

export interface ListOptions {
  /** The context's folder. */
  from: string
  rules: IgnoreRules
  /** Absolute paths left out whatever the rules say. */
  exclude: readonly string[]
}

/** What belongs to a context, by relative path. `empty` folders hold nothing that was taken. */
export interface ContextListing {
  files: string[]
  folders: { path: string; empty: boolean }[]
}

/**
 * Lists what a build sees of a context. Symlinks count as files and are never followed; `.git` never belongs to a context.
 *
 * @throws InputError `file-invalid` for sockets, devices and names that are not UTF-8
 */
export async function listContext(options: ListOptions): Promise<ContextListing> {
  const listing: ContextListing = { files: [], folders: [] }
  await walk(options, '', listing)
  return listing
}

/** @returns true when something of the folder was taken */
async function walk(options: ListOptions, folder: string, listing: ContextListing): Promise<boolean> {
  const source = join(options.from, folder)
  // A name that is no UTF-8 would come back changed and name another file.
  const names = (await readdir(source, { encoding: 'buffer' })).map((name) => {
    const text = name.toString('utf8')
    if (!Buffer.from(text).equals(name)) throw unfit(join(folder, text), 'has a name that is not UTF-8')
    return text
  })
  let taken = false
  for (const name of names.sort()) {
    const path = folder === '' ? name : `${folder}/${name}`
    if (name === '.git' || options.exclude.includes(join(options.from, path))) continue
    const ignored = options.rules.ignores(path)
    const stat = await lstat(join(options.from, path))
    if (stat.isDirectory()) {
      if (ignored && !options.rules.hasExceptions) continue
      const before = listing.files.length + listing.folders.length
      const any = await walk(options, path, listing)
      if (ignored && !any) continue
      taken = true
      listing.folders.push({ path, empty: listing.files.length + listing.folders.length === before })
    } else if (!ignored) {
      if (!stat.isFile() && !stat.isSymbolicLink()) throw unfit(path, 'is neither file, folder nor symlink')
      taken = true
      listing.files.push(path)
    }
  }
  return taken
}

/** Refusal of something in a context. */
export function unfit(path: string, why: string): InputError {
  return new InputError('file-invalid', `${path} in the context ${why}`, {
    subject: path,
    remedy: 'Remove it, or name it in .containerignore.',
  })
}
