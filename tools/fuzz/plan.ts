import type { Work } from './worker.ts'
import type { TargetInfo } from './run.ts'
import { Random } from '../../testkit/random.ts'

/** Every flip, every cut, and the random ones. */
export function fullPlan(targets: readonly TargetInfo[], seed: number, randoms: number): Work[] {
  // The long pieces first, so that the threads end together.
  const exhaustive = targets
    .toSorted((a, b) => b.flips * b.ms - a.flips * a.ms)
    .flatMap(({ name }) =>
      (['flip', 'cut'] as const).map((way): Work => ({ target: name, way, from: 0, to: 'all', seed })),
    )
  return [...exhaustive, ...randomPlan(targets, seed, randoms)]
}

const piece = 2000

/** More of what is quick: a log can be tried ten times while a report is once. */
function randomPlan(targets: readonly TargetInfo[], seed: number, randoms: number): Work[] {
  const weight = ({ ms }: TargetInfo): number => 1 / Math.max(ms, 0.1)
  const sum = targets.reduce((total, target) => total + weight(target), 0)
  return targets.flatMap((target) => {
    const share = Math.ceil((randoms * weight(target)) / sum)
    return Array.from({ length: Math.ceil(share / piece) }, (_, n): Work => ({
      target: target.name,
      way: 'random',
      from: n * piece,
      to: Math.min(share, (n + 1) * piece),
      seed,
    }))
  })
}

/** A slice for a time: short pieces of flips, cuts and random changes of every target in turn, at places that the seed fixes. */
export function* slices(targets: readonly TargetInfo[], seed: number): Generator<Work> {
  const random = new Random(seed, 'slices')
  for (let round = 0; round < 100_000; round++) {
    for (const { name, flips, cuts, ms } of targets) {
      // About a fifth of a second each; the first round is short, so that a busy machine comes to every target too.
      const whole = Math.min(200, Math.round(70 / Math.max(ms, 0.05)))
      const size = Math.max(4, round === 0 ? Math.round(whole / 8) : whole)
      for (const [way, all] of [
        ['flip', flips],
        ['cut', cuts],
      ] as const) {
        const from = random.below(Math.max(1, all - size))
        yield { target: name, way, from, to: Math.min(all, from + size), seed }
      }
      yield { target: name, way: 'random', from: round * 200, to: round * 200 + size, seed }
    }
  }
}
