import { clauseOf } from '../../src/tee/verify/clauses.ts'
import { explanations } from './explanations.ts'
import type { PeerName, Result } from './types.ts'

/** One kind of disagreement with one peer. */
export interface Disagreement {
  peer: PeerName
  direction: 'we refuse' | 'we accept' | 'they crash'
  /** Our failed checks, or their words. */
  what: string
  clause: string
  /** Null for one that nothing explains: the run fails. */
  why: string | null
  count: number
  example: string
}

/** Groups what we and a peer judged differently. */
export function classify(results: readonly Result[]): Disagreement[] {
  const found = new Map<string, Disagreement>()
  for (const result of results) {
    const one = judge(result)
    if (one === null) continue
    const key = `${one.peer} ${one.direction} ${one.what} ${one.clause}`
    const known = found.get(key)
    if (known === undefined) found.set(key, one)
    else known.count++
  }
  return [...found.values()].toSorted(
    (a, b) => a.peer.localeCompare(b.peer) || b.direction.localeCompare(a.direction) || a.what.localeCompare(b.what),
  )
}

function judge({ case: { peer, technology, group, what }, ours, theirs }: Result): Disagreement | null {
  const example = `${group}: ${what}`
  const accepted = ours.length === 0
  if (theirs.verdict === 'crashed') {
    return {
      peer,
      direction: 'they crash',
      what: plain(theirs.detail),
      clause: '',
      why: 'a parser must not panic',
      count: 1,
      example,
    }
  }
  if (accepted === (theirs.verdict === 'accepted')) return null
  if (!accepted) {
    const [first = ''] = ours
    const clause = clauseOf(technology, first)
    return {
      peer,
      direction: 'we refuse',
      what: first,
      clause: clause?.clause ?? '',
      why: clause?.what ?? 'a check without a clause',
      count: 1,
      example,
    }
  }
  const reason = explanations.find(
    (one) => one.peer === peer && one.error.test(theirs.detail) && (one.what?.test(what) ?? true),
  )
  return {
    peer,
    direction: 'we accept',
    what: plain(theirs.detail),
    clause: reason?.clause ?? '',
    why: reason?.why ?? null,
    count: 1,
    example,
  }
}

/** Numbers and long bytes in a message would make each case a kind of its own. */
function plain(detail: string): string {
  return detail
    .replaceAll(/\b[0-9a-f]{16,}\b/gi, '…')
    .replaceAll(/\[[\d ]{20,}\]/g, '[…]')
    .replace(/\[:\d+\] with capacity \d+/, '[:m] with capacity n')
    .slice(0, 160)
}
