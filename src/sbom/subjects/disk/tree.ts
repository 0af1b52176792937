import { createReadStream } from 'node:fs'
import { compareUtf8, parentOf } from '../../../tar/paths.ts'
import type { InventoryEntry, TarEntry } from '../../../image/types.ts'
import type { Tree } from '../tree/types.ts'
import { damaged } from './refusals.ts'
import { diskLimits, type DiskContents, type DiskEntry } from './types.ts'

/** Entries of a file system whose contents lie in files of this process, as a tree. @throws VerificationError `format-invalid` */
export function diskTree({ entries, gaps }: DiskContents): Tree {
  // A content is read under each of its names, and a name costs a file system some bytes only.
  const bytes = entries.reduce((sum, { type, size }) => (type === 'file' ? sum + size : sum), 0)
  if (bytes > diskLimits.bytes)
    throw damaged(`its files have ${bytes} bytes under all their names; at most ${diskLimits.bytes} bytes are read`)
  const sorted = [...entries].sort((a, b) => compareUtf8(a.path, b.path))
  const folders = new Set(['.', ...sorted.filter(({ type }) => type === 'dir').map(({ path }) => path)])
  const lost = sorted.find(({ path }) => !folders.has(parentOf(path)))
  if (lost !== undefined) throw damaged(`"${lost.path}" lies in no folder`)
  const read = async function* (wanted: (entry: DiskEntry) => boolean): AsyncGenerator<TarEntry> {
    for (const entry of sorted) if (entry.type !== 'socket' && wanted(entry)) yield tarEntry(entry)
  }
  const sockets = sorted.filter(({ type }) => type === 'socket').map(socketOf)
  return {
    entries: () => read(() => true),
    again: (paths) => read(({ path, type }) => type === 'file' && paths.has(path)),
    rest: () => ({ gaps, sockets }),
  }
}

function socketOf({ path, mode, uid, gid }: DiskEntry): InventoryEntry {
  return { path, type: 'socket', mode, uid, gid, size: 0 }
}

function tarEntry(entry: DiskEntry): TarEntry {
  const { path, type, mode, uid, gid, size, link, devMajor, devMinor, xattrs } = entry
  const names = { uname: '', gname: '', mtime: 0, xattrs: { ...xattrs } }
  // Sockets never come here.
  const header = {
    path,
    type: type === 'socket' ? ('fifo' as const) : type,
    mode,
    uid,
    gid,
    size,
    link,
    devMajor,
    devMinor,
  }
  return { header: { ...header, ...names }, body: bodyOf(entry) }
}

async function* bodyOf({ content, size }: DiskEntry): AsyncGenerator<Uint8Array> {
  if (content === null || size === 0) return
  const { file, offset } = content
  yield* createReadStream(file, { start: offset, end: offset + size - 1, highWaterMark: Math.min(size, 1 << 20) })
}
