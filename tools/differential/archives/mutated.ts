import { mutate } from '../../../testkit/mutate.ts'
import { Random } from '../../../testkit/random.ts'
import { summed } from '../../../testkit/raw-tar.ts'
import { generate, type Made } from './generate.ts'

/** A generated archive with changed bytes. In half of them the checksums of headers are made right again, so that readers get further. */
export function mutated(seed: number, index: number): Made {
  const random = new Random(seed, `mutation ${index}`)
  const valid = (): Buffer => generate(seed, random.below(1 << 30), 1).layers[0] ?? Buffer.alloc(0)
  const before = valid()
  const bytes = changed(before, random, valid)
  if (random.below(2) === 0) sumAgain(before, bytes)
  return { layers: [bytes], features: ['mutation'], mustTake: false }
}

function changed(bytes: Buffer, random: Random, other: () => Buffer): Buffer {
  if (random.below(3) > 0) return mutate(bytes, other(), random)
  // Few of all bytes are in headers, and most of these are zero: one field of one header.
  const copy = Buffer.from(bytes)
  const block = 512 * random.below(Math.max(1, copy.length >> 9))
  const [from, to] = random.pick(fields)
  const text = random.pick(['\0', ' ', '7', '9', '/', 'x', '\xff', '\x80', '-1', 'g', 'L', '5', '2'])
  copy.write(text, block + from + random.below(to - from), 'latin1')
  return copy
}
const fields = [
  [0, 100],
  [100, 108],
  [124, 136],
  [148, 156],
  [156, 157],
  [156, 157],
  [157, 257],
  [257, 265],
  [329, 345],
  [345, 500],
  [508, 512],
] as const

/** Sums again what was a header before. */
function sumAgain(before: Buffer, after: Buffer): void {
  for (let at = 0; at + 512 <= Math.min(before.length, after.length); at += 512) {
    const [old, now] = [before.subarray(at, at + 512), after.subarray(at, at + 512)]
    const stored = old.toString('latin1', 148, 156)
    if (!now.equals(old) && summed(Buffer.from(old)).toString('latin1', 148, 156) === stored) summed(now)
  }
}
