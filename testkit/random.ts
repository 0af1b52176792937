/** A stream of numbers that a seed and a name fix (mulberry32): the same on every machine, so that each case can be made again. */
export class Random {
  #state: number

  constructor(seed: number, name = '') {
    // FNV-1a over the name, so that streams of one seed differ.
    let state = 0x811c9dc5 ^ seed
    for (const char of name) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193)
    this.#state = state >>> 0
  }

  /** 32 bits. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let value = this.#state
    value = Math.imul(value ^ (value >>> 15), value | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return (value ^ (value >>> 14)) >>> 0
  }

  /** From 0 to below `limit`. */
  below(limit: number): number {
    return limit <= 0 ? 0 : Math.floor((this.next() / 0x1_0000_0000) * limit)
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    for (let i = 0; i < length; i++) bytes[i] = this.next() & 0xff
    return bytes
  }
}
