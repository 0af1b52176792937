import type { Random } from './random.ts'

/** A copy with one bit changed. @param bit counted from the lowest bit of the first byte */
export function flip(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}

type Change = (bytes: Buffer, random: Random, other: Buffer) => Buffer

/** Numbers at which length and count fields break. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as const

const changes: readonly Change[] = [
  function setBytes(bytes, random) {
    const copy = Buffer.from(bytes)
    for (let n = 1 + random.below(8); n > 0; n--) copy[random.below(copy.length)] = random.next() & 0xff
    return copy
  },
  function flipBits(bytes, random) {
    let copy = bytes
    for (let n = 2 + random.below(6); n > 0; n--) copy = flip(copy, random.below(copy.length * 8))
    return copy
  },
  function putEdge(bytes, random) {
    const copy = Buffer.from(bytes)
    const size = random.pick([1, 2, 4] as const)
    if (copy.length < size) return copy
    const value = random.pick(edges) & (size === 4 ? 0xffff_ffff : 2 ** (8 * size) - 1)
    const at = random.below(copy.length - size + 1)
    if (random.below(2) === 0) copy.writeUIntBE(value >>> 0, at, size)
    else copy.writeUIntLE(value >>> 0, at, size)
    return copy
  },
  function cutOut(bytes, random) {
    const from = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + random.below(64))])
  },
  function putIn(bytes, random) {
    const at = random.below(bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(64)), bytes.subarray(at)])
  },
  function twice(bytes, random) {
    const from = random.below(bytes.length)
    const to = from + 1 + random.below(200)
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])
  },
  function fill(bytes, random) {
    const copy = Buffer.from(bytes)
    const from = random.below(copy.length)
    return copy.fill(
      random.pick([0, 0xff, random.next() & 0xff]),
      from,
      Math.min(copy.length, from + 1 + random.below(64)),
    )
  },
  function splice(bytes, random, other) {
    // Foreign but valid bytes at the same place: fields of another report, certificate or log.
    const copy = Buffer.from(bytes)
    const from = random.below(Math.min(copy.length, other.length))
    other.copy(copy, from, from, Math.min(other.length, copy.length, from + 1 + random.below(200)))
    return copy
  },
]

/** A multi-byte change; the seed fixes it. @param other bytes of another valid thing of the same kind */
export function mutate(bytes: Buffer, other: Buffer, random: Random): Buffer {
  let result = random.pick(changes)(bytes, random, other)
  if (random.below(4) === 0 && result.length > 0) result = random.pick(changes)(result, random, other)
  return result
}
