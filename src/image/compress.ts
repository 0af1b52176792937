import { pipeline } from 'node:stream/promises'
import { constants, createGzip, createZstdCompress } from 'node:zlib'
import type { Transform } from 'node:stream'
import { SealwrightError, VerificationError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import { checkKind, inflate } from './inflate.ts'
import { inflateLimits, type InflateLimits } from './inflate-limits.ts'
import type { Compression } from './inflate.ts'

export type { Compression } from './inflate.ts'

/** Output pieces of zlib. */
const chunk = 256 * 1024

/**
 * Compresses with headers that say nothing of machine or time: gzip with mtime 0 and OS 255 (RFC 1952), zstd with a content checksum.
 * Equal input gives equal output for one version of Node.
 */
export function compress(kind: Compression, source: ByteSource): ByteSource {
  switch (kind) {
    case 'gzip':
      return neutralHeader(through(source, createGzip({ level: 6, chunkSize: chunk }), 'gzip'))
    case 'zstd':
      // Equal pieces in, equal bytes out: an encoder may cut its blocks where the input was cut.
      return through(
        inPieces(source, 128 * 1024),
        createZstdCompress({
          chunkSize: chunk,
          params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
        }),
        'zstd',
      )
    case 'none':
      return source
  }
}

/** How the media type of a layer says that it is compressed. @throws VerificationError `not-checked` for an encrypted layer, `format-invalid` for one we do not know */
export function compressionOf(mediaType: string): Compression {
  if (mediaType.endsWith('+encrypted')) {
    throw new VerificationError('not-checked', `a layer of type ${mediaType} is encrypted and no key was given`, {
      subject: mediaType,
      remedy: 'Give `decryption-key` or `kbs-url`.',
    })
  }
  if (/(\.tar\+gzip|\.tar\.gzip)$/.test(mediaType)) return 'gzip'
  if (/(\.tar\+zstd|\.tar\.zstd)$/.test(mediaType)) return 'zstd'
  if (/\.tar$/.test(mediaType)) return 'none'
  throw new VerificationError('format-invalid', `${mediaType} is not a type of layer that we know`, {
    subject: mediaType,
  })
}

/**
 * Decompresses as the media type says; the content's own magic number must say the same, since engines that go by one of the two differ
 * otherwise. Gzip members and zstd frames in a row are one stream (pigz, estargz, zstd:chunked). Each piece is the reader's own.
 *
 * @param name what errors call the data
 * @throws VerificationError `format-invalid` for another format than announced, damaged or truncated data, foreign bytes at the end, and
 *   for more bytes than the limits allow
 */
export async function* decompress(
  mediaType: string,
  source: ByteSource,
  limits: InflateLimits = inflateLimits,
  name = 'a layer',
): AsyncGenerator<Uint8Array> {
  const kind = compressionOf(mediaType)
  const subject = typed(name, mediaType)
  if (kind === 'none') yield* withoutMagic(subject, source)
  else yield* inflate(kind, subject, source, limits)
}

/** How errors name what is decompressed. */
export function typed(name: string, mediaType: string): string {
  return `${name} of type ${mediaType}`
}

/** Passes uncompressed bytes on. @throws VerificationError `format-invalid` where they are compressed after all, or where there are none */
async function* withoutMagic(subject: string, source: ByteSource): AsyncGenerator<Uint8Array> {
  let head: Buffer | null = Buffer.alloc(0)
  for await (const piece of source) {
    if (head === null) yield piece
    else {
      head = Buffer.concat([head, piece])
      if (head.length < 4) continue
      checkKind('none', subject, head)
      yield head
      head = null
    }
  }
  if (head !== null) {
    checkKind('none', subject, head)
    yield head
  }
}

/** Runs a zlib stream with backpressure on both sides; whoever stops reading stops it. */
async function* through(source: ByteSource, transform: Transform, subject: string): AsyncGenerator<Uint8Array> {
  let inner: unknown
  let finished = false
  const pump = pipeline(async function* () {
    try {
      yield* source
      finished = true
    } catch (error) {
      inner = error
      throw error
    }
  }, transform).catch(() => {
    // Whatever broke reaches the reader below through the transform itself.
  })
  const damaged = (message: string, cause?: unknown): VerificationError =>
    new VerificationError('format-invalid', `compressed data (${subject}) is damaged or cut short: ${message}`, {
      subject,
      cause,
      remedy: 'The stored copy is damaged: publish it again from its source.',
    })
  try {
    for await (const piece of transform) yield piece as Uint8Array
    // zlib ends early at foreign bytes behind the last member; then the digest of the source was never completed.
    if (!finished) throw damaged('foreign data follows its end')
  } catch (cause) {
    if (inner !== undefined) throw inner
    if (cause instanceof SealwrightError) throw cause
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause)
  } finally {
    transform.destroy()
    await pump
  }
}

/** zlib writes the operating system into byte 9. */
async function* neutralHeader(source: ByteSource): AsyncGenerator<Uint8Array> {
  let first = true
  for await (const piece of source) {
    if (first) {
      piece.fill(0, 4, 8)
      piece[9] = 255
      first = false
    }
    yield piece
  }
}

async function* inPieces(source: ByteSource, size: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let length = 0
  for await (let piece of source) {
    while (length + piece.length >= size) {
      held.push(piece.subarray(0, size - length))
      yield Buffer.concat(held, size)
      piece = piece.subarray(size - length)
      held = []
      length = 0
    }
    if (piece.length > 0) {
      held.push(piece)
      length += piece.length
    }
  }
  if (length > 0) yield Buffer.concat(held, length)
}
