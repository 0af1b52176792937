import type { DocumentPackage } from '../documents/model.ts'
import type { Party } from '../model.ts'
import { weights } from './change-list.ts'
import { leaveOut, type Context } from './context.ts'
import type { PackageEntry, Pair } from './packages.ts'
import type { AttributeGroup } from './policy-schema.ts'
import type { Cause, Facts } from './types.ts'

interface Attribute {
  name: string
  group: AttributeGroup
  /** Text of the attribute, '' where the document does not say it. */
  of: (found: DocumentPackage) => string
  /** Compared only between documents of one format and engine: others say it in other ways or not at all. */
  own?: true
}

const attributes: readonly Attribute[] = [
  { name: 'licence', group: 'licences', of: ({ licence }) => spaced(licence) },
  { name: 'licence-text', group: 'licences', of: ({ licenceText }) => spaced(licenceText) },
  { name: 'concluded-licence', group: 'licences', of: ({ concluded }) => spaced(concluded) },
  { name: 'supplier', group: 'suppliers', of: ({ supplier }) => partyText(supplier) },
  { name: 'producer', group: 'suppliers', of: ({ producer }) => partyText(producer) },
  { name: 'cpes', group: 'identifiers', of: ({ cpes }) => sorted(cpes) },
  {
    name: 'identifiers',
    group: 'identifiers',
    of: ({ identifiers }) => sorted(identifiers.map((pair) => pair.join('='))),
  },
  { name: 'homepage', group: 'other', of: ({ homepage }) => homepage ?? '' },
  { name: 'name', group: 'other', of: ({ name }) => name, own: true },
  { name: 'purl', group: 'identifiers', of: ({ purl }) => purl ?? '', own: true },
  { name: 'kind', group: 'other', of: ({ kind }) => kind ?? '', own: true },
  { name: 'scope', group: 'other', of: ({ scope }) => scope ?? '', own: true },
  { name: 'cataloger', group: 'other', of: ({ cataloger }) => cataloger ?? '', own: true },
  {
    name: 'properties',
    group: 'other',
    of: ({ properties }) => sorted(properties.map((pair) => pair.join('='))),
    own: true,
  },
  { name: 'dependencies', group: 'other', of: ({ dependencies }) => dependencies ?? '', own: true },
  { name: 'declared-unknown', group: 'other', of: ({ declaredUnknown }) => sorted(declaredUnknown), own: true },
  {
    name: 'references',
    group: 'other',
    of: ({ references }) => sorted(references.map((one) => JSON.stringify(one))),
    own: true,
  },
]

/** Level L2: what is said of packages that both sides have in the same version. */
export function compareAttributes(context: Context, pairs: readonly Pair[]): void {
  const { engines } = context
  const strict = engines.same && engines.sameFormat
  if (!strict) {
    const own = attributes.filter((attribute) => attribute.own === true).map(({ name }) => name)
    const why = engines.same ? 'the formats differ' : 'the engines differ'
    leaveOut(context, 'attributes', own.join(', '), why)
  }
  const used = attributes.filter((attribute) => strict || attribute.own !== true)
  const seen = used.map(() => [false, false])
  for (const [a, b] of pairs) {
    // Another version has other attributes: the packages level names it already.
    if (a.key.text !== b.key.text) continue
    compareChecksums(context, a, b, strict)
    for (const [i, attribute] of used.entries()) {
      const [before, after] = [textOf(a, attribute), textOf(b, attribute)]
      const stated = seen[i] ?? []
      if (before !== '') stated[0] = true
      if (after !== '') stated[1] = true
      if (before === after || (!strict && (before === '' || after === ''))) continue
      addAttribute(context, attribute, a.key.text, before, after)
    }
  }
  for (const [i, { name }] of used.entries()) {
    const [a, b] = seen[i] ?? []
    if (!strict && a !== b) leaveOut(context, 'attributes', name, `${a === true ? 'B' : 'A'} does not state it`)
  }
}

function addAttribute(
  { policy, list, engines }: Context,
  { name, group }: Attribute,
  key: string,
  a: string,
  b: string,
): void {
  // The same words in another order or spelling are common between tools, so that these never prove a change of content.
  const cause: Cause = engines.same ? 'content' : 'tooling'
  list.add(
    {
      level: 'attributes',
      op: a === '' ? 'added' : b === '' ? 'removed' : 'changed',
      key,
      before: { [name]: a },
      after: { [name]: b },
      severity: cause === 'tooling' ? policy.tooling : policy.attribute(group),
      cause,
      reason: `the sides say different things about: ${name}`,
    },
    weights.rest,
  )
}

/** Of each algorithm that both sides have; with one engine also those that only one has. */
function compareChecksums({ policy, list }: Context, a: PackageEntry, b: PackageEntry, strict: boolean): void {
  const [here, there] = [checksumsOf(a), checksumsOf(b)]
  const [before, after]: [Facts, Facts] = [{}, {}]
  for (const algorithm of [...new Set([...here.keys(), ...there.keys()])].sort()) {
    const [x, y] = [here.get(algorithm), there.get(algorithm)]
    if (!strict && (x === undefined || y === undefined)) continue
    if (String(x) === String(y)) continue
    if (x !== undefined) before[algorithm] = x
    if (y !== undefined) after[algorithm] = y
  }
  if (Object.keys(before).length + Object.keys(after).length === 0) return
  list.add(
    {
      level: 'attributes',
      op: 'changed',
      key: a.key.text,
      before,
      after,
      severity: policy.attribute('checksums'),
      cause: 'content',
      reason: 'the archive that the package came from has another checksum',
    },
    weights.packages,
  )
}

function checksumsOf({ parts }: PackageEntry): Map<string, string[]> {
  const found = new Map<string, Set<string>>()
  for (const { checksums } of parts) {
    for (const { algorithm, value } of checksums) {
      const values = found.get(algorithm) ?? new Set()
      values.add(value)
      found.set(algorithm, values)
    }
  }
  return new Map([...found].map(([algorithm, values]) => [algorithm, [...values].sort()]))
}

function textOf({ parts }: PackageEntry, { of }: Attribute): string {
  const [first] = parts
  if (parts.length === 1) return of(first)
  return [...new Set(parts.map(of))]
    .filter((text) => text !== '')
    .sort()
    .join('\n')
}

/** Kinds of parties are left out: CycloneDX knows none. */
function partyText(party: Party | null): string {
  if (party === null) return ''
  return party.email === undefined ? party.name : `${party.name} <${party.email}>`
}

function spaced(text: string | null): string {
  return (text ?? '').replace(/\s+/g, ' ').trim()
}

function sorted(list: readonly string[]): string {
  return [...list].sort().join('\n')
}
