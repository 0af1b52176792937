import { teeTargets } from './targets/index.ts'
import { kinds } from './target.ts'
import { add, cases, emptyTally, type Tally } from './tally.ts'
import type { TargetInfo } from './run.ts'

/** Figures of one run, kept as data from which documentation is made. */
export interface FuzzReport {
  run: {
    seed: number
    /** Every flip and cut was made. */
    full: boolean
    seconds: number
    threads: number
    node: string
    openssl: string
    cpu: string
    date: string
  }
  cases: number
  flips: number
  cuts: number
  randoms: number
  findings: number
  kinds: KindFigures[]
  targets: TargetFigures[]
  unsigned: { target: string; from: number; why: string }[]
}

export interface KindFigures {
  kind: string
  targets: number
  cases: number
  refused: number
  sameMeaning: number
  unsigned: number
  slowestMs: number
}

export interface TargetFigures {
  name: string
  kind: string
  bytes: number
  cases: number
  sameMeaning: number
  unsigned: number
}

export function summary(
  infos: readonly TargetInfo[],
  tallies: ReadonlyMap<string, Tally>,
  run: FuzzReport['run'],
): FuzzReport {
  const targets = teeTargets().filter(({ name }) => infos.some((info) => info.name === name))
  const sumOf = (names: readonly string[]): Tally => {
    const sum = emptyTally()
    for (const name of names) add(sum, tallies.get(name) ?? emptyTally())
    return sum
  }
  const all = sumOf(targets.map(({ name }) => name))
  return {
    run,
    cases: cases(all),
    flips: all.flip,
    cuts: all.cut,
    randoms: all.random,
    findings: all.findings.length,
    kinds: kinds.map((kind) => {
      const names = targets.filter((target) => target.kind === kind).map(({ name }) => name)
      const { refused, sameMeaning, unsigned, slowest, ...rest } = sumOf(names)
      return {
        kind,
        targets: names.length,
        cases: rest.flip + rest.cut + rest.random,
        refused,
        sameMeaning,
        unsigned,
        slowestMs: Math.ceil(slowest),
      }
    }),
    targets: targets.map(({ name, kind, bytes }) => {
      const tally = sumOf([name])
      return {
        name,
        kind,
        bytes: bytes.length,
        cases: cases(tally),
        sameMeaning: tally.sameMeaning,
        unsigned: tally.unsigned,
      }
    }),
    unsigned: targets.flatMap(({ name, unsigned = [] }) =>
      unsigned.map(({ from, why }) => ({ target: name, from, why })),
    ),
  }
}
