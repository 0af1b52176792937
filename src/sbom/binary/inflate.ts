import { inflateRawSync, inflateSync } from 'node:zlib'
import { malformed } from './view.ts'

/**
 * Inflates a zlib stream in memory (RFC 1950). Memory never exceeds the limit.
 *
 * @param what named in errors
 * @throws VerificationError `format-invalid` where it is damaged or larger than `most` bytes
 */
export function inflateZlib(bytes: Buffer, most: number, what: string): Buffer {
  return bounded(() => inflateSync(bytes, { maxOutputLength: most }), most, what)
}

/** As {@link inflateZlib} for raw deflate (RFC 1951), as zip has it. */
export function inflateRaw(bytes: Buffer, most: number, what: string): Buffer {
  return bounded(() => inflateRawSync(bytes, { maxOutputLength: most }), most, what)
}

function bounded(inflate: () => Buffer, most: number, what: string): Buffer {
  try {
    return inflate()
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : ''
    throw malformed(
      code === 'ERR_BUFFER_TOO_LARGE'
        ? `${what}: at most ${most} bytes are inflated, but the data is larger`
        : `${what}: the compressed data is damaged (${typeof code === 'string' ? code : 'unknown error'})`,
    )
  }
}
