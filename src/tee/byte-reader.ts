import { VerificationError } from '../base/errors.ts'

/** Reads foreign bytes in order. Each value beyond the end is refused with its offset; results of `take` are views, never copies. */
export class ByteReader {
  readonly #bytes: Buffer
  readonly #subject: string
  readonly #order: 'BE' | 'LE'
  #at = 0

  /** @param subject what is read, for errors */
  constructor(bytes: Uint8Array, subject: string, order: 'BE' | 'LE') {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#subject = subject
    this.#order = order
  }

  get offset(): number {
    return this.#at
  }

  /** Bytes that are not read yet. */
  get rest(): Buffer {
    return this.#bytes.subarray(this.#at)
  }

  take(length: number, what: string): Buffer {
    if (length > this.#bytes.length - this.#at) throw this.refuse(`${what} of ${length} bytes ends beyond the input`)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  u8(what: string): number {
    return this.take(1, what).readUInt8()
  }

  u16(what: string): number {
    const bytes = this.take(2, what)
    return this.#order === 'BE' ? bytes.readUInt16BE() : bytes.readUInt16LE()
  }

  u32(what: string): number {
    const bytes = this.take(4, what)
    return this.#order === 'BE' ? bytes.readUInt32BE() : bytes.readUInt32LE()
  }

  u64(what: string): bigint {
    const bytes = this.take(8, what)
    return this.#order === 'BE' ? bytes.readBigUInt64BE() : bytes.readBigUInt64LE()
  }

  /** Bytes behind their 16-bit length. */
  sized16(what: string, most: number): Buffer {
    return this.#sized(this.u16(`length of ${what}`), what, most)
  }

  /** Bytes behind their 32-bit length. */
  sized32(what: string, most: number): Buffer {
    return this.#sized(this.u32(`length of ${what}`), what, most)
  }

  /** @throws VerificationError `format-invalid` when bytes are left */
  end(): void {
    if (this.#at !== this.#bytes.length) throw this.refuse(`${this.#bytes.length - this.#at} bytes follow the end`)
  }

  refuse(why: string): VerificationError {
    return new VerificationError('format-invalid', `${this.#subject}: ${why}, at byte ${this.#at}`, {
      subject: this.#subject,
    })
  }

  #sized(length: number, what: string, most: number): Buffer {
    if (length > most) throw this.refuse(`${what} has ${length} bytes, more than ${most}`)
    return this.take(length, what)
  }
}
