import type { DocumentPackage, SbomDocument } from '../documents/model.ts'
import { weights } from './change-list.ts'
import { leaveOut, silent, type Context } from './context.ts'
import { packageKey, type PackageKey } from './purl-key.ts'
import type { Cause, Facts, Operation, Side } from './types.ts'
import { compareVersions } from './versions/index.ts'

/** All that a document says under one key: tools that list a package once for each place are brought together. */
export interface PackageEntry {
  key: PackageKey
  version: string | null
  locations: string[]
  parts: [DocumentPackage, ...DocumentPackage[]]
}

/** Packages of both sides that are the same one, also in another version. */
export type Pair = readonly [a: PackageEntry, b: PackageEntry]

/** Which packages were found on both sides. */
export interface Pairing {
  pairs: Pair[]
  /** Of each side: id within the document → one text for the package on both sides; null where it has no counterpart. */
  names: readonly [Map<string, string | null>, Map<string, string | null>]
}

/** Level L1: packages by canonical package URL; what is left is paired by kind and name into other versions. */
export function comparePackages(context: Context): Pairing | null {
  const [a, b] = [context.a.document, context.b.document]
  if (a === null || b === null) {
    leaveOut(context, 'packages', 'packages', silent(a !== null, b !== null) ?? '')
    return null
  }
  // Engines take the version of a system from different places: `12` and `12.15`.
  const both = context.engines.same && systems(a).length > 0 && systems(b).length > 0
  const [left, right] = [entriesOf(a, both), entriesOf(b, both)]
  const pairs: Pair[] = []
  const [onlyA, onlyB]: [PackageEntry[], PackageEntry[]] = [[], []]
  for (const [key, entry] of left) {
    const other = right.get(key)
    if (other === undefined) onlyA.push(entry)
    else {
      pairs.push([entry, other])
      compareSame(context, entry, other)
    }
  }
  for (const [key, entry] of right) if (!left.has(key)) onlyB.push(entry)
  const others = pairVersions(onlyA, onlyB)
  for (const [one, other] of others.pairs) addVersion(context, one, other)
  const known = [typesOf(left), typesOf(right)] as const
  for (const entry of others.onlyA) addLone(context, 'removed', entry, looksFor(context.b, context.a, known[1], entry))
  for (const entry of others.onlyB) addLone(context, 'added', entry, looksFor(context.a, context.b, known[0], entry))
  pairs.push(...others.pairs)
  const name = ([{ key }]: Pair): string => key.text
  return {
    pairs,
    names: [
      namesOf(
        pairs.map((pair) => [pair[0], name(pair)]),
        others.onlyA,
      ),
      namesOf(
        pairs.map((pair) => [pair[1], name(pair)]),
        others.onlyB,
      ),
    ],
  }
}

function systems({ packages }: SbomDocument): DocumentPackage[] {
  return packages.filter(({ kind }) => kind === 'operating-system')
}

/** @param withSystem whether the operating system counts as a package: only where both documents of one engine list one */
function entriesOf({ packages }: SbomDocument, withSystem: boolean): Map<string, PackageEntry> {
  const entries = new Map<string, PackageEntry>()
  for (const found of packages) {
    // Some formats list files as components.
    if (found.kind === 'file' && found.purl === null) continue
    if (found.kind === 'operating-system' && !withSystem) continue
    const key = packageKey(found)
    const known = entries.get(key.text)
    if (known === undefined) {
      entries.set(key.text, { key, version: found.version, locations: [...found.locations], parts: [found] })
    } else {
      known.parts.push(found)
      known.locations.push(...found.locations)
    }
  }
  for (const entry of entries.values()) entry.locations = [...new Set(entry.locations)].sort()
  return entries
}

function namesOf(
  paired: readonly (readonly [PackageEntry, string])[],
  lone: readonly PackageEntry[],
): Map<string, string | null> {
  const names = new Map<string, string | null>()
  for (const [{ parts }, name] of paired) for (const { id } of parts) names.set(id, name)
  for (const { parts } of lone) for (const { id } of parts) names.set(id, null)
  return names
}

/** What may differ under one key: a version that the package URL does not give, how often and where it is listed. */
function compareSame(context: Context, a: PackageEntry, b: PackageEntry): void {
  if (a.version !== b.version && (context.engines.same || (a.version !== null && b.version !== null))) {
    addPair(
      context,
      'changed',
      a,
      b,
      { version: a.version ?? '' },
      { version: b.version ?? '' },
      'the versions differ under one package URL',
    )
  }
  // Other tools list a package in other ways: once for each place, or with the files that show it.
  if (!context.engines.same) return
  if (a.parts.length !== b.parts.length && context.engines.sameFormat) {
    addPair(
      context,
      'changed',
      a,
      b,
      { count: a.parts.length },
      { count: b.parts.length },
      'the package is listed more often on one side',
    )
  }
  if (a.locations.join('\n') !== b.locations.join('\n')) {
    const here = a.locations.filter((path) => !b.locations.includes(path))
    const there = b.locations.filter((path) => !a.locations.includes(path))
    addPair(
      context,
      'changed',
      a,
      b,
      { locations: here },
      { locations: there },
      'the package was found in other places',
    )
  }
}

/** Pairs packages of one kind and name, oldest with oldest. */
function pairVersions(
  onlyA: readonly PackageEntry[],
  onlyB: readonly PackageEntry[],
): { pairs: Pair[]; onlyA: PackageEntry[]; onlyB: PackageEntry[] } {
  const groups = new Map<string, [PackageEntry[], PackageEntry[]]>()
  for (const [side, entries] of [onlyA, onlyB].entries()) {
    for (const entry of entries) {
      const group = groups.get(entry.key.unversioned) ?? [[], []]
      groups.set(entry.key.unversioned, group)
      group[side]?.push(entry)
    }
  }
  const left: { pairs: Pair[]; onlyA: PackageEntry[]; onlyB: PackageEntry[] } = { pairs: [], onlyA: [], onlyB: [] }
  for (const [a, b] of groups.values()) {
    a.sort(byVersion)
    b.sort(byVersion)
    const common = Math.min(a.length, b.length)
    for (let i = 0; i < common; i++) {
      const [one, other] = [a[i], b[i]]
      if (one !== undefined && other !== undefined) left.pairs.push([one, other])
    }
    left.onlyA.push(...a.slice(common))
    left.onlyB.push(...b.slice(common))
  }
  return left
}

function byVersion(a: PackageEntry, b: PackageEntry): number {
  const order = compareVersions(a.key.type, a.version ?? '', b.version ?? '')
  return order || (a.key.text < b.key.text ? -1 : 1)
}

function addVersion(context: Context, a: PackageEntry, b: PackageEntry): void {
  const order = compareVersions(a.key.type, a.version ?? '', b.version ?? '')
  const facts = ({ version, key }: PackageEntry): Facts => ({
    ...(version === null ? {} : { version }),
    purl: key.text,
  })
  const [op, reason]: [Operation, string] =
    order === -1
      ? ['upgraded', 'B has a newer version']
      : order === 1
        ? ['downgraded', 'B has an older version']
        : [
            'changed',
            a.version === b.version ? 'the package URL differs' : 'the versions differ; their order is not known',
          ]
  addPair(context, op, a, b, facts(a), facts(b), reason)
}

function addPair(
  { policy, list }: Context,
  op: Operation,
  a: PackageEntry,
  b: PackageEntry,
  before: Facts,
  after: Facts,
  reason: string,
): void {
  const ruling = policy.package([...forms(a), ...forms(b)], op)
  const key = op === 'changed' ? a.key.text : a.key.unversioned
  const { severity } = ruling
  list.add(
    { level: 'packages', op, key, before, after, severity, cause: 'content', reason: ruling.reason ?? reason },
    weights.packages,
  )
}

/** A package that only one side has: content, unless the other side's engine does not look for such packages. */
function addLone(
  { policy, list, engines }: Context,
  op: 'added' | 'removed',
  entry: PackageEntry,
  lookedFor: boolean,
): void {
  const cause: Cause = engines.same || lookedFor ? 'content' : 'tooling'
  const ruling = policy.package(forms(entry), op)
  const facts: Facts = {
    ...(entry.version === null ? {} : { version: entry.version }),
    ...(entry.locations.length === 0 ? {} : { locations: entry.locations }),
  }
  const reason =
    cause === 'tooling'
      ? `the engine of ${op === 'added' ? 'A' : 'B'} does not look for such packages`
      : `only ${op === 'added' ? 'B' : 'A'} has the package`
  list.add(
    {
      level: 'packages',
      op,
      key: entry.key.text,
      before: op === 'removed' ? facts : null,
      after: op === 'added' ? facts : null,
      severity: cause === 'tooling' && ruling.reason === null ? policy.tooling : ruling.severity,
      cause,
      reason: ruling.reason ?? reason,
    },
    weights.packages,
  )
}

/** Kinds that every engine of images looks for: that a document has none of them is explained by no tool. */
const common = new Set(['deb', 'rpm', 'apk', 'npm', 'pypi', 'gem', 'golang', 'maven'])

/** Whether the engine of a side would have listed a package that the other side lists. Names of catalogers mean something within one engine only. */
function looksFor(
  { document }: Side,
  other: Side,
  types: ReadonlySet<string>,
  { key, parts: [{ cataloger }] }: PackageEntry,
): boolean {
  if (document === null) return false
  const own = document.engine?.name === 'sealwright' && other.document?.engine?.name === 'sealwright'
  if (own && document.catalogers !== null && cataloger !== null) return document.catalogers.includes(cataloger)
  return common.has(key.type) || types.has(key.type)
}

function typesOf(entries: ReadonlyMap<string, PackageEntry>): ReadonlySet<string> {
  return new Set([...entries.values()].map(({ key }) => key.type))
}

/** What a rule of the policy may name: the key, without qualifiers, and without version. */
function forms({ key }: PackageEntry): string[] {
  return [...new Set([key.text, key.text.replace(/[?#].*$/, ''), key.unversioned])]
}
