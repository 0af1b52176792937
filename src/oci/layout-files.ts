import { createHash } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { link, lstat, mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError, VerificationError, withPath } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { algorithmOf, verified, type ByteSource, type DigestAlgorithm } from '../base/streams.ts'
import { hexOf, isDigest } from './digest.ts'
import { sweep } from './lock.ts'
import { ownedName } from '../base/owned-name.ts'
import type { BlobReading, Digest } from './types.ts'

const marker = '{"imageLayoutVersion":"1.0.0"}'
const emptyIndex = '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'

/** Up to this size a blob is read in one piece: a stream takes a buffer of a megabyte however small the file is. */
const smallBlob = 64 << 10

/** Path of a blob inside a layout (image-spec 1.1 image-layout.md). */
export function blobPath(directory: string, digest: Digest): string {
  return join(directory, 'blobs', algorithmOf(digest), hexOf(digest))
}

/**
 * Makes a directory an OCI layout if it isn't one, and clears away what killed writers left. The marker file comes last, so
 * that a directory with a marker always has an index.
 *
 * @throws InputError `exists` when the directory holds other things
 */
export async function prepareLayout(directory: string, ports: Ports): Promise<void> {
  await mkdir(directory, { recursive: true })
  const names = await readdir(directory)
  if (!names.includes('oci-layout')) {
    const foreign = names.find((name) => !name.startsWith('.') && name !== 'index.json' && name !== 'blobs')
    if (foreign !== undefined) {
      throw new InputError('exists', `${directory} is no OCI layout and holds other files (${foreign})`, {
        subject: directory,
        remedy: 'Give an empty or new directory.',
      })
    }
  }
  await mkdir(join(directory, 'blobs', 'sha256'), { recursive: true })
  await createOnce(directory, 'index.json', emptyIndex)
  await createOnce(directory, 'oci-layout', marker)
  await sweep(directory, ports)
}

/** @throws InputError `not-found` when the directory is not an OCI layout */
export async function requireLayout(directory: string): Promise<void> {
  const text = await readFile(join(directory, 'oci-layout'), 'utf8').catch(() => null)
  if (text === null) {
    throw new InputError('not-found', `${directory} is not an OCI layout`, {
      subject: directory,
      remedy: 'Give a directory that holds the file oci-layout.',
    })
  }
}

/**
 * Streams a blob into place: a temporary file, flushed to disk, then renamed to the digest of what really came.
 *
 * @throws VerificationError `digest-mismatch` when `expect` is given and other bytes came; nothing is kept then
 */
export async function writeBlob(
  directory: string,
  source: ByteSource | Iterable<Uint8Array>,
  expect?: { readonly digest: Digest; readonly size: number },
): Promise<{ digest: Digest; size: number }> {
  const temp = join(directory, ownedName('tmp'))
  try {
    const algorithm = algorithmOf(expect?.digest)
    const written = await writeSynced(temp, source, algorithm)
    if (expect !== undefined && (written.digest !== expect.digest || written.size !== expect.size)) {
      throw new VerificationError(
        'digest-mismatch',
        `${expect.digest} (${expect.size} bytes) was expected, but ${written.digest} (${written.size} bytes) came`,
        { subject: expect.digest, remedy: 'The source is damaged or was changed while it was read: make it again.' },
      )
    }
    if (algorithm !== 'sha256') await mkdir(join(directory, 'blobs', algorithm), { recursive: true })
    await rename(temp, blobPath(directory, written.digest))
    return written
  } catch (error) {
    await rm(temp, { force: true }).catch(() => {})
    throw withPath(error, directory)
  }
}

/** Size of a blob's file in bytes, or null where there is none. What is no regular file is no blob. */
export async function blobSize(directory: string, digest: Digest): Promise<number | null> {
  try {
    const info = await lstat(blobPath(directory, digest))
    return info.isFile() ? info.size : null
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw error
  }
}

/** All blobs of a layout, in the order of their digests. What is not named as a blob is none. */
export async function* layoutBlobs(directory: string): AsyncGenerator<{ digest: Digest; size: number }> {
  await requireLayout(directory)
  for (const algorithm of (await readdir(join(directory, 'blobs'))).sort()) {
    const names = await readdir(join(directory, 'blobs', algorithm)).catch(() => [])
    for (const name of names.sort()) {
      const digest = `${algorithm}:${name}`
      const size = isDigest(digest) ? await blobSize(directory, digest) : null
      if (isDigest(digest) && size !== null) yield { digest, size }
    }
  }
}

/** Deletes a blob's file. @returns its size in bytes; 0 where there was none */
export async function removeBlob(directory: string, digest: Digest): Promise<number> {
  const size = (await blobSize(directory, digest)) ?? 0
  await rm(blobPath(directory, digest), { force: true })
  return size
}

/** Largest piece that is read at once. */
const piece = 1 << 20

/**
 * Size in bytes of the pieces in which a file is read: one that holds a small file and one byte more, which shows a file
 * that is longer than was said. Pieces are allocated before anything is read, so that a full one for each of a thousand
 * small blobs is what costs most.
 */
export function pieceFor(size: number): number {
  return Math.min(piece, Math.max(0, size) + 1)
}

/** Reads a blob's file, checked against digest and size unless the reader has a check of its own. The file is opened when the first byte is asked for. */
export function readBlob(
  directory: string,
  want: { digest: Digest; size: number },
  how?: BlobReading,
): AsyncGenerator<Uint8Array> {
  const bytes = readBlobFile(directory, want, how)
  return how?.ownCheck === true ? bytes : verified(bytes, want)
}

/** Reads a blob's file for somebody who checks it: what the file holds, whatever it is. */
export async function* readBlobFile(
  directory: string,
  want: { digest: Digest; size: number },
  how: BlobReading = {},
): AsyncGenerator<Uint8Array> {
  // A link in a foreign layout could lead anywhere, a pipe would never end.
  const handle = await open(blobPath(directory, want.digest), constants.O_RDONLY | constants.O_NOFOLLOW)
  if (want.size <= smallBlob) {
    try {
      yield* readSmall(handle, want.size)
    } finally {
      await handle.close()
    }
    return
  }
  const shared = sharedPieces(how)
  if (shared > 0) {
    try {
      yield* readShared(handle, shared)
    } finally {
      await handle.close()
    }
    return
  }
  const stream = createReadStream('', { fd: handle, highWaterMark: pieceFor(want.size) })
  yield* stream as ByteSource
}

/** Buffers that a reading takes in turn; 0 where each piece stays as it is. */
export function sharedPieces({ piecewise, inTurn }: BlobReading): number {
  return piecewise === true ? 1 : inTurn === true ? 4 : 0
}

/** Size in bytes of a buffer that is used again. */
export const sharedPiece = 256 << 10

/** All pieces lie in the same few buffers, one after the other: the next one is filled while the reader has `count` of them. */
async function* readShared(handle: FileHandle, count: number): AsyncGenerator<Uint8Array> {
  const buffers = Array.from({ length: count + 1 }, () => Buffer.allocUnsafeSlow(sharedPiece))
  const fill = (turn: number): Promise<Uint8Array> => {
    const buffer = buffers[turn % buffers.length] ?? Buffer.alloc(0)
    const reading = handle
      .read(buffer, 0, buffer.length)
      .then(({ bytesRead }): Uint8Array => buffer.subarray(0, bytesRead))
    // Its failure is thrown when that piece is asked for; nobody may ask any more.
    reading.catch(() => {})
    return reading
  }
  let reading = fill(0)
  for (let turn = 1; ; turn++) {
    const bytes = await reading
    if (bytes.length === 0) return
    reading = fill(turn)
    yield bytes
  }
}

/** One byte more than is wanted shows that the file is longer. */
async function* readSmall(handle: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(size + 1)
  let length = 0
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  yield buffer.subarray(0, length)
}

async function writeSynced(
  path: string,
  source: ByteSource | Iterable<Uint8Array>,
  algorithm: DigestAlgorithm = 'sha256',
): Promise<{ digest: Digest; size: number }> {
  const hash = createHash(algorithm)
  let size = 0
  await using handle = await open(path, 'wx')
  for await (const chunk of source) {
    // The disk takes the piece while it is hashed.
    const writing = handle.write(chunk)
    hash.update(chunk)
    for (let at = (await writing).bytesWritten; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten
    size += chunk.length
  }
  await handle.datasync()
  return { digest: `${algorithm}:${hash.digest('hex')}`, size }
}

async function createOnce(directory: string, name: string, content: string): Promise<void> {
  if ((await stat(join(directory, name)).catch(() => null)) !== null) return
  const temp = join(directory, ownedName('tmp'))
  try {
    await writeSynced(temp, [Buffer.from(content)])
    // A link, unlike a rename, never replaces what another process has put there meanwhile.
    await link(temp, join(directory, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  } catch (error) {
    throw withPath(error, directory)
  } finally {
    await rm(temp, { force: true })
  }
}
