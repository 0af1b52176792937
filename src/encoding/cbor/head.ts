import { VerificationError } from '../../base/errors.ts'
import { encodeHead } from './write.ts'
import type { CborInteger } from './types.ts'

/** The head of an item: major type, additional information and argument (RFC 8949 §3). */
export interface Head {
  major: number
  /** The five lower bits of the first byte; 31 stands for an indefinite length or a break. */
  info: number
  argument: CborInteger
  /** Where the content begins. */
  next: number
}

/**
 * Reads the head at an offset.
 *
 * @param shortest whether an argument in a longer form than needed is refused
 * @throws VerificationError `format-invalid`
 */
export function readHead(bytes: Buffer, offset: number, shortest: boolean, subject: string): Head {
  const first = bytes[offset]
  if (first === undefined) throw cborRefusal(subject, offset, 'the bytes end early')
  const major = first >> 5
  const info = first & 0x1f
  if (info < 24) return { major, info, argument: info, next: offset + 1 }
  if (info === 31) return { major, info, argument: 0, next: offset + 1 }
  if (info > 27) throw cborRefusal(subject, offset, `the additional information ${info} is reserved`)
  const size = 1 << (info - 24)
  const next = offset + 1 + size
  if (next > bytes.length) throw cborRefusal(subject, offset, 'the bytes end early')
  const argument = readArgument(bytes, offset + 1, size)
  // The argument of major type 7 is a float or a simple value, which have rules of their own.
  if (shortest && major !== 7 && encodeHead(major, argument).length !== 1 + size)
    throw cborRefusal(subject, offset, 'a number or length is not in its shortest form')
  return { major, info, argument, next }
}

function readArgument(bytes: Buffer, offset: number, size: number): CborInteger {
  if (size < 8) return bytes.readUIntBE(offset, size)
  const value = bytes.readBigUInt64BE(offset)
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

/** The error of everything that reads CBOR: what is read, where, why. */
export function cborRefusal(subject: string, offset: number, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} is not valid CBOR: ${why}, at byte ${offset}`, { subject })
}
