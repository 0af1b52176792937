import { isObject, nestsDeeper, parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import { algorithmOf } from '../base/streams.ts'
import { VerificationError } from '../base/errors.ts'
import { jcs } from '../encoding/jcs.ts'
import type { Digest } from '../oci/types.ts'
import { asDigest, digestSet, hexOf, isDigest } from '../oci/digest.ts'
import { claimTypes, type ClaimKind } from './claims/types.ts'
import { noticeTypes, type NoticeKind } from './notices.ts'
import { checkPredicate, isDocumentKind } from './schemas/predicate.ts'
import {
  legacyStatementType,
  predicateTypes,
  statementType,
  type Statement,
  type StatementKind,
  type StatementTarget,
} from './types.ts'

/** What a statement speaks of: always one manifest, matched by digest. The name is a hint for readers. */
export interface StatementSubject {
  digest: Digest
  name?: string | undefined
}

/** A predicate that is a document of its own (an SBOM): its bytes go into the payload as they are. */
export interface DocumentPredicate {
  document: Uint8Array
}

/**
 * The payload bytes of a statement in RFC 8785 form: the same input gives the same bytes (TRUST §3).
 *
 * A document is embedded as it stands, so that its digest in the journal stays visible in the payload; it is parsed once to make sure
 * that it is one JSON object and cannot close the predicate early. The whole is in RFC 8785 form if the document is.
 *
 * @throws VerificationError `format-invalid` for a predicate that is not of its kind (docs/predicates), a document that is not a JSON object, or
 *   a digest of another form
 */
export function makeStatement(
  kind: WrittenKind,
  subject: StatementSubject,
  predicate: JsonObject | DocumentPredicate,
): Buffer {
  const { head, tail } = frame(predicateTypeOf(kind), subject)
  if (!isDocument(predicate)) {
    if (isDocumentKind(kind)) throw notADocument(kind, 'has no bytes')
    checkPredicate(kind, predicate)
    return Buffer.concat([head, jcs(predicate), tail])
  }
  if (!isDocumentKind(kind)) throw notADocument(kind, 'is not a kind whose predicate is a document')
  if (!isObject(parseJson(decode(predicate.document), `the ${kind} document`))) {
    throw notADocument(kind, 'is not a JSON object')
  }
  return Buffer.concat([head, predicate.document, tail])
}

const writtenTypes = { ...predicateTypes, ...claimTypes, ...noticeTypes }
/** Every kind of statement that is written. */
export type WrittenKind = StatementKind | ClaimKind | NoticeKind

/** The predicate type of each kind that we write. */
export function predicateTypeOf(kind: WrittenKind): string {
  return writtenTypes[kind]
}

/**
 * The exact bytes of the document that {@link makeStatement} embedded, or null where the payload was not written by us in that form:
 * what the journal's digest of an SBOM is compared with.
 */
export function embeddedDocument(payload: Uint8Array, statement: Statement): Buffer | null {
  const [{ name, digest }, second] = statement.subject
  const [[algorithm, hex] = ['', ''], another] = Object.entries(digest)
  const found: unknown = `${algorithm}:${hex}`
  if (second !== undefined || another !== undefined || !isDigest(found)) return null
  const { head, tail } = frame(statement.predicateType, { name, digest: found })
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  if (bytes.length < head.length + tail.length) return null
  if (!bytes.subarray(0, head.length).equals(head) || !bytes.subarray(bytes.length - tail.length).equals(tail))
    return null
  return bytes.subarray(head.length, bytes.length - tail.length)
}

/** Whether a statement speaks of a manifest: in-toto matches by digest, and one subject of several suffices. */
export function speaksOf(statement: Statement, digest: Digest): boolean {
  return statement.subject.some((item) => item.digest[algorithmOf(digest)] === hexOf(digest))
}

/** What a statement speaks of, in words for a message. */
export function subjectInWords(statement: Statement): string {
  const [first, ...rest] = statement.subject
  const [algorithm = '', hex = ''] = Object.entries(first.digest)[0] ?? []
  const shown = first.digest['sha256'] === undefined ? `${algorithm}:${hex}` : `sha256:${first.digest['sha256']}`
  return rest.length === 0 ? shown : `${shown} and ${rest.length} more`
}

/** Everything before and after the predicate. Members in RFC 8785 order: `_type`, `predicate`, `predicateType`, `subject`. */
function frame(predicateType: string, subject: StatementSubject): { head: Buffer; tail: Buffer } {
  const digest = asDigest(subject.digest, 'the subject of the statement')
  const rest = jcs({ predicateType, subject: [{ name: subject.name, digest: digestSet(digest) }] })
  return {
    head: Buffer.from(`{"_type":${JSON.stringify(statementType)},"predicate":`),
    tail: Buffer.concat([Buffer.from(','), rest.subarray(1)]),
  }
}

/** Of a statement, its embedded document included. */
const mostLevels = 256
/** SLSA provenance of a release names each of its files. */
const mostSubjects = 4096

/**
 * Reads a statement, ours or another tool's. Unknown members of a resource descriptor are ignored (in-toto's monotonic rule). A statement has
 * one or more subjects, each with digests of any algorithm.
 *
 * @throws VerificationError `format-invalid`
 */
export function parseStatement(bytes: Uint8Array): Statement {
  if (nestsDeeper(bytes, mostLevels)) throw invalid(`nests deeper than ${mostLevels} levels`)
  const value: JsonValue = parseJson(decode(bytes), 'the statement')
  if (!isObject(value)) throw invalid('is not an object')
  const type = value['_type']
  if (type !== statementType && type !== legacyStatementType) throw invalid('is not an in-toto statement v1 or v0.1')
  const predicateType = value['predicateType']
  if (typeof predicateType !== 'string' || predicateType === '' || predicateType.length > 512)
    throw invalid('has no predicate type')
  const subject = parseSubjects(value['subject'])
  const predicate = value['predicate'] ?? {}
  if (typeof predicate === 'string')
    return { _type: type, subject, predicateType, predicate: {}, predicateText: predicate }
  if (!isObject(predicate)) throw invalid('has a predicate that is neither an object nor a text')
  return { _type: type, subject, predicateType, predicate }
}

function parseSubjects(value: JsonValue | undefined): Statement['subject'] {
  if (!Array.isArray(value)) throw invalid('has no list of subjects')
  if (value.length > mostSubjects) throw invalid(`has more than ${mostSubjects} subjects`)
  const [first, ...rest] = value.map(parseSubject)
  if (first === undefined) throw invalid('has no subject')
  return [first, ...rest]
}

function parseSubject(value: JsonValue): StatementTarget {
  if (!isObject(value) || !isObject(value['digest'])) throw invalid('has a subject without digest')
  const digest: Record<string, string> = {}
  for (const [algorithm, hex] of Object.entries(value['digest'])) {
    if (typeof hex !== 'string') throw invalid('has a subject whose digest is not a text')
    if (algorithm !== '__proto__') digest[algorithm] = hex
  }
  if (Object.keys(digest).length === 0) throw invalid('has a subject without digest')
  const { name } = value
  return { digest, ...(typeof name === 'string' && name !== '' ? { name } : {}) }
}

function isDocument(predicate: JsonObject | DocumentPredicate): predicate is DocumentPredicate {
  return predicate['document'] instanceof Uint8Array
}

function notADocument(kind: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `the ${kind} document ${why}`, { subject: kind })
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new VerificationError('format-invalid', 'the statement is not UTF-8', { subject: 'statement', cause })
  }
}

function invalid(why: string): VerificationError {
  return new VerificationError('format-invalid', `the statement ${why}`, { subject: 'statement' })
}
