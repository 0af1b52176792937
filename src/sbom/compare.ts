import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import { jcs } from '../encoding/jcs.ts'
import { compareInventories, parseInventory, type InventoryDifference } from '../image/inventory.ts'
import { ownDocument } from './documents/own.ts'
import { encodeDocument } from './formats/encode.ts'
import { engine } from './formats/spdx.ts'
import type { Described } from './scan.ts'

/** Documents whose signatures and subjects were checked before. */
export interface AttestedDocuments {
  inventory?: Uint8Array | undefined
  spdx?: Uint8Array | undefined
  cyclonedx?: Uint8Array | undefined
}

export interface SbomComparison {
  /** True when every given document says what was found in the pulled image: "consistent", never "complete". */
  consistent: boolean
  /** `sbom-differs` unless consistent. */
  reason: 'sbom-differs' | null
  /** One line each, the first ones of each kind, most telling first: files, then identity, then packages. */
  findings: string[]
  files: InventoryDifference | null
  /** Differences that the engines explain. */
  notes: string[]
  packages: { document: 'spdx' | 'cyclonedx'; missing: string[]; extra: string[] }[]
}

/** Findings that are named; the rest is counted. */
const shown = 20

/**
 * Compares attested documents with what a fresh pass over the pulled image found (TRUST §5.11): the file inventory first, then identity
 * and packages of the SBOMs.
 *
 * @throws VerificationError `format-invalid` for a document that cannot be read; one is never taken as empty
 */
export function compareSbom(attested: AttestedDocuments, found: Described): SbomComparison {
  const findings: string[] = []
  const comparison: SbomComparison = { consistent: true, reason: null, findings, files: null, notes: [], packages: [] }
  if (attested.inventory !== undefined && !found.inventory.equals(attested.inventory)) {
    comparison.files = compareInventories(parseInventory(attested.inventory), found.pass.inventory)
    findings.push(...fileFindings(comparison.files))
  }
  for (const document of ['spdx', 'cyclonedx'] as const) {
    const bytes = attested[document]
    if (bytes === undefined || found[document].equals(bytes)) continue
    const read = document === 'spdx' ? readSpdx(bytes) : readCyclonedx(bytes)
    findings.push(...identityFindings(document, read, found))
    const fresh = found.description.packages.map(({ purl }) => purl)
    const missing = subtract(fresh, read.purls)
    const extra = subtract(read.purls, fresh)
    comparison.packages.push({ document, missing, extra })
    findings.push(...some(missing, (purl) => `${document}: ${purl} is in the image, but not in the document`))
    findings.push(...some(extra, (purl) => `${document}: ${purl} is in the document, but not in the image`))
    if (read.engine !== engine)
      comparison.notes.push(`${document}: made by ${read.engine ?? 'an unnamed tool'}, compared by ${engine}`)
    else if (missing.length + extra.length === 0 && !sameJson(rendered(document, found, read), bytes, document)) {
      findings.push(
        `${document}: something other than names and versions differs (licences, suppliers, places, relationships)`,
      )
    }
  }
  comparison.consistent = findings.length === 0
  comparison.reason = comparison.consistent ? null : 'sbom-differs'
  return comparison
}

interface ReadDocument {
  name: string
  /** The document's time, in seconds. */
  created: number
  engine: string | null
  configDigest: string | null
  diffIds: string[]
  inventory: string | null
  purls: string[]
}

/** What this engine writes for the image under the document's own name and time: equal engines give equal bytes. */
function rendered(document: 'spdx' | 'cyclonedx', found: Described, { name, created }: ReadDocument): Buffer {
  const description = { ...found.description, name, created }
  return encodeDocument(ownDocument(description), document === 'spdx' ? 'spdx-json' : 'cyclonedx-json')
}

/** A statement holds the document in RFC 8785 form: the values count, not their spelling. */
function sameJson(a: Uint8Array, b: Uint8Array, subject: string): boolean {
  const [left, right] = [a, b].map((bytes) => jcs(parseJson(Buffer.from(bytes).toString('utf8'), subject))) as [
    Buffer,
    Buffer,
  ]
  return left.equals(right)
}

function identityFindings(document: string, read: ReadDocument, found: Described): string[] {
  const { description } = found
  const findings: string[] = []
  if (read.configDigest !== description.configDigest) {
    findings.push(
      `${document}: is about the image configuration ${read.configDigest ?? '(none)'}, not ${description.configDigest}`,
    )
  }
  if (read.diffIds.join() !== description.layers.map(({ diffId }) => diffId).join())
    findings.push(`${document}: names other layers`)
  if (read.inventory !== found.inventoryDigest) findings.push(`${document}: names another file inventory`)
  return findings
}

function fileFindings({ added, removed, changed }: InventoryDifference): string[] {
  return [
    ...some(changed, ({ path, fields }) => `${path} differs (${fields.join(', ')})`),
    ...some(added, ({ path }) => `${path} is in the image, but not in the inventory`),
    ...some(removed, ({ path }) => `${path} is in the inventory, but not in the image`),
  ]
}

function some<T>(items: readonly T[], line: (item: T) => string): string[] {
  const rest = items.length > shown ? [`… and ${items.length - shown} more like this`] : []
  return [...items.slice(0, shown).map(line), ...rest]
}

/** What `a` has more often than `b`. */
function subtract(a: readonly string[], b: readonly string[]): string[] {
  const left = new Map<string, number>()
  for (const item of b) left.set(item, (left.get(item) ?? 0) + 1)
  return a.filter((item) => {
    const count = left.get(item) ?? 0
    left.set(item, count - 1)
    return count <= 0
  })
}

function readSpdx(bytes: Uint8Array): ReadDocument {
  const document = parseObject(bytes, 'the SPDX document')
  const packages = objects(document['packages'], 'the SPDX document')
  const refs = packages.map((item) => objects(item['externalRefs'] ?? [], 'the SPDX document'))
  const locators = (type: string): string[] =>
    refs
      .flat()
      .flatMap((ref) => (ref['referenceType'] === type ? [text(ref['referenceLocator'], 'the SPDX document')] : []))
  const own = 'https://sealwright.dev/ref/'
  const creation = objectOf(document['creationInfo'])
  const creators = Array.isArray(creation['creators']) ? creation['creators'] : []
  const tool = creators.find((item): item is string => typeof item === 'string' && item.startsWith('Tool: '))
  return {
    name: text(document['name'], 'the SPDX document'),
    created: seconds(creation['created'], 'the SPDX document'),
    engine: tool?.slice(6) ?? null,
    configDigest: locators(`${own}config-digest`)[0] ?? null,
    diffIds: locators(`${own}diff-id`),
    inventory: locators(`${own}inventory`)[0] ?? null,
    purls: locators('purl'),
  }
}

function readCyclonedx(bytes: Uint8Array): ReadDocument {
  const subject = 'the CycloneDX document'
  const document = parseObject(bytes, subject)
  const metadata = objectOf(document['metadata'])
  const properties = objects(metadata['properties'] ?? [], subject)
  const values = (name: string): string[] =>
    properties.flatMap((item) => (item['name'] === `sealwright:${name}` ? [text(item['value'], subject)] : []))
  const [tool] = objects(objectOf(metadata['tools'])['components'] ?? [], subject)
  return {
    name: text(objectOf(metadata['component'])['name'], subject),
    created: seconds(metadata['timestamp'], subject),
    engine: tool === undefined ? null : `${text(tool['name'], subject)}-${text(tool['version'], subject)}`,
    configDigest: values('image:config-digest')[0] ?? null,
    diffIds: values('image:diff-id'),
    inventory: values('inventory')[0] ?? null,
    purls: objects(document['components'], subject).flatMap((item) =>
      typeof item['purl'] === 'string' ? [item['purl']] : [],
    ),
  }
}

function parseObject(bytes: Uint8Array, subject: string): JsonObject {
  const value = parseJson(Buffer.from(bytes).toString('utf8'), subject)
  if (!isObject(value)) throw unreadable(subject)
  return value
}

function objects(value: JsonValue | undefined, subject: string): JsonObject[] {
  if (!Array.isArray(value) || !value.every(isObject)) throw unreadable(subject)
  return value
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isObject(value ?? null) ? (value as JsonObject) : {}
}

function seconds(value: JsonValue | undefined, subject: string): number {
  const time = Date.parse(text(value, subject))
  if (Number.isNaN(time)) throw unreadable(subject)
  return Math.floor(time / 1000)
}

function text(value: JsonValue | undefined, subject: string): string {
  if (typeof value !== 'string') throw unreadable(subject)
  return value
}

function unreadable(subject: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} does not have the form that its type says`, { subject })
}
