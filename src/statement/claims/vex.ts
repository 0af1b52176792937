import { table } from '../../base/table.ts'
import type { JsonObject } from '../../base/json.ts'
import { digestsIn, notA, objectOf, objectsOf, optionalText, requiredText, textsOf, timeOf } from './report-values.ts'
import type { ReadClaim } from './types.ts'

const openvexStatuses = ['not_affected', 'affected', 'fixed', 'under_investigation'] as const

export function isOpenvex(document: JsonObject): boolean {
  const context = document['@context']
  return typeof context === 'string' && /^https:\/\/openvex\.dev\/ns(?:\/v0\.\d\.\d)?$/.test(context)
}

/**
 * Takes an OpenVEX document as it is (OpenVEX v0.2.0), after its statements were read once.
 *
 * @throws InputError `file-invalid`
 */
export function readOpenvex(document: JsonObject): ReadClaim {
  const format = 'OpenVEX'
  timeOf(requiredText(document, 'timestamp', format), 'timestamp', format)
  requiredText(document, 'author', format)
  const statements = objectsOf(document['statements'], 'statements', format)
  if (statements.length === 0) throw notA(format, 'it has no statements')
  for (const statement of statements) {
    const status = requiredText(statement, 'status', format)
    if (!openvexStatuses.some((known) => known === status)) throw notA(format, `the status "${status}" is unknown`)
    if (vulnerabilityName(statement) === null) throw notA(format, 'a statement names no vulnerability')
  }
  const products = statements.flatMap((statement) => objectsOf(statement['products'], 'products', format))
  return {
    kind: 'openvex',
    format,
    predicate: document,
    about: products.flatMap((product) => productDigests(product)),
    summary: summaryOf(statements.map((statement) => requiredText(statement, 'status', format))),
  }
}

/** Name of the vulnerability of a statement; OpenVEX before v0.2.0 wrote it as a text. */
export function vulnerabilityName(statement: JsonObject): string | null {
  const { vulnerability } = statement
  if (typeof vulnerability === 'string') return vulnerability === '' ? null : vulnerability
  const object = objectOf(vulnerability)
  return optionalText(object, 'name', 'OpenVEX') ?? optionalText(object, '@id', 'OpenVEX')
}

/** Digests by which a product names an image: its hashes, and the version of a purl of type `oci`. */
export function productDigests(value: unknown): string[] {
  const product = objectOf(value)
  const hashes = objectOf(product['hashes'])
  const purls = [
    optionalText(product, '@id', 'OpenVEX'),
    optionalText(objectOf(product['identifiers']), 'purl', 'OpenVEX'),
  ]
  const hex = ['sha-256', 'sha256'].flatMap((name) => optionalText(hashes, name, 'OpenVEX') ?? [])
  return digestsIn([
    ...hex.map((value) => `sha256:${value}`),
    ...purls.map(
      (purl) => /^pkg:oci\/[^@]+@(sha256(?::|%3A)[0-9a-f]{64})/i.exec(purl ?? '')?.[1]?.replace(/%3A/i, ':') ?? null,
    ),
  ])
}

/** CycloneDX §analysis.state → OpenVEX status. */
const states: Readonly<Record<string, (typeof openvexStatuses)[number]>> = {
  resolved: 'fixed',
  resolved_with_pedigree: 'fixed',
  exploitable: 'affected',
  in_triage: 'under_investigation',
  false_positive: 'not_affected',
  not_affected: 'not_affected',
}
/** CycloneDX §analysis.justification → OpenVEX justification, where one says the same. */
const justifications: Readonly<Record<string, string>> = table({
  code_not_present: 'vulnerable_code_not_present',
  code_not_reachable: 'vulnerable_code_not_in_execute_path',
  protected_at_runtime: 'inline_mitigations_already_exist',
  protected_by_mitigating_control: 'inline_mitigations_already_exist',
})

export function isCyclonedxVex(document: JsonObject): boolean {
  return document['bomFormat'] === 'CycloneDX' && Array.isArray(document['vulnerabilities'])
}

/**
 * OpenVEX of the analyses in a CycloneDX document. Every vulnerability has to have an analysis, otherwise the document is a list of findings and
 * says nothing about exploitability.
 *
 * @throws InputError `file-invalid`
 */
export function readCyclonedxVex(document: JsonObject): ReadClaim {
  const format = 'CycloneDX VEX'
  const metadata = objectOf(document['metadata'])
  const timestamp = timeOf(requiredText(metadata, 'timestamp', format), 'metadata.timestamp', format)
  const vulnerabilities = objectsOf(document['vulnerabilities'], 'vulnerabilities', format)
  if (vulnerabilities.length === 0) throw notA(format, 'it has no vulnerabilities')
  const statements = vulnerabilities.map((vulnerability) => statementOf(vulnerability, format))
  const author = optionalText(objectOf(metadata['supplier']), 'name', format) ?? authorOf(metadata, format)
  if (author === null) throw notA(format, 'metadata names neither a supplier nor an author, and OpenVEX requires one')
  return {
    kind: 'openvex',
    format,
    predicate: {
      '@context': 'https://openvex.dev/ns/v0.2.0',
      '@id': requiredText(document, 'serialNumber', format),
      author,
      timestamp,
      version: 1,
      statements,
    },
    about: statements.flatMap((statement) =>
      objectsOf(statement['products'], 'products', format).flatMap((product) => productDigests(product)),
    ),
    summary: summaryOf(statements.map((statement) => String(statement['status']))),
  }
}

function authorOf(metadata: JsonObject, format: string): string | null {
  const [author] = objectsOf(metadata['authors'], 'authors', format)
  return author === undefined ? null : optionalText(author, 'name', format)
}

function statementOf(vulnerability: JsonObject, format: string): JsonObject {
  const id = requiredText(vulnerability, 'id', format)
  const analysis = objectOf(vulnerability['analysis'])
  const state = optionalText(analysis, 'state', format)
  const status = state === null || !Object.hasOwn(states, state) ? undefined : states[state]
  if (status === undefined)
    throw notA(format, `${id} has ${state === null ? 'no analysis' : `the unknown state "${state}"`}`)
  const justification = justifications[optionalText(analysis, 'justification', format) ?? '']
  const detail = optionalText(analysis, 'detail', format)
  const affects = objectsOf(vulnerability['affects'], 'affects', format)
  const responses = textsOf(analysis['response'])
  return {
    vulnerability: { name: id },
    products: affects.map((item) => ({ '@id': requiredText(item, 'ref', format) })),
    status,
    ...(status === 'not_affected' && justification !== undefined ? { justification } : {}),
    // OpenVEX §statement: not_affected needs a justification or an impact statement.
    ...(status === 'not_affected' && (detail !== null || justification === undefined)
      ? { impact_statement: detail ?? `CycloneDX analysis: ${state}` }
      : {}),
    ...(status === 'affected' ? { action_statement: detail ?? (responses.join(', ') || 'none stated') } : {}),
  }
}

function summaryOf(all: readonly string[]): string {
  const counts = openvexStatuses.flatMap((status) => {
    const count = all.filter((one) => one === status).length
    return count === 0 ? [] : [`${count} ${status.replaceAll('_', ' ')}`]
  })
  return counts.join(', ')
}
