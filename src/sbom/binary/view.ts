import { VerificationError } from '../../base/errors.ts'

/** An error for bytes that are not in their format. The message says what was expected and what was found. */
export function malformed(message: string): VerificationError {
  return new VerificationError('format-invalid', message)
}

/** Numbers and parts of a buffer at checked positions: a position outside is an error, never a shorter answer. */
export class View {
  readonly bytes: Buffer
  readonly little: boolean
  private readonly what: string

  /** @param what named in errors: `the ELF header` */
  constructor(bytes: Buffer, little: boolean, what: string) {
    this.bytes = bytes
    this.little = little
    this.what = what
  }

  get length(): number {
    return this.bytes.length
  }

  u8(at: number): number {
    return this.bytes.readUInt8(this.check(at, 1))
  }

  u16(at: number): number {
    this.check(at, 2)
    return this.little ? this.bytes.readUInt16LE(at) : this.bytes.readUInt16BE(at)
  }

  u32(at: number): number {
    this.check(at, 4)
    return this.little ? this.bytes.readUInt32LE(at) : this.bytes.readUInt32BE(at)
  }

  /** A 64-bit number. Values from 2^53 are positions in no file: they become Infinity, which every check refuses. */
  u64(at: number): number {
    this.check(at, 8)
    const value = this.little ? this.bytes.readBigUInt64LE(at) : this.bytes.readBigUInt64BE(at)
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value)
  }

  /** A part that lies wholly inside; shares memory with the whole. */
  slice(at: number, length: number): Buffer {
    this.check(at, length)
    return this.bytes.subarray(at, at + length)
  }

  /** Text up to its NUL, as latin1. @throws VerificationError where no NUL follows within `most` bytes */
  text(at: number, most: number): string {
    this.check(at, 1)
    const part = this.bytes.subarray(at, at + most)
    const end = part.indexOf(0)
    if (end === -1) throw malformed(`${this.what}: the text at byte ${at} does not end within ${most} bytes`)
    return part.toString('latin1', 0, end)
  }

  private check(at: number, length: number): number {
    if (!(at >= 0 && length >= 0 && at + length <= this.bytes.length))
      throw malformed(
        `${this.what}: ${length} bytes are expected at byte ${at}, but only ${this.bytes.length} bytes are there`,
      )
    return at
  }
}
