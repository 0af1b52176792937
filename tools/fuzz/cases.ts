import { flip, mutate } from '../../testkit/mutate.ts'
import { Random } from '../../testkit/random.ts'
import type { Target } from './target.ts'

/** Part of the work: all flips, all cuts, or some random changes of one target. */
export type Ways = 'flip' | 'cut' | 'random'

/** How many cases a way has; `random` has as many as one likes. */
export function countOf({ bytes, fields }: Target, way: 'flip' | 'cut'): number {
  if (way === 'cut') return bytes.length
  return fields === undefined ? bytes.length * 8 : fields.length
}

/** One changed input. The seed and the numbers fix it for bytes that do not change from run to run (synthetic ones have new keys). */
export function caseOf(target: Target, others: readonly Target[], way: Ways, index: number, seed: number): Buffer {
  const { bytes, fields } = target
  if (way === 'cut') return Buffer.from(bytes.subarray(0, index))
  if (way === 'flip') {
    if (fields === undefined) return flip(bytes, index)
    // One bit a field: another one from field to field, so that all eight are met.
    return flip(bytes, (fields[index] ?? 0) * 8 + ((index * 5) & 7))
  }
  const random = new Random(seed, `${target.name} ${index}`)
  return mutate(bytes, random.pick(others).bytes, random)
}
