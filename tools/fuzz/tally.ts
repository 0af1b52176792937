import type { Judged } from './target.ts'
import type { Ways } from './cases.ts'

/** What became of the cases of one target. */
export interface Tally {
  flip: number
  cut: number
  random: number
  refused: number
  unsigned: number
  sameMeaning: number
  /** Longest case in milliseconds, as the wall clock has it. */
  slowest: number
  findings: Finding[]
}

export interface Finding {
  target: string
  outcome: string
  way: Ways
  index: number
  detail: string
  /** The changed input. */
  hex: string
}

export function emptyTally(): Tally {
  return { flip: 0, cut: 0, random: 0, refused: 0, unsigned: 0, sameMeaning: 0, slowest: 0, findings: [] }
}

const mostFindings = 20

export function count(tally: Tally, where: Omit<Finding, 'outcome' | 'detail'>, judged: Judged, ms: number): void {
  tally[where.way]++
  tally.slowest = Math.max(tally.slowest, ms)
  if (judged.outcome === 'refused') tally.refused++
  else if (judged.outcome === 'unsigned') tally.unsigned++
  else if (judged.outcome === 'same-meaning') tally.sameMeaning++
  else if (tally.findings.length < mostFindings) tally.findings.push({ ...where, ...judged })
}

export function add(sum: Tally, part: Tally): void {
  for (const key of ['flip', 'cut', 'random', 'refused', 'unsigned', 'sameMeaning'] as const) sum[key] += part[key]
  sum.slowest = Math.max(sum.slowest, part.slowest)
  sum.findings.push(...part.findings)
}

export function cases({ flip, cut, random }: Tally): number {
  return flip + cut + random
}
