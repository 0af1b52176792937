/** What became of the cases of a run, or of part of one. */
export interface Tally {
  /** Valid things that were changed. */
  seeds: number
  cases: number
  read: number
  refused: number
  findings: { index: number; name: string; why: string }[]
}

export function emptyTally(): Tally {
  return { seeds: 0, cases: 0, read: 0, refused: 0, findings: [] }
}

export function add(sum: Tally, part: Tally): void {
  for (const key of ['cases', 'read', 'refused'] as const) sum[key] += part[key]
  sum.findings.push(...part.findings)
  sum.findings.sort((a, b) => a.index - b.index)
}

/** Nothing is wrong, and readers that refuse everything have shown nothing. */
export function isGood({ cases, read, findings }: Tally): boolean {
  return findings.length === 0 && read > cases / 4
}

export function tell({ seeds, cases, read, refused, findings }: Tally): string {
  return `${seeds} seeds, ${cases} changes: ${read} read, ${refused} refused; ${findings.length} findings`
}
