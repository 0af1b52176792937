/** What became of the archives of one run. */
export interface Tally {
  peer: string
  version: string
  seed: number
  cases: number
  /** Read by us and the peer, and alike. */
  alike: number
  /** Our refusals, by code. */
  refused: Record<string, number>
  /** Taken by us, refused by the peer: nothing is unpacked that we do not know. */
  peerRefused: number
  /** Why, in the peer's words. */
  peerWords: Record<string, number>
  findings: Finding[]
}

export interface Finding {
  index: number
  features: string[]
  why: string
}

export function emptyTally(peer: string, version: string, seed: number): Tally {
  return { peer, version, seed, cases: 0, alike: 0, refused: {}, peerRefused: 0, peerWords: {}, findings: [] }
}

/** How many of all were taken: a reader that refuses everything agrees with everyone. */
export function takenShare({ cases, alike, peerRefused }: Tally): number {
  return cases === 0 ? 0 : (alike + peerRefused) / cases
}

/** @returns whether the run is in order: nothing read otherwise, at least half taken */
export function isGood(tally: Tally): boolean {
  return tally.findings.length === 0 && takenShare(tally) >= 0.5
}

export function tell(tally: Tally): string {
  const { peer, version, cases, alike, refused, peerRefused, findings } = tally
  const codes = Object.entries(refused).sort(([a], [b]) => (a < b ? -1 : 1))
  const refusals = codes.map(([code, count]) => `${code} ${count}`).join(', ') || 'none'
  return `${peer} ${version}: ${cases} archives, ${alike} read alike, refused by us: ${refusals}; refused by the peer only: ${peerRefused}; ${findings.length} findings`
}
