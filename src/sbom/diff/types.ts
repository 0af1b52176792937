import type { Digest } from '../../oci/types.ts'
import type { Entries } from '../../image/types.ts'
import type { SbomDocument } from '../documents/model.ts'

/** What is compared, in the order in which results are shown. */
export const levels = ['identity', 'packages', 'attributes', 'files', 'relationships', 'integrity', 'coverage'] as const
export type Level = (typeof levels)[number]

/** A value for each level. */
export function perLevel<T>(make: (level: Level) => T): Record<Level, T> {
  return {
    identity: make('identity'),
    packages: make('packages'),
    attributes: make('attributes'),
    files: make('files'),
    relationships: make('relationships'),
    integrity: make('integrity'),
    coverage: make('coverage'),
  }
}

export const severities = ['fail', 'warn', 'ignore'] as const
export type Severity = (typeof severities)[number]

export const operations = ['added', 'removed', 'upgraded', 'downgraded', 'changed', 'grew', 'shrank'] as const
export type Operation = (typeof operations)[number]

/** `tooling`: engines or their catalogers explain the difference; the content need not differ. */
export const causes = ['content', 'tooling'] as const
export type Cause = (typeof causes)[number]

/** Members that differ, by name. */
export type Facts = Record<string, string | number | string[]>

export interface Change {
  level: Level
  op: Operation
  /** What it is about: the key of a package, a path, an edge. */
  key: string
  /** Null where A has nothing of that key. */
  before: Facts | null
  /** Null where B has nothing of that key. */
  after: Facts | null
  severity: Severity
  cause: Cause
  /** One sentence for people. */
  reason: string
}

/** One side of a comparison: a document, an inventory, or both. */
export interface Side {
  /** What the user named: a file or a reference. */
  label: string
  /** Null where only an inventory is there. */
  document: SbomDocument | null
  /** All files of the subject, sorted by path. Null where they are not known. */
  inventory: Entries | null
  /** Digest of `inventory` as a document. */
  inventoryDigest: Digest | null
  /** The document as it is written, where it is at hand: to find what no level covers. */
  bytes: Uint8Array | null
  /** True where the side was read from the artifact in this run: what it says is what there is. */
  regenerated: boolean
}

/** Something that could not be compared, because one side does not state it. */
export interface NotCompared {
  level: Level
  /** `licences`, `files`, `edges of type contains`. */
  what: string
  why: string
}

/** How many changes of a level have which severity; `tooling` of them are caused by engines. */
export interface Counts {
  fail: number
  warn: number
  ignore: number
  tooling: number
}

export const verdicts = ['equal', 'accepted', 'differs'] as const
/** `equal`: no change that counts; `accepted`: only changes that warn; `differs`: at least one that fails. */
export type Verdict = (typeof verdicts)[number]

export interface SideSummary {
  label: string
  format: string | null
  tool: string | null
  subject: string | null
  platform: string | null
  packages: number | null
  files: number | null
  regenerated: boolean
}

export interface Comparison {
  verdict: Verdict
  a: SideSummary
  b: SideSummary
  counts: Record<Level, Counts>
  /** Most telling first. */
  changes: Change[]
  /** Changes that are counted, but not listed. */
  unlisted: number
  notCompared: NotCompared[]
  /** Sentences that explain the result. */
  notes: string[]
}
