import { hashBytes } from './merkle.ts'

/** Finds leaves by their hash: 40 to 80 bytes a leaf, no object for any of them. */
export class LeafIndex {
  #hashes = Buffer.alloc(1024 * hashBytes)
  /** Index + 1 of the leaf in a slot; 0 is free. Never more than half full. */
  #slots = new Uint32Array(2048)
  #size = 0

  /** Number of leaves. */
  get size(): number {
    return this.#size
  }

  /** Index of the first leaf with this hash, or null. */
  find(hash: Buffer): number | null {
    const index = (this.#slots[this.#slotOf(hash)] ?? 0) - 1
    return index < 0 ? null : index
  }

  /** Adds the next leaves; of equal ones the first is found. @param hashes 32 bytes each, one behind the other */
  add(hashes: Buffer): void {
    const count = hashes.length / hashBytes
    this.#reserve(this.#size + count)
    hashes.copy(this.#hashes, this.#size * hashBytes)
    for (let i = 0; i < count; i++) this.#put(this.#size++)
  }

  #put(index: number): void {
    const slot = this.#slotOf(this.#hashes.subarray(index * hashBytes, (index + 1) * hashBytes))
    if (this.#slots[slot] === 0) this.#slots[slot] = index + 1
  }

  /** Slot of a hash: where it is, or where it would be. Its own bits are the hash function. */
  #slotOf(hash: Buffer): number {
    const mask = this.#slots.length - 1
    for (let slot = hash.readUInt32LE() & mask; ; slot = (slot + 1) & mask) {
      const at = ((this.#slots[slot] ?? 0) - 1) * hashBytes
      if (at < 0 || this.#hashes.compare(hash, 0, hashBytes, at, at + hashBytes) === 0) return slot
    }
  }

  #reserve(count: number): void {
    if (count * hashBytes > this.#hashes.length) {
      const larger = Buffer.alloc(Math.max(count * hashBytes, this.#hashes.length * 2))
      this.#hashes.copy(larger, 0, 0, this.#size * hashBytes)
      this.#hashes = larger
    }
    if (count * 2 <= this.#slots.length) return
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(count * 2)))
    for (let i = 0; i < this.#size; i++) this.#put(i)
  }
}
