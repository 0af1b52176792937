import { randomUUID } from 'node:crypto'
import { open, rm, statfs, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { once, verified, type ByteSource } from '../../base/streams.ts'
import type { Ports } from '../../base/ports.ts'
import { pieceFor } from '../../oci/layout-files.ts'
import type { Descriptor, Store } from '../../oci/types.ts'

/** Bytes that are held at most, and the part of the free space that they may take. */
const most = { bytes: 8 * 2 ** 30, ofFree: 0.5 } as const
/** Blobs of at most so many bytes stay in memory, as many as fit in: thousands of reads of a file take longer than their bytes. */
const small = { blob: 128 << 10, bytes: 16 << 20 } as const

/** Bytes that are written at once: each write costs a turn of the file threads, and the network brings little at a time. */
const together = 512 << 10

/** A write may take a part only. */
async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[], at: number): Promise<void> {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const { bytesWritten } = await handle.writev(pieces, at)
  if (bytesWritten === size) return
  const bytes = Buffer.concat(pieces)
  for (let done = bytesWritten; done < size;)
    done += (await handle.write(bytes, done, size - done, at + done)).bytesWritten
}

/** A source whose blobs are read once: the gate reads them, and the copy takes them from a file. */
export interface Spool {
  readonly store: Store
  close(): Promise<void>
}

type Piece = Pick<Descriptor, 'digest' | 'size'>

/**
 * Keeps each blob that is read in one temporary file, and reads it there the next time, checked against its digest once more. What there is no room for
 * is read from the store again: at most 8 GiB and half of the free space are used. A folder is read directly.
 */
export async function spoolBlobs(store: Store, ports: Pick<Ports, 'roots' | 'log'>): Promise<Spool> {
  if (store.location === undefined) return { store, close: () => Promise.resolve() }
  const folder = ports.roots.temp
  const { bavail, bsize } = await statfs(folder)
  let room = Math.min(most.bytes, Math.floor(bavail * bsize * most.ofFree))
  let file: Promise<FileHandle> | null = null
  let end = 0
  const held = new Map<string, number>()
  const inMemory = new Map<string, Buffer>()
  let memory: number = small.bytes

  /** The file has no name, so that nobody else opens it and a killed run leaves nothing. */
  const opened = async (): Promise<FileHandle> => {
    const path = join(folder, `sealwright-spool-${randomUUID()}`)
    const handle = await open(path, 'wx+', 0o600)
    await rm(path)
    return handle
  }
  async function* keeping(bytes: ByteSource, { digest, size }: Piece, at: number): ByteSource {
    let keeps = true
    let done = 0
    const write = async (pieces: readonly Uint8Array[], to: number): Promise<void> => {
      try {
        await writeAll(await (file ??= opened()), pieces, to)
      } catch (error) {
        // A full disk costs the second reading, no more.
        ports.log.debug(`${digest} is not kept: ${String(error)}`)
        keeps = false
        room = 0
      }
    }
    let pieces: Uint8Array[] = []
    let waiting = 0
    let writing: Promise<void> = Promise.resolve()
    for await (const piece of bytes) {
      done += piece.length
      if (keeps && done <= size) {
        pieces.push(piece)
        waiting += piece.length
      }
      if (waiting >= together || (waiting > 0 && done === size)) {
        // One write at a time, while the reader looks at what follows.
        await writing
        writing = write(pieces, at + done - waiting)
        pieces = []
        waiting = 0
      }
      yield piece
    }
    await writing
    // The store has checked the stream at its end.
    if (keeps && done === size) held.set(digest, at)
  }
  async function* remembering(bytes: ByteSource, { digest, size }: Piece): ByteSource {
    const pieces: Uint8Array[] = []
    for await (const piece of bytes) {
      pieces.push(piece)
      yield piece
    }
    // The store has checked the stream at its end.
    inMemory.set(digest, Buffer.concat(pieces, size))
  }
  async function* from({ size }: Piece, at: number): ByteSource {
    const handle = await (file ??= opened())
    for (let done = 0; done < size;) {
      const piece = Buffer.allocUnsafe(Math.min(pieceFor(size), size - done))
      const { bytesRead } = await handle.read(piece, 0, piece.length, at + done)
      if (bytesRead === 0) return
      done += bytesRead
      yield piece.subarray(0, bytesRead)
    }
  }
  return {
    store: {
      ...store,
      openBlob: async (blob) => {
        const known = inMemory.get(blob.digest)
        if (known?.length === blob.size) return once(known)
        const at = held.get(blob.digest)
        if (at !== undefined) return verified(from(blob, at), blob)
        // Pieces are held until they are written, so that the store must not write over them.
        const bytes = await store.openBlob(blob)
        if (blob.size <= Math.min(small.blob, memory)) {
          memory -= blob.size
          return remembering(bytes, blob)
        }
        if (blob.size > room) return bytes
        const start = end
        end += blob.size
        room -= blob.size
        return keeping(bytes, blob, start)
      },
    },
    close: async () => {
      // A file that could not be made was told when it was first wanted.
      await file?.then(
        (handle) => handle.close(),
        () => {},
      )
    },
  }
}
