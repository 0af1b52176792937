import { open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TransportError } from '../../base/errors.ts'
import { ownedName } from '../../base/owned-name.ts'
import type { Ports } from '../../base/ports.ts'
import { once, type ByteSource } from '../../base/streams.ts'
import { named } from '../../base/write-file.ts'
import type { TarEntry } from '../../tar/types.ts'
import { writeTar } from '../../tar/write.ts'
import { withLock } from '../lock.ts'
import type { Digest } from '../types.ts'
import { markOf } from './held.ts'
import { indexFile, markerFile } from './layout.ts'
import type { ArchiveFile } from './tar-file.ts'

/** The next state of an archive. */
export interface NextArchive {
  /** Of the file that it was made from; null where there was none. */
  readonly mark: string | null
  readonly archive: ArchiveFile | null
  readonly index: string
  /** What is new. */
  readonly blobs: readonly { readonly digest: Digest; readonly size: number; bytes(): ByteSource }[]
}

const marker = '{"imageLayoutVersion":"1.0.0"}'
const attempts = 20

/**
 * Writes an archive under another name and puts it in the place of the old one, if that is still what `next` was made from; else once more from
 * what is there now.
 *
 * @param next what to write, or null for nothing
 * @throws TransportError `timeout` where others write all the time
 */
export async function replaceArchive(
  file: string,
  ports: Ports,
  next: () => Promise<NextArchive | null>,
): Promise<void> {
  const folder = dirname(file)
  for (let attempt = 0; attempt < attempts; attempt++) {
    const wanted = await next()
    if (wanted === null) return
    const temporary = join(folder, ownedName('tmp'))
    const release = wanted.archive?.hold()
    try {
      await writeSynced(temporary, writeTar(entriesOf(wanted)))
      // The lock is held for a rename only: a large archive takes minutes to write.
      const replaced = await withLock(folder, ports, async () => {
        if ((await markOf(file)) !== wanted.mark) return false
        await rename(temporary, file)
        return true
      })
      if (replaced) return await syncFolder(folder)
    } finally {
      release?.()
      await rm(temporary, { force: true })
    }
  }
  throw new TransportError('timeout', `"${file}" is written by other processes all the time`, {
    subject: file,
    remedy: 'Run it again when they have ended.',
  })
}

/** Members in one fixed order, without times and owners: equal content gives equal bytes. The index comes last, as it names the rest. */
async function* entriesOf({ archive, index, blobs }: NextArchive): AsyncGenerator<TarEntry> {
  yield entryOf(markerFile, marker.length, once(marker))
  const added = blobs.map((blob) => ({ name: `blobs/${blob.digest.replace(':', '/')}`, blob }))
  const names = new Set(added.map(({ name }) => name))
  const old = (archive?.names ?? [])
    .filter((name) => name.startsWith('blobs/') && !names.has(name))
    .map((name) => ({ name, blob: null }))
  for (const { name, blob } of [...old, ...added].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (blob !== null) yield entryOf(name, blob.size, blob.bytes())
    else if (archive !== null)
      yield entryOf(name, archive.size(name) ?? 0, archive.stream(name, undefined, { piecewise: true }))
  }
  yield entryOf(indexFile, Buffer.byteLength(index), once(index))
}

function entryOf(path: string, size: number, body: ByteSource): TarEntry {
  const owner = { uid: 0, gid: 0, uname: '', gname: '', devMajor: 0, devMinor: 0 }
  return { header: { path, type: 'file', mode: 0o644, size, mtime: 0, link: '', xattrs: {}, ...owner }, body }
}

async function writeSynced(path: string, pieces: ByteSource): Promise<void> {
  await using handle = await open(path, 'wx', 0o666)
  for await (const piece of pieces)
    for (let at = 0; at < piece.length;) at += (await handle.write(piece, at).catch(named(path))).bytesWritten
  await handle.sync().catch(named(path))
}

/** Without this the new name may be lost at a power failure, though the content is on disk. */
async function syncFolder(folder: string): Promise<void> {
  await using parent = await open(folder, 'r')
  await parent.sync()
}
