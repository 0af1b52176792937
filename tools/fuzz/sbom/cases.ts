import { SealwrightError } from '../../../src/base/errors.ts'
import { Random } from '../../../testkit/random.ts'
import { documentCase } from './document-case.ts'
import { fileCase } from './file-case.ts'
import { allSeeds } from './seeds.ts'
import type { Judged, Seed } from './types.ts'

/** Processor time that one case may take, in milliseconds: a thousand times what the slowest needs. */
const mostMs = 20_000

/** All cases: a number and the seed of the run fix one. */
export class Cases {
  private readonly seeds: readonly Seed[]
  /** Sums of weights: small seeds are tried more often, since they cost less. */
  private readonly sums: number[] = []
  private readonly inherited = inheritedNames()

  constructor(seeds: readonly Seed[] = allSeeds()) {
    this.seeds = seeds
    let sum = 0
    for (const seed of this.seeds) this.sums.push((sum += weightOf(seed)))
  }

  get count(): number {
    return this.seeds.length
  }

  async run(runSeed: number, index: number): Promise<Judged & { name: string }> {
    const random = new Random(runSeed, `sbom ${index}`)
    const seed = this.pick(random)
    const other = this.pick(random).content
    const begin = process.threadCpuUsage()
    let judged: Judged
    try {
      judged = await (seed.kind === 'file' ? fileCase(seed, other, random) : documentCase(seed, other, random))
    } catch (error) {
      judged = refusalOf(error)
    }
    const { user } = process.threadCpuUsage(begin)
    if (inheritedNames() !== this.inherited)
      judged = { outcome: 'FINDING', why: 'what every object inherits was changed' }
    else if (user > mostMs * 1000)
      judged = { outcome: 'FINDING', why: `${Math.round(user / 1000)} ms of processor time` }
    return { ...judged, name: seed.name }
  }

  private pick(random: Random): Seed {
    const at = (random.next() / 2 ** 32) * (this.sums.at(-1) ?? 0)
    let [low, high] = [0, this.sums.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.sums[middle] ?? 0) > at) high = middle
      else low = middle + 1
    }
    const seed = this.seeds[low]
    if (seed === undefined) throw new Error('there are no seeds')
    return seed
  }
}

/** Our errors refuse; a strict database ends the description with one. Anything else is a crash. */
function refusalOf(error: unknown): Judged {
  if (error instanceof SealwrightError) return { outcome: 'refused', why: '' }
  const stack = typeof error === 'object' && error !== null && 'stack' in error ? String(error.stack) : String(error)
  return { outcome: 'FINDING', why: stack.split('\n').slice(0, 4).join(' | ') }
}

function weightOf(seed: Seed): number {
  const beside = seed.kind === 'file' ? Object.values(seed.beside).reduce((sum, { length }) => sum + length, 0) : 0
  return 1 / (2000 + seed.content.length + beside)
}

function inheritedNames(): string {
  return [Object.prototype, Array.prototype, String.prototype, Function.prototype]
    .map((prototype) => Reflect.ownKeys(prototype).length)
    .join()
}
