import { constants, lstatSync, type Stats } from 'node:fs'
import { open, readdir, readlink, type FileHandle } from 'node:fs/promises'
import { InputError } from '../../../base/errors.ts'
import { nameOf } from '../../../tar/names.ts'
import { compareUtf8 } from '../../../tar/paths.ts'
import type { Gap } from '../../model.ts'
import { changedMeanwhile, isDenied, isGone } from './changed.ts'
import { nativePath } from './native.ts'
import { treeLimits } from './types.ts'

export interface ListOptions {
  /** Absolute, without symbolic links. */
  root: string
  /** `/proc`: where the kernel shows what a descriptor really is. */
  proc: string
  /** Whether something belongs to the subject; a folder that does not is not entered. Default: all does. */
  takes?: ((path: string, isFolder: boolean) => boolean) | undefined
}

/** Something in a folder, as it was when the folder was listed. */
export interface Listed {
  path: string
  type: 'file' | 'dir' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket'
  mode: number
  uid: number
  gid: number
  size: number
  /** `major:minor` parts of a device, else 0. */
  devMajor: number
  devMinor: number
  /** Target of a symbolic link, else ''. */
  link: string
}

/**
 * Lists a folder with everything below it, sorted by the bytes of the paths. Symbolic links are listed and never followed: each folder is
 * opened without following one, and the kernel says where the opened one lies. Pipes, sockets and devices are never opened.
 *
 * @throws InputError `file-invalid` for a tree that changes meanwhile or has too many entries
 */
export async function listTree(options: ListOptions): Promise<{ entries: Listed[]; gaps: Gap[] }> {
  const entries: Listed[] = []
  const gaps: Gap[] = []
  const folders = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const found = await listFolder(options, folder, gaps)
    if (entries.length + found.length > treeLimits.entries) throw tooMany(options.root)
    for (const entry of found) {
      entries.push(entry)
      if (entry.type === 'dir') folders.push(entry.path)
    }
  }
  entries.sort((a, b) => compareUtf8(a.path, b.path))
  return { entries, gaps }
}

async function listFolder(options: ListOptions, folder: string, gaps: Gap[]): Promise<Listed[]> {
  const { root, proc } = options
  const handle = await openFolder(root, folder, gaps)
  if (handle === null) return []
  try {
    // Through the descriptor: what stands under the folder's name may have become a link since.
    const here = await placeOf(handle, proc, root, folder)
    const names = await readdir(here, { encoding: 'buffer' })
    const found: Listed[] = []
    for (const raw of names) {
      const name = nameOf(raw)
      const path = folder === '' ? name : `${folder}/${name}`
      const native = Buffer.concat([Buffer.from(`${here}/`), raw])
      const stat = statOf(native, path)
      if (options.takes?.(path, stat.isDirectory()) === false) continue
      if (path.length > treeLimits.path) throw tooDeep(path)
      const link = stat.isSymbolicLink() ? nameOf(await readlink(native, { encoding: 'buffer' })) : ''
      found.push({ path, ...factsOf(stat), link })
    }
    return found
  } finally {
    await handle.close()
  }
}

async function openFolder(root: string, folder: string, gaps: Gap[]): Promise<FileHandle | null> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
  try {
    return await open(nativePath(root, folder), flags)
  } catch (cause) {
    if (isDenied(cause) && folder !== '') {
      gaps.push({ path: folder, kind: 'folder', reason: 'unreadable', why: 'this user may not list the folder' })
      return null
    }
    if (isGone(cause)) throw changedMeanwhile(folder, cause)
    throw new InputError('file-invalid', `"${root}" cannot be listed`, {
      subject: root,
      cause,
      remedy: 'Run as a user who may read the folder.',
    })
  }
}

/** Path by which an open folder is reached whatever happens to its name. @throws InputError where it lies elsewhere than it was looked for */
async function placeOf(handle: FileHandle, proc: string, root: string, folder: string): Promise<string> {
  const place = `${proc}/self/fd/${handle.fd}`
  const real = await readlink(place, { encoding: 'buffer' }).catch(() => null)
  // Without /proc (macOS) names are all there is.
  if (real === null) return nativePath(root, folder).toString()
  if (!real.equals(nativePath(root, folder))) throw changedMeanwhile(folder)
  return place
}

function statOf(native: Buffer, path: string): Stats {
  try {
    return lstatSync(native)
  } catch (cause) {
    throw changedMeanwhile(path, cause)
  }
}

function factsOf(stat: Stats): Omit<Listed, 'path' | 'link'> {
  const device = stat.isCharacterDevice() || stat.isBlockDevice()
  return {
    type: typeOf(stat),
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    size: stat.isFile() ? stat.size : 0,
    // glibc's gnu_dev_major and gnu_dev_minor, for numbers below 2^32.
    devMajor: device ? Math.floor(stat.rdev / 256) % 4096 : 0,
    devMinor: device ? (stat.rdev % 256) + Math.floor(stat.rdev / 2 ** 20) * 256 : 0,
  }
}

function typeOf(stat: Stats): Listed['type'] {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'dir'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isFIFO()) return 'fifo'
  if (stat.isSocket()) return 'socket'
  return stat.isBlockDevice() ? 'block' : 'char'
}

function tooMany(root: string): InputError {
  return new InputError('file-invalid', `"${root}" holds more than ${treeLimits.entries} files`, {
    subject: root,
    remedy: 'Describe its parts one by one.',
  })
}

function tooDeep(path: string): InputError {
  return new InputError('file-invalid', `"${path.slice(0, 80)}…" is longer than ${treeLimits.path} bytes`, {
    subject: 'subject',
    remedy: 'Describe a folder further down.',
  })
}
