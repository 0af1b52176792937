import { SealwrightError, VerificationError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import { gzipDecoder } from './inflate-gzip.ts'
import { checkLimits, WindowError, type InflateLimits } from './inflate-limits.ts'
import { zstdDecoder } from './inflate-zstd.ts'

export type Compression = 'gzip' | 'zstd' | 'none'

/** A decoder of one whole blob, fed and emptied by hand. */
export interface Decoder {
  /** The next piece of input; the one before must be used up. It may be overwritten once {@link take} has left room. */
  give(piece: Uint8Array): void
  /** Writes output and returns the number of bytes; where that leaves room, the piece is used up. @throws RangeError for damaged data */
  take(output: Uint8Array, from: number, end: number): number
  /** There is no more input. @throws RangeError when it ends too early */
  end(): void
  close(): void
}

/** Output is given out in pieces of this size. */
const chunk = 256 * 1024
const magics = { gzip: [0x1f, 0x8b], zstd: [0x28, 0xb5, 0x2f, 0xfd] } as const

/** Compression that the first bytes of a blob show. */
export function sniff(head: Uint8Array): Compression {
  const starts = (magic: readonly number[]): boolean => magic.every((value, i) => head[i] === value)
  return starts(magics.gzip) ? 'gzip' : starts(magics.zstd) ? 'zstd' : 'none'
}

/**
 * @param subject the layer with its media type, which errors name
 * @throws VerificationError `format-invalid` where a blob begins as another kind of data than its media type says
 */
export function checkKind(kind: Compression, subject: string, head: Uint8Array): void {
  const found = sniff(head)
  if (found === kind && head.length > 0) return
  const words =
    head.length === 0
      ? 'is empty'
      : isSkippable(head)
        ? 'begins with a skippable zstd frame, which some container engines do not read'
        : `holds ${found === 'none' ? 'other' : found} data`
  throw new VerificationError('format-invalid', `${subject} ${words}`, {
    subject,
    remedy: isSkippable(head)
      ? 'Compress the layer again with its first frame in front (zstd or skopeo do so).'
      : 'The manifest does not describe its layer: build the image again.',
  })
}

function isSkippable(head: Uint8Array): boolean {
  return ((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18
}

/**
 * A decoder with the limits and the errors of layers.
 *
 * @param subject the layer with its media type, which errors name
 */
export function layerDecoder(kind: 'gzip' | 'zstd', subject: string, limits: InflateLimits): Decoder {
  const decoder = kind === 'gzip' ? gzipDecoder() : zstdDecoder()
  let head: Buffer | null = Buffer.alloc(0)
  let read = 0
  let written = 0
  const guarded = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      if (error instanceof SealwrightError || !(error instanceof RangeError)) throw error
      throw damaged(subject, error)
    }
  }
  return {
    give: (piece) => {
      read += piece.length
      if (head !== null) {
        piece = head.length === 0 ? piece : Buffer.concat([head, piece])
        head = piece.length < 4 ? Buffer.from(piece) : null
        if (head !== null) return decoder.give(head.subarray(0, 0))
        checkKind(kind, subject, piece)
      }
      decoder.give(piece)
    },
    take: (output, from, end) => {
      const count = guarded(() => decoder.take(output, from, end))
      written += count
      checkLimits(limits, subject, read, written)
      return count
    },
    end: () => {
      // Fewer bytes than any magic number has.
      if (head !== null) {
        checkKind(kind, subject, head)
        decoder.give(head)
      }
      guarded(() => decoder.end())
    },
    close: () => decoder.close(),
  }
}

function damaged(subject: string, cause: RangeError): VerificationError {
  return new VerificationError(
    'format-invalid',
    cause instanceof WindowError
      ? `${subject} ${cause.message}`
      : `${subject} is damaged or cut short: ${cause.message}`,
    {
      subject,
      cause,
      remedy:
        cause instanceof WindowError
          ? 'Compress the layer again without --long and --ultra.'
          : 'The stored copy is damaged: publish it again from its source.',
    },
  )
}

/** Decompresses in this thread. Each piece is the reader's own. */
export async function* inflate(
  kind: 'gzip' | 'zstd',
  subject: string,
  source: ByteSource,
  limits: InflateLimits,
): AsyncGenerator<Uint8Array> {
  const decoder = layerDecoder(kind, subject, limits)
  try {
    let output = Buffer.allocUnsafeSlow(chunk)
    let at = 0
    for await (const piece of source) {
      decoder.give(piece)
      for (;;) {
        at += decoder.take(output, at, chunk)
        if (at < chunk) break
        yield output
        output = Buffer.allocUnsafeSlow(chunk)
        at = 0
      }
    }
    decoder.end()
    if (at > 0) yield output.subarray(0, at)
  } finally {
    decoder.close()
  }
}
