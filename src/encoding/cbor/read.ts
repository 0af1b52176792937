import { encodeFloat, readHalf } from './float.ts'
import { cborRefusal, readHead, type Head } from './head.ts'
import { keyOf } from './item.ts'
import type { CborInteger, CborItem } from './types.ts'

/** How much one document may ask of its reader. */
export interface CborLimits {
  /** Levels of arrays, maps and tags. */
  readonly depth: number
  /** Data items, keys included. */
  readonly items: number
  /** Length of the document in bytes. */
  readonly bytes: number
}

export interface CborOptions {
  /** Accept indefinite lengths. Default: refused, as deterministic encoders never write them. */
  readonly indefinite?: boolean | undefined
  /** Accept numbers, lengths and floats in a longer form than needed. Default: refused. */
  readonly longForms?: boolean | undefined
  readonly limits?: Partial<CborLimits> | undefined
}

/** Envelopes carry payloads of up to 32 MiB, certificates and proofs: their structure is small. */
export const cborLimits: CborLimits = { depth: 32, items: 65_536, bytes: 33_554_432 }

/**
 * Reads exactly one data item that fills all the bytes (RFC 8949). Duplicate keys, text that is not UTF-8, bytes after the item, reserved
 * encodings and whatever exceeds the limits are always refused; indefinite lengths and long forms unless an option allows them.
 *
 * @param subject what is read, for errors
 * @throws VerificationError `format-invalid` that names the byte offset
 */
export function readCbor(input: Uint8Array, subject: string, options: CborOptions = {}): CborItem {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  const limits = { ...cborLimits, ...options.limits }
  if (bytes.length > limits.bytes) throw cborRefusal(subject, limits.bytes, `it has more than ${limits.bytes} bytes`)
  const item = new CborReader(bytes, subject, options, limits).item(0, 0)
  if (item.end !== bytes.length) throw cborRefusal(subject, item.end, 'bytes follow the item')
  return item
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const isBreak = ({ major, info }: Head): boolean => major === 7 && info === 31

class CborReader {
  readonly #bytes: Buffer
  readonly #subject: string
  readonly #options: CborOptions
  readonly #limits: CborLimits
  #left: number

  constructor(bytes: Buffer, subject: string, options: CborOptions, limits: CborLimits) {
    this.#bytes = bytes
    this.#subject = subject
    this.#options = options
    this.#limits = limits
    this.#left = limits.items
  }

  item(offset: number, depth: number): CborItem {
    if (depth > this.#limits.depth) throw this.#refuse(offset, `it nests more than ${this.#limits.depth} levels`)
    if (this.#left-- === 0) throw this.#refuse(offset, `it has more than ${this.#limits.items} items`)
    const head = this.#head(offset)
    const { major, argument, next } = head
    switch (major) {
      case 0:
      case 1:
        this.#definite(head, offset)
        return { kind: 'integer', value: major === 0 ? argument : negative(argument), offset, end: next }
      case 2: {
        const { value, end } = this.#string(head, offset)
        return { kind: 'bytes', value, offset, end }
      }
      case 3: {
        const { value, end } = this.#string(head, offset)
        return { kind: 'text', value: value.toString('utf8'), offset, end }
      }
      case 4: {
        const { items, end } = this.#members(head, offset, depth, 1)
        return { kind: 'array', items, offset, end }
      }
      case 5:
        return this.#map(head, offset, depth)
      case 6: {
        this.#definite(head, offset)
        const item = this.item(next, depth + 1)
        return { kind: 'tag', tag: argument, item, offset, end: item.end }
      }
      default:
        return this.#simple(head, offset)
    }
  }

  #head(offset: number): Head {
    return readHead(this.#bytes, offset, this.#options.longForms !== true, this.#subject)
  }

  #definite({ info }: Head, offset: number): void {
    if (info === 31) throw this.#refuse(offset, 'the additional information 31 has no meaning here')
  }

  /** Refuses an indefinite length unless the caller allowed it; returns whether it is one. */
  #indefinite({ info }: Head, offset: number): boolean {
    if (info !== 31) return false
    if (this.#options.indefinite !== true) throw this.#refuse(offset, 'a length is indefinite')
    return true
  }

  #string(head: Head, offset: number): { value: Buffer; end: number } {
    if (!this.#indefinite(head, offset)) return this.#chunk(head, offset)
    const chunks: Buffer[] = []
    for (let at = head.next; ;) {
      const inner = this.#head(at)
      if (isBreak(inner)) return { value: Buffer.concat(chunks), end: inner.next }
      if (inner.major !== head.major || inner.info === 31) throw this.#refuse(at, 'a string holds a foreign chunk')
      if (this.#left-- === 0) throw this.#refuse(at, `it has more than ${this.#limits.items} items`)
      const { value, end } = this.#chunk(inner, at)
      chunks.push(value)
      at = end
    }
  }

  #chunk({ major, argument, next }: Head, offset: number): { value: Buffer; end: number } {
    const length = this.#count(argument, offset, this.#bytes.length - next)
    const value = this.#bytes.subarray(next, next + length)
    // RFC 8949 §3.2.3: each chunk of a text is well-formed by itself.
    if (major === 3 && !isUtf8(value)) throw this.#refuse(offset, 'a text is not UTF-8')
    return { value, end: next + length }
  }

  #count(argument: CborInteger, offset: number, available: number): number {
    if (argument > available) throw this.#refuse(offset, 'the bytes end early')
    return Number(argument)
  }

  /** The items inside an array (`each` = 1) or a map (`each` = 2). */
  #members(head: Head, offset: number, depth: number, each: 1 | 2): { items: CborItem[]; end: number } {
    const items: CborItem[] = []
    let at = head.next
    if (this.#indefinite(head, offset)) {
      for (;;) {
        // Looked at only here, between entries: a break after a key is refused as an item.
        const inner = this.#head(at)
        if (isBreak(inner)) return { items, end: inner.next }
        at = this.#push(items, at, depth, each)
      }
    }
    // Every item has at least one byte: a count that the bytes cannot hold is refused before the work.
    const count = this.#count(head.argument, offset, Math.floor((this.#bytes.length - at) / each))
    for (let n = 0; n < count; n++) at = this.#push(items, at, depth, each)
    return { items, end: at }
  }

  #push(items: CborItem[], offset: number, depth: number, each: 1 | 2): number {
    let at = offset
    for (let n = 0; n < each; n++) {
      const item = this.item(at, depth + 1)
      items.push(item)
      at = item.end
    }
    return at
  }

  #map(head: Head, offset: number, depth: number): CborItem {
    const { items, end } = this.#members(head, offset, depth, 2)
    const entries: (readonly [CborItem, CborItem])[] = []
    const seen = new Set<string>()
    for (let n = 0; n + 1 < items.length; n += 2) {
      const key = items[n]
      const value = items[n + 1]
      if (key === undefined || value === undefined) break
      const name = keyOf(key)
      if (seen.has(name)) throw this.#refuse(key.offset, 'a map has a key twice')
      seen.add(name)
      entries.push([key, value])
    }
    return { kind: 'map', entries, offset, end }
  }

  #simple(head: Head, offset: number): CborItem {
    const { info, argument, next } = head
    if (info < 24) return { kind: 'simple', value: info, offset, end: next }
    if (info === 24) {
      // RFC 8949 §3.3: values below 32 have no form of two bytes.
      if (argument < 32) throw this.#refuse(offset, 'a simple value is malformed')
      return { kind: 'simple', value: Number(argument), offset, end: next }
    }
    if (info === 31) throw this.#refuse(offset, 'a break stands outside an indefinite length')
    const value = this.#float(info, offset + 1)
    if (this.#options.longForms !== true && !encodeFloat(value).equals(this.#bytes.subarray(offset, next)))
      throw this.#refuse(offset, 'a float is not in its shortest form')
    return { kind: 'float', value, offset, end: next }
  }

  #float(info: number, at: number): number {
    if (info === 25) return readHalf(this.#bytes.readUInt16BE(at))
    return info === 26 ? this.#bytes.readFloatBE(at) : this.#bytes.readDoubleBE(at)
  }

  #refuse(offset: number, why: string): Error {
    return cborRefusal(this.#subject, offset, why)
  }
}

function negative(argument: CborInteger): CborInteger {
  if (typeof argument === 'number' && argument < Number.MAX_SAFE_INTEGER) return -1 - argument
  return -1n - BigInt(argument)
}

function isUtf8(bytes: Buffer): boolean {
  try {
    utf8.decode(bytes)
    return true
  } catch {
    return false
  }
}
