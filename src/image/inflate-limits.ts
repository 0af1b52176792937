import { VerificationError } from '../base/errors.ts'

/** What a compressed layer may ask of its reader. */
export interface InflateLimits {
  /** Bytes after decompression. */
  readonly bytes: number
  /** Bytes after decompression for each compressed byte, once there are more than `free` of them. */
  readonly ratio: number
  readonly free: number
}

/**
 * Half a terabyte; and from 1 GiB on 300 bytes for each stored one. File systems of programs and data come to 2 to 20, deflate at
 * its best to 1032, zstd to more than 30,000.
 */
export const inflateLimits: InflateLimits = { bytes: 2 ** 39, ratio: 300, free: 2 ** 30 }

/** Largest zstd window: 2^27 bytes (128 MiB), which zstd(1) and libzstd read without being asked to; RFC 8878 §3.1.1.1.2 lets a reader refuse more. */
export const zstdWindowLog = 27

/** A frame that is whole, but needs more memory than a reader has to have. */
export class WindowError extends RangeError {
  /** @param window bytes */
  constructor(window: number) {
    super(`has a zstd frame with a window of ${window} bytes; at most ${2 ** zstdWindowLog} bytes are supported`)
  }
}

/**
 * The limits of a layer for all layers of an image together: a manifest may list one small layer four thousand times.
 *
 * @param read compressed bytes, of each blob once @throws VerificationError `format-invalid`
 */
export function checkImageLimits(limits: InflateLimits, subject: string, read: number, written: number): void {
  if (written <= limits.free || written <= read * limits.ratio) return
  throw new VerificationError(
    'format-invalid',
    `the layers of the image may decompress to at most ${limits.ratio} times the size of their blobs beyond ${limits.free} bytes, but ${read} bytes gave ${written}`,
    { subject, remedy: 'The layers could keep a reader busy for hours: build the image again without such files.' },
  )
}

/** @throws VerificationError `format-invalid` */
export function checkLimits(limits: InflateLimits, subject: string, read: number, written: number): void {
  const remedy = 'The layer could fill a disk or keep a reader busy for hours: build it again without such files.'
  if (written > limits.bytes) {
    throw new VerificationError(
      'format-invalid',
      `${subject} may have at most ${limits.bytes} bytes after decompression, but more came`,
      { subject, remedy },
    )
  }
  if (written > limits.free && written > read * limits.ratio) {
    throw new VerificationError(
      'format-invalid',
      `${subject} may decompress to at most ${limits.ratio} times its size beyond ${limits.free} bytes, but ${read} bytes gave ${written}`,
      { subject, remedy },
    )
  }
}
