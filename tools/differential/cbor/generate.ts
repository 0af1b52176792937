import { CborFloat, CborSimple, CborTag, type CborValue } from '../../../src/encoding/cbor/types.ts'
import { encodeCbor } from '../../../src/encoding/cbor/write.ts'
import { mutate } from '../../../testkit/mutate.ts'
import { Random } from '../../../testkit/random.ts'

/** Numbers at which an encoder changes the length of a head, or its type. */
const edges = [
  ...[0n, 1n, 23n, 24n, 255n, 256n, 65_535n, 65_536n, 4_294_967_295n, 4_294_967_296n],
  ...[2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n],
]
const floats = [0.5, -0, 65_504.5, 1.5e-7, 5.960464477539063e-8, 1e300, 3.4028234663852886e38, Infinity, -Infinity, NaN]
const texts = [
  '',
  'a',
  'alg',
  'kid',
  '\u00e4',
  '\u6c34',
  '\u{1f600}',
  '\u0000',
  '\ufeffx',
  'x'.repeat(24),
  'y'.repeat(256),
]
const tags = [0, 1, 2, 18, 24, 55_799, 98, 65_536] as const

function integer(random: Random): bigint | number {
  const value = random.below(3) === 0 ? BigInt(random.next()) : random.pick(edges)
  const signed = random.below(2) === 0 ? value : -1n - value
  return signed >= Number.MIN_SAFE_INTEGER && signed <= Number.MAX_SAFE_INTEGER ? Number(signed) : signed
}

function key(random: Random): CborValue {
  return random.below(3) === 0 ? random.pick(texts) + random.below(100) : integer(random)
}

/** A value of every kind that CBOR has; a seed fixes it. */
export function anyValue(random: Random, depth = 0): CborValue {
  const kind = random.below(depth > 4 ? 7 : 11)
  switch (kind) {
    case 0:
    case 1:
      return integer(random)
    case 2:
      return random.pick(texts)
    case 3:
      return random.bytes(random.pick([0, 1, 23, 24, 255, 256]))
    case 4:
      return [true, false, null, undefined][random.below(4)]
    case 5:
      return new CborFloat(random.below(2) === 0 ? random.pick(floats) : random.bytes(8).readDoubleBE(0))
    case 6:
      return random.below(8) === 0 ? new CborSimple(random.pick([0, 16, 32, 255])) : integer(random)
    case 7:
    case 8:
      return Array.from({ length: random.pick([0, 1, 2, 3, 5, 24]) % (depth > 1 ? 4 : 25) }, () =>
        anyValue(random, depth + 1),
      )
    case 9: {
      const map = new Map<CborValue, CborValue>()
      for (let n = random.below(6); n > 0; n--) map.set(key(random), anyValue(random, depth + 1))
      return map
    }
    default:
      return new CborTag(random.pick(tags), anyValue(random, depth + 1))
  }
}

/** One input: an encoded value, mostly with changes. */
export function input(seed: number, index: number): { value: CborValue; bytes: Buffer; changed: boolean } {
  const random = new Random(seed, `cbor ${index}`)
  const value = anyValue(random)
  const bytes = encodeCbor(value)
  if (random.below(3) === 0) return { value, bytes, changed: false }
  if (random.below(8) === 0) return { value, bytes: random.bytes(1 + random.below(12)), changed: true }
  return { value, bytes: mutate(bytes, encodeCbor(anyValue(random)), random), changed: true }
}
