import type { Disagreement } from './classify.ts'
import type { Peers } from './find-peers.ts'
import { peerNames, type PeerName, type Result } from './types.ts'

/** Result of one run, kept as data from which documentation is made. */
export interface DifferentialReport {
  run: { mutations: number; seed: number; seconds: number; date: string }
  peers: { peer: PeerName; version: string; cases: number; alike: number }[]
  disagreements: Disagreement[]
  /** Each vector as it is: our failed checks, and what the peer says. */
  vectors: { peer: PeerName; what: string; ours: string[]; theirs: string }[]
  /** What each fault came to, by our check: who sees it. */
  faults: { technology: string; check: string; what: string; seen: Partial<Record<PeerName, boolean>> }[]
}

export function reportOf(
  results: readonly Result[],
  disagreements: Disagreement[],
  peers: Peers,
  run: DifferentialReport['run'],
): DifferentialReport {
  const faults = new Map<string, DifferentialReport['faults'][number]>()
  for (const { case: one, ours, theirs } of results) {
    // A peer that knows only its own clock may be asked at a time at which the fault is none.
    if (one.group !== 'fault' || one.check === undefined || one.check === '' || ours.length === 0) continue
    const key = `${one.technology} ${one.check} ${one.what}`
    const row = faults.get(key) ?? { technology: one.technology, check: one.check, what: one.what, seen: {} }
    row.seen[one.peer] = theirs.verdict !== 'accepted'
    faults.set(key, row)
  }
  return {
    run,
    peers: peerNames.map((peer) => {
      const own = results.filter((result) => result.case.peer === peer)
      const alike = own.filter(({ ours, theirs }) => (ours.length === 0) === (theirs.verdict === 'accepted'))
      return { peer, version: peers[peer].version, cases: own.length, alike: alike.length }
    }),
    disagreements,
    vectors: results.flatMap(({ case: { group, peer, what }, ours, theirs }) =>
      group === 'vector' ? [{ peer, what, ours, theirs: theirs.verdict }] : [],
    ),
    faults: [...faults.values()],
  }
}
