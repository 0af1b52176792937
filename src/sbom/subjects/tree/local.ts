import { constants, type BigIntStats } from 'node:fs'
import { open, readlink, type FileHandle } from 'node:fs/promises'
import { inOrder } from '../../../base/in-order.ts'
import { once } from '../../../base/streams.ts'
import type { InventoryEntry, TarEntry, TarHeader } from '../../../image/types.ts'
import type { Gap } from '../../model.ts'
import { changedMeanwhile, isDenied, isGone } from './changed.ts'
import { listTree, type Listed, type ListOptions } from './list.ts'
import { nativePath } from './native.ts'
import type { Tree } from './types.ts'
import type { TreeXattrs } from './xattrs.ts'

export interface LocalTreeOptions extends ListOptions {
  /**
   * `kept`: modes and owners as they are. `git`: modes as git knows them (0644, 0755) and no owners, so that a checkout of another user or
   * umask is the same tree.
   */
  attributes: 'kept' | 'git'
  /** Reads the extended attributes of what was listed. Default: none belong to the tree. */
  xattrs?: ((root: string, paths: readonly string[]) => Promise<TreeXattrs>) | undefined
}

/** Files that are opened at a time, and the size up to which one is read ahead as a whole. */
const parallel = 8
const aheadBytes = 1 << 20
const chunkBytes = 1 << 20

/**
 * A folder of this machine as a tree. Files are hashed in one order and read several at a time.
 *
 * @throws InputError `file-invalid` while it is read, where something changes
 */
export async function openLocalTree(options: LocalTreeOptions): Promise<Tree> {
  const { entries, gaps } = await listTree(options)
  const { root, xattrs: readXattrs } = options
  const paths = entries.filter(({ type }) => type !== 'socket').map(({ path }) => path)
  const xattrs = (await readXattrs?.(root, paths)) ?? { found: new Map(), gaps: [] }
  gaps.push(...xattrs.gaps)
  const sockets = entries.filter(({ type }) => type === 'socket').map((entry) => socketOf(entry, options))
  const read = async function* (listed: readonly Listed[], denied: Gap[]): AsyncGenerator<TarEntry> {
    for await (const entry of inOrder(listed, parallel, (one) => entryOf(one, options, denied))) {
      if (entry === null) continue
      const { header, body } = entry
      yield { header: { ...header, xattrs: xattrs.found.get(header.path) ?? {} }, body }
    }
  }
  return {
    entries: () =>
      read(
        entries.filter(({ type }) => type !== 'socket'),
        gaps,
      ),
    again: (paths) =>
      read(
        entries.filter(({ path, type }) => type === 'file' && paths.has(path)),
        [],
      ),
    rest: () => ({ gaps, sockets }),
  }
}

async function entryOf(listed: Listed, options: LocalTreeOptions, gaps: Gap[]): Promise<TarEntry | null> {
  if (listed.type !== 'file') return { header: headerOf(listed, listed.size, options), body: nothing() }
  const file = await openFile(listed, options, gaps)
  if (file === null) return null
  try {
    const before = await file.stat({ bigint: true })
    if (!before.isFile()) throw changedMeanwhile(listed.path)
    const size = Number(before.size)
    const header = headerOf(listed, size, options)
    if (size > aheadBytes) return { header, body: largeBody(listed, before, options) }
    const bytes = await readWhole(file, size, listed.path)
    await unchanged(file, before, listed.path)
    return { header, body: once(bytes) }
  } finally {
    await file.close()
  }
}

/** Opens what was listed as a file, and nothing else: no link, no pipe that has come in its place, nothing outside of the root. */
async function openFile(
  { path }: Listed,
  { root, proc }: LocalTreeOptions,
  gaps: Gap[] | null,
): Promise<FileHandle | null> {
  const native = nativePath(root, path)
  let file: FileHandle
  try {
    file = await open(native, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    if (gaps !== null && isDenied(cause)) {
      gaps.push({ path, kind: 'file', reason: 'unreadable', why: 'this user may not read the file' })
      return null
    }
    throw isGone(cause) || gaps === null ? changedMeanwhile(path, cause) : cause
  }
  const real = await readlink(`${proc}/self/fd/${file.fd}`, { encoding: 'buffer' }).catch(() => null)
  if (real === null || real.equals(native)) return file
  await file.close()
  throw changedMeanwhile(path)
}

async function readWhole(file: FileHandle, size: number, path: string): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(size)
  for (let at = 0; at < size;) {
    const { bytesRead } = await file.read(bytes, at, size - at, at)
    if (bytesRead === 0) throw changedMeanwhile(path)
    at += bytesRead
  }
  return bytes
}

/** Content of a large file. It is opened again when its turn comes, so that few files are open at a time. */
async function* largeBody(listed: Listed, before: BigIntStats, options: LocalTreeOptions): AsyncGenerator<Uint8Array> {
  const file = await openFile(listed, options, null)
  if (file === null) return
  try {
    await unchanged(file, before, listed.path)
    const size = Number(before.size)
    const next = async (at: number): Promise<Buffer> => {
      const length = Math.min(chunkBytes, size - at)
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, at)
      if (bytesRead === 0) throw changedMeanwhile(listed.path)
      return buffer.subarray(0, bytesRead)
    }
    let coming = next(0)
    for (let at = 0; at < size;) {
      const chunk = await coming
      at += chunk.length
      // The disk reads the next part while this one is hashed.
      coming = at < size ? next(at) : Promise.resolve(chunk)
      coming.catch(() => {})
      yield chunk
    }
    await unchanged(file, before, listed.path)
  } finally {
    await file.close()
  }
}

async function unchanged(file: FileHandle, before: BigIntStats, path: string): Promise<void> {
  const now = await file.stat({ bigint: true })
  const same = (['dev', 'ino', 'size', 'mtimeNs', 'ctimeNs'] as const).every((name) => now[name] === before[name])
  if (!same) throw changedMeanwhile(path)
}

function headerOf(listed: Listed, size: number, { attributes }: LocalTreeOptions): TarHeader {
  const { path, type, link, devMajor, devMinor } = listed
  const kept = attributes === 'kept'
  return {
    path,
    // Sockets never come here.
    type: type === 'socket' ? 'fifo' : type,
    mode: kept ? listed.mode : gitMode(listed),
    uid: kept ? listed.uid : 0,
    gid: kept ? listed.gid : 0,
    uname: '',
    gname: '',
    size,
    mtime: 0,
    link,
    devMajor,
    devMinor,
    xattrs: {},
  }
}

function gitMode({ type, mode }: Listed): number {
  if (type === 'symlink') return 0o777
  return type === 'dir' || (mode & 0o100) !== 0 ? 0o755 : 0o644
}

function socketOf(listed: Listed, options: LocalTreeOptions): InventoryEntry {
  const { path, mode, uid, gid } = headerOf(listed, 0, options)
  return { path, type: 'socket', mode, uid, gid, size: 0 }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
