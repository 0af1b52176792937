import { sha256 } from '../base/streams.ts'
import { compareSides } from './diff/compare-sides.ts'
import { engineText } from './diff/context.ts'
import type { DiffPolicyDocument } from './diff/policy-schema.ts'
import { artifactSide, documentSide } from './diff/side.ts'
import { perLevel, type Change, type Comparison, type Side } from './diff/types.ts'
import type { SbomDocument } from './documents/model.ts'
import { formatFacts } from './formats/names.ts'
import { engine } from './formats/spdx.ts'
import type { Described } from './scan.ts'

/** Documents whose signatures and subjects were checked before. */
export interface AttestedDocuments {
  inventory?: Uint8Array | undefined
  spdx?: Uint8Array | undefined
  spdx3?: Uint8Array | undefined
  cyclonedx?: Uint8Array | undefined
}

export interface SbomComparison {
  /** True when every given document says what was found in the pulled image: "consistent", never "complete". */
  consistent: boolean
  /** `sbom-differs` unless consistent. */
  reason: 'sbom-differs' | null
  /** One line each, the first ones of each kind, most telling first: files, then identity, then packages. */
  findings: string[]
  /** Differences that the engines explain. */
  notes: string[]
}

/** Findings that are named; the rest is counted. */
const shown = 20

/** The format in which a document of each kind is looked for first, byte by byte. */
const formats = { spdx: 'spdx-json', spdx3: 'spdx3-json', cyclonedx: 'cyclonedx-json' } as const

/** The gate allows nothing: a policy of what may differ is for people who compare releases. */
const strict: DiffPolicyDocument = { version: 1, levels: perLevel(() => 'fail' as const) }

/**
 * Compares attested documents with what a fresh pass over the pulled image found (TRUST §5.11): the file inventory first, then identity
 * and packages of the SBOMs. It is the comparison of `sbom diff`, with nothing that may differ.
 *
 * @throws VerificationError `format-invalid` for a document that cannot be read; one is never taken as empty
 */
export async function compareSbom(attested: AttestedDocuments, found: Described): Promise<SbomComparison> {
  const findings: string[] = []
  const notes: string[] = []
  if (attested.inventory !== undefined && sha256(attested.inventory) !== found.inventoryDigest) {
    const side = await documentSide('the inventory', null, attested.inventory)
    const { pass, inventoryDigest } = found
    const image: Side = { ...side, inventory: pass.inventory, inventoryDigest, regenerated: true }
    findings.push(...fileFindings(compareSides(side, image, strict)))
  }
  for (const name of ['spdx', 'spdx3', 'cyclonedx'] as const) {
    const bytes = attested[name]
    if (bytes === undefined || found.encode(formats[name]).equals(bytes)) continue
    const side = await documentSide(`the ${formatFacts[formats[name]].title} document`, bytes, null)
    const image = await artifactSide('the image', found, null, side.document)
    // The inventory of the document is compared by its digest: the statement of the inventory has its own step.
    const comparison = compareSides(side, { ...image, inventory: null, inventoryDigest: null }, strict)
    findings.push(...documentFindings(name, side.document, found, comparison))
    const made = engineText(side.document)
    if (made !== engine) notes.push(`${name}: made by ${made ?? 'an unnamed tool'}, compared by ${engine}`)
  }
  const consistent = findings.length === 0
  return { consistent, reason: consistent ? null : 'sbom-differs', findings, notes }
}

function documentFindings(
  name: string,
  document: SbomDocument | null,
  { description, inventoryDigest }: Described,
  { changes, unlisted }: Comparison,
): string[] {
  const findings: string[] = []
  // What a document does not say is no difference between documents, but here it must speak of this image.
  const { configDigest = null, diffIds = [] } = document?.identity ?? {}
  if (configDigest !== description.configDigest) {
    findings.push(
      `${name}: is about the image configuration ${configDigest ?? '(none)'}, not ${description.configDigest}`,
    )
  }
  if (diffIds.join() !== description.layers.map(({ diffId }) => diffId).join())
    findings.push(`${name}: names other layers`)
  if (document?.inventory !== inventoryDigest) findings.push(`${name}: names another file inventory`)
  const platform = changes.find(({ key, level }) => level === 'identity' && key === 'platform')
  if (platform !== undefined) findings.push(`${name}: ${platform.reason}`)
  const packages = changes.filter(({ level }) => level === 'packages')
  findings.push(...some(packages, (change) => `${name}: ${packageLine(change)}`))
  const rest = changes.filter(
    ({ level, cause }) => !['identity', 'packages', 'files'].includes(level) && cause === 'content',
  )
  findings.push(...some(rest, (change) => `${name}: ${change.key}: ${change.reason}`))
  if (unlisted > 0) findings.push(`${name}: … and ${unlisted} more differences`)
  return findings
}

function packageLine({ op, key, before, after }: Change): string {
  if (op === 'added') return `${key} is in the image, but not in the document`
  if (op === 'removed') return `${key} is in the document, but not in the image`
  const names = Object.keys(before ?? {}).filter(
    (name) => name !== 'purl' || before?.['version'] === after?.['version'],
  )
  const values = names.map(
    (name) => `${name} ${String(after?.[name])} in the image, ${String(before?.[name])} in the document`,
  )
  return `${key} has ${values.join(', ')}`
}

function fileFindings({ changes, unlisted }: Comparison): string[] {
  const of = (op: Change['op']): Change[] => changes.filter((change) => change.op === op)
  return [
    ...some(of('changed'), ({ key, before, after }) => `${key} differs (${namesOf(before, after).join(', ')})`),
    ...some(of('added'), ({ key }) => `${key} is in the image, but not in the inventory`),
    ...some(of('removed'), ({ key }) => `${key} is in the inventory, but not in the image`),
    ...(unlisted === 0 ? [] : [`… and ${unlisted} more files`]),
  ]
}

function namesOf(before: Change['before'], after: Change['after']): string[] {
  return [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])]
}

function some<T>(items: readonly T[], line: (item: T) => string): string[] {
  const rest = items.length > shown ? [`… and ${items.length - shown} more like this`] : []
  return [...items.slice(0, shown).map(line), ...rest]
}
