import type { z } from 'zod'
import { VerificationError } from '../../base/errors.ts'
import { firstIssue } from '../../base/first-issue.ts'
import { duplicateMember } from '../../base/json-members.ts'
import { isObject, nestsDeeper, parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import { unwrap } from './envelope.ts'
import type { SbomDocument } from './model.ts'
import { takeParties } from './parties.ts'
import { officialSchema, type SchemaName } from './schema/official.ts'

/** Largest document that is read, in bytes. */
const mostBytes = 512 << 20
const deepest = 256

/**
 * Reads an SBOM of any format that we know, which its content tells: SPDX 2.2, 2.3 (JSON, tag-value) and 3.0.1, CycloneDX 1.2 to 1.7, syft's JSON,
 * Trivy's JSON, GitHub's dependency snapshot; bare or as the predicate of an in-toto statement (in a DSSE envelope or Sigstore bundle or not). No signature
 * is verified here.
 *
 * @param subject how messages name the document
 * @throws VerificationError `format-invalid` with the place of the fault; a document that cannot be read is never taken as an empty one
 */
export async function readSbom(bytes: Uint8Array, subject: string): Promise<SbomDocument> {
  if (bytes.length > mostBytes) {
    throw new VerificationError(
      'format-invalid',
      `${subject} has ${bytes.length} bytes; at most ${mostBytes} bytes are read`,
      {
        subject,
        remedy: 'Give the document without its list of files.',
      },
    )
  }
  const text = decode(bytes, subject)
  const first = /^\s*(.)/su.exec(text)?.[1] ?? ''
  if (first !== '{' && first !== '[') return readText(text, first, subject)
  if (nestsDeeper(bytes, deepest)) throw unreadable(subject, `its JSON nests deeper than ${deepest} levels`)
  const value = parseJson(text, subject)
  const twice = duplicateMember(text)
  // Readers disagree on which of the two counts.
  if (twice !== null) throw unreadable(subject, `the member "${twice}" stands twice in one object`)
  if (!isObject(value)) throw unknownFormat(subject, 'a JSON list')
  return readObject(value, subject)
}

function decode(bytes: Uint8Array, subject: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw unreadable(subject, 'it is not UTF-8 text')
  }
}

async function readText(text: string, first: string, subject: string): Promise<SbomDocument> {
  if (/^(?:\s*(?:#[^\n]*)?\n)*SPDXVersion:/.test(text.slice(0, 65_536))) {
    const { tagValueToJson } = await import('./tag-value.ts')
    const value = tagValueToJson(text)
    await check('spdx-2.3', value, subject)
    const document = (await import('./spdx2.ts')).readSpdx2(value, 'spdx-tag-value')
    settleSharedIds(document, subject)
    takeParties(document)
    return document
  }
  throw unknownFormat(subject, first === '' ? 'an empty file' : first === '<' ? 'XML' : 'text')
}

async function readObject(given: JsonObject, subject: string): Promise<SbomDocument> {
  const { value, manifestDigest } = unwrap(given, subject)
  if (typeof value === 'string') {
    const document = await readSbom(Buffer.from(value), subject)
    document.identity.manifestDigest ??= manifestDigest
    return document
  }
  const document = await readFormat(value, subject)
  settleSharedIds(document, subject)
  takeParties(document)
  document.identity.manifestDigest ??= manifestDigest
  return document
}

/** Documents of tools whose own ids are no identifiers: Trivy gives each copy of a package the same one. */
const looseIds: ReadonlySet<string> = new Set(['trivy-json', 'syft-json', 'github-json'])

/**
 * One id for two elements: which of them an edge means, nobody can say (SPDX 2.3 clause 7.2, CycloneDX `bom-ref`: unique in the document). The same
 * element said twice is one.
 *
 * @throws VerificationError `format-invalid`
 */
function settleSharedIds(document: SbomDocument, subject: string): void {
  const seen = new Map<string, object>()
  const isNew = (item: { id: string }): boolean => {
    const other = seen.get(item.id)
    if (other !== undefined && JSON.stringify(other) === JSON.stringify(item)) return false
    if (other !== undefined) {
      if (!looseIds.has(document.format)) throw unreadable(subject, `the id "${item.id}" stands for two elements`)
      item.id = `${item.id} (${seen.size})`
    }
    seen.set(item.id, item)
    return true
  }
  document.packages = document.packages.filter(isNew)
  document.files = document.files?.filter(isNew) ?? null
}

async function readFormat(value: JsonObject, subject: string): Promise<SbomDocument> {
  if (value['bomFormat'] === 'CycloneDX') {
    await check(cyclonedxSchema(value['specVersion'], subject), value, subject)
    return (await import('./cyclonedx.ts')).readCyclonedx(value)
  }
  if (typeof value['spdxVersion'] === 'string') {
    if (!/^SPDX-2\.[23]$/.test(value['spdxVersion']))
      throw unreadable(subject, `its version is "${value['spdxVersion']}"; SPDX-2.2, SPDX-2.3 and SPDX 3.0.1 are read`)
    await check('spdx-2.3', value, subject)
    return (await import('./spdx2.ts')).readSpdx2(value, 'spdx-json')
  }
  if (contexts(value['@context']).some((context) => context.includes('spdx.org/rdf/'))) {
    await check('spdx-3.0.1', value, subject)
    return (await import('./spdx3.ts')).readSpdx3(value)
  }
  if (Array.isArray(value['artifacts']) && isObject(value['descriptor'])) {
    const { readSyft, syftSchema } = await import('./syft.ts')
    return readSyft(parsed(syftSchema, value, subject))
  }
  if (value['SchemaVersion'] !== undefined && value['ArtifactName'] !== undefined) {
    const { readTrivy, trivySchema } = await import('./trivy.ts')
    return readTrivy(parsed(trivySchema, value, subject))
  }
  if (isObject(value['detector']) && value['scanned'] !== undefined) {
    const { githubSchema, readGithub } = await import('./github.ts')
    return readGithub(parsed(githubSchema, value, subject))
  }
  throw unknownFormat(subject, `a JSON object with the members ${Object.keys(value).slice(0, 5).join(', ')}`)
}

/** Versions before 1.6 are judged by its schema: each version only added members. */
function cyclonedxSchema(version: JsonValue | undefined, subject: string): SchemaName {
  if (version === '1.7') return 'cyclonedx-1.7'
  if (typeof version === 'string' && /^1\.[2-6]$/.test(version)) return 'cyclonedx-1.6'
  throw unreadable(subject, `its specVersion is ${JSON.stringify(version) ?? 'missing'}; CycloneDX 1.2 to 1.7 are read`)
}

function contexts(value: JsonValue | undefined): string[] {
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === 'string')
}

async function check(name: SchemaName, value: JsonValue, subject: string): Promise<void> {
  const fault = (await officialSchema(name)).validate(value)
  if (fault === null) return
  throw new VerificationError('format-invalid', `${subject} is not valid ${name}: at ${fault.where}: ${fault.what}`, {
    subject: `${subject}#${fault.where}`,
    remedy: 'Correct the document, or make it again with a tool that writes valid documents.',
  })
}

function parsed<T extends z.ZodType>(schema: T, value: JsonValue, subject: string): z.infer<T> {
  const found = schema.safeParse(value)
  if (found.success) return found.data
  const { where, what } = firstIssue(found.error, 'the document')
  throw unreadable(subject, `at ${where}: ${what}`)
}

function unreadable(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} cannot be read: ${why}`, {
    subject,
    remedy: 'Correct the document, or make it again with a tool that writes valid documents.',
  })
}

function unknownFormat(subject: string, found: string): VerificationError {
  return new VerificationError(
    'format-invalid',
    `${subject}: expected SPDX (JSON or tag-value), CycloneDX JSON, syft JSON, Trivy JSON or a GitHub dependency snapshot, found ${found}`,
    { subject, remedy: 'Convert the document to SPDX or CycloneDX JSON with the tool that made it.' },
  )
}
