import type { Digest } from '../../oci/types.ts'
import {
  perLevel,
  severities,
  verdicts,
  type Change,
  type Comparison,
  type Counts,
  type Level,
  type Verdict,
} from './types.ts'

/** A statement that a document comes from, and what is known of its signature. */
export interface StatementFacts {
  manifest: Digest
  predicateType: string
  /** `other-key`: a key was given, and it did not make the signature. `not-verified`: no key was given. */
  signature: 'verified' | 'other-key' | 'not-verified'
  /** SHA-256 of the key that verified it. */
  key: Digest | null
}

/** One pair of sides that was compared. */
export interface Part {
  /** Platform that the part is about, where an index has several. */
  platform: string | null
  statement: StatementFacts | null
  comparison: Comparison
}

/** All that was compared: what commands print as JSON (docs/schema/sbom-diff.schema.json). */
export interface DiffResult {
  version: 1
  verdict: Verdict
  counts: Record<Level, Counts>
  changes: (Change & { part: number })[]
  unlisted: number
  parts: (Omit<Comparison, 'changes' | 'unlisted'> & Pick<Part, 'platform' | 'statement'>)[]
}

/** Puts parts together: the worst verdict, sums of the counts, all changes with the number of their part. */
export function makeResult(parts: readonly [Part, ...Part[]]): DiffResult {
  const all = parts.flatMap(({ comparison }, part) => comparison.changes.map((change) => ({ part, ...change })))
  const rank = (verdict: Verdict): number => verdicts.indexOf(verdict)
  const sum = (level: Level): Counts => {
    const counts: Counts = { fail: 0, warn: 0, ignore: 0, tooling: 0 }
    for (const { comparison } of parts) {
      for (const name of [...severities, 'tooling'] as const) counts[name] += comparison.counts[level][name]
    }
    return counts
  }
  return {
    version: 1,
    verdict: parts.map(({ comparison }) => comparison.verdict).reduce((a, b) => (rank(a) >= rank(b) ? a : b)),
    counts: perLevel(sum),
    // Each part has its own order already; severities come before parts.
    changes: severities.flatMap((severity) => all.filter((change) => change.severity === severity)),
    unlisted: parts.reduce((total, { comparison }) => total + comparison.unlisted, 0),
    parts: parts.map(({ platform, statement, comparison: { changes: _changes, unlisted: _unlisted, ...rest } }) => ({
      platform,
      ...rest,
      statement,
    })),
  }
}
