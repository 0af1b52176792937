import { randomBytes } from 'node:crypto'

/**
 * Secret of this process: names come from archives of strangers, who could else choose thousands that share a place in a table. No result
 * depends on it.
 */
const secret = randomBytes(8)
const [secret0, secret1] = [secret.readInt32LE(0), secret.readInt32LE(4)]

/**
 * HalfSipHash-1-3 (32 bits) over a number and bytes, with a key of this process. For tables in memory only: the number stands first, and the
 * length that goes into the last word is that of the bytes.
 *
 * @param first a whole number of 32 bits @param length bytes that count
 * @see https://github.com/veorq/SipHash (halfsiphash.c)
 */
export function keyedHash(first: number, bytes: Uint8Array, start: number, length: number): number {
  let v0 = secret0
  let v1 = secret1
  let v2 = 0x6c796765 ^ secret0
  let v3 = 0x74656462 ^ secret1
  // The number, whole words, the rest with the length, and three rounds to finish.
  const words = (length >> 2) + 1
  for (let i = 0; i < words + 4; i++) {
    let word = 0
    if (i === 0) word = first
    else if (i < words) {
      const at = start + 4 * (i - 1)
      word = byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24)
    } else if (i === words) {
      word = length << 24
      for (let at = start + (length & ~3), shift = 0; at < start + length; at++, shift += 8)
        word |= byte(bytes, at) << shift
    } else if (i === words + 1) v2 ^= 0xff
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  return v1 ^ v3
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}
