import { ByteReader } from '../../byte-reader.ts'

/** Reads SCALE, the encoding of Substrate, as far as dstack's attestations use it: compact lengths, byte strings, lists. */
export class ScaleReader {
  readonly #reader: ByteReader

  constructor(bytes: Buffer, subject: string) {
    this.#reader = new ByteReader(bytes, subject, 'LE')
  }

  u8(what: string): number {
    return this.#reader.u8(what)
  }

  u32(what: string): number {
    return this.#reader.u32(what)
  }

  take(length: number, what: string): Buffer {
    return this.#reader.take(length, what)
  }

  /** A compact number: the two lowest bits of the first byte tell its length. */
  compact(what: string): number {
    const first = this.#reader.u8(what)
    const mode = first & 3
    if (mode === 0) return first >> 2
    if (mode === 1) return (first + (this.#reader.u8(what) << 8)) >> 2
    if (mode === 2) {
      const rest = this.#reader.take(3, what)
      return Math.floor((first + (rest[0] ?? 0) * 0x100 + (rest[1] ?? 0) * 0x1_0000 + (rest[2] ?? 0) * 0x100_0000) / 4)
    }
    throw this.#reader.refuse(`${what} is larger than any attestation`)
  }

  bytes(what: string): Buffer {
    return this.#reader.take(this.compact(`length of ${what}`), what)
  }

  text(what: string): string {
    return this.bytes(what).toString('utf8')
  }

  list<T>(what: string, read: () => T): T[] {
    const count = this.compact(`number of ${what}`)
    // Each item has at least one byte.
    if (count > this.#reader.rest.length) throw this.#reader.refuse(`${count} ${what} end beyond the input`)
    return Array.from({ length: count }, read)
  }

  end(): void {
    this.#reader.end()
  }
}
