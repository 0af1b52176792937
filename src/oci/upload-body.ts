import { createReadStream, openAsBlob } from 'node:fs'
import { VerificationError } from '../base/errors.ts'
import { collect, digestLike, digesting, sha256, type ByteSource } from '../base/streams.ts'
import { pieceFor } from './layout-files.ts'
import type { BlobSource, Digest } from './types.ts'

/** Digest and size in bytes of a blob that is put. */
export interface Known {
  readonly digest: Digest
  readonly size: number
}

/** Told how many bytes of a blob the registry was sent. */
export type OnSent = (blob: Known, sent: number) => void

/** A body of up to this many bytes is sent again as a whole when its connection breaks; a longer one goes on where it ended. */
const smallBody = 1 << 20
/** A stream of up to this many bytes is read before it is sent, and can then be sent again. */
export const smallStream = 1 << 20
/** A file of more bytes is sent as a stream, so that it can be seen how far it is. */
const watchedBody = 64 << 20

/** Digest and size of a source, where they are known before it is read. */
export function knownOf(source: BlobSource): Known | undefined {
  if ('bytes' in source) return { digest: sha256(source.bytes), size: source.bytes.length }
  return 'path' in source ? { digest: source.digest, size: source.size } : source.expect
}

/** What one PUT sends, and how its source is read again. */
export interface UploadBody {
  body: Uint8Array | Blob | ByteSource
  length: number
  once?: boolean
  stops?: boolean
  /** Why the source failed, if it did. */
  failure(): unknown
  /** After the PUT: throws where other bytes went out than were named. */
  check(): void
  /** The bytes from an offset on; null where the source is read once only. */
  again: ((offset: number) => ByteSource) | null
}

/** What the PUT sends; a small stream is read. @throws VerificationError `digest-mismatch` for a file of another size, or other bytes in a small stream */
export async function bodyOf(source: BlobSource, known: Known, onSent: OnSent): Promise<UploadBody> {
  const { size } = known
  const plain = { length: size, failure: () => undefined, check: () => {} }
  if ('bytes' in source) {
    const { bytes } = source
    const again = (offset: number): ByteSource => pieces(bytes.subarray(offset))
    return { ...plain, body: bytes, again, stops: size > smallBody }
  }
  if ('stream' in source && size <= smallStream) {
    const bytes = await collect(source.stream, size, known.digest).catch((error: unknown) => {
      if (error instanceof VerificationError && error.code === 'format-invalid') throw differs(known, 'more came')
      throw error
    })
    const found = digestLike(known.digest, bytes)
    if (found !== known.digest) throw differs(known, `${found} (${bytes.length} bytes) came`)
    return { ...plain, body: bytes, again: (offset) => pieces(bytes.subarray(offset)) }
  }
  let open: () => ByteSource
  let again: UploadBody['again']
  if ('path' in source) {
    const { path } = source
    const blob = await openAsBlob(path)
    if (blob.size !== size) throw differs(known, `${path} has ${blob.size} bytes`)
    again = (start) => createReadStream(path, { start, highWaterMark: pieceFor(size - start) })
    if (size <= watchedBody) return { ...plain, body: blob, again, stops: size > smallBody }
    open = () => createReadStream(path, { highWaterMark: pieceFor(size) })
  } else {
    const { stream, reopen, checked } = source
    open = () => stream
    again = reopen === undefined ? null : (offset) => from(reopen(), offset)
    if (checked === true) {
      const flow = watched(stream, (sent) => onSent(known, sent))
      return { ...plain, body: flow.stream, once: true, failure: flow.failure, again }
    }
  }
  const flow = watched(open(), (sent) => onSent(known, sent))
  const { stream, result } = digesting(flow.stream, known.digest)
  const check = (): void => {
    const found = result()
    if (found.digest !== known.digest || found.size !== size)
      throw differs(known, `${found.digest} (${found.size} bytes) came`)
  }
  return { body: stream, length: size, once: true, failure: flow.failure, check, again }
}

export function differs(known: Known, why: string): VerificationError {
  return new VerificationError('digest-mismatch', `${known.digest} (${known.size} bytes) was expected, but ${why}`, {
    subject: known.digest,
    remedy: 'The source is damaged or was changed while it was read: make it again.',
  })
}

/** Remembers what a source threw, which `fetch` hides behind an error of its own, and tells how far it is. */
export function watched(
  source: ByteSource,
  onSent: (sent: number) => void = () => {},
): { stream: ByteSource; failure: () => unknown } {
  let failure: unknown
  async function* flow(): AsyncGenerator<Uint8Array> {
    let sent = 0
    try {
      for await (const piece of source) {
        yield piece
        onSent((sent += piece.length))
      }
    } catch (error) {
      failure = error
      throw error
    }
  }
  return { stream: flow(), failure: () => failure }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** What follows the first `offset` bytes of a source. */
async function* from(source: ByteSource, offset: number): AsyncGenerator<Uint8Array> {
  let skip = offset
  for await (const piece of source) {
    const cut = Math.min(skip, piece.length)
    skip -= cut
    if (cut < piece.length) yield cut === 0 ? piece : piece.subarray(cut)
  }
}
