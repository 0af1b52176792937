import { isObject, nestsDeeper, parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import { VerificationError } from '../base/errors.ts'
import { jcs } from '../encoding/jcs.ts'
import type { Digest } from '../oci/types.ts'
import { legacyStatementType, predicateTypes, statementType, type Statement, type StatementKind } from './types.ts'

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
 * @throws VerificationError `format-invalid` for a document that is no JSON object, or a digest of another form
 */
export function makeStatement(
  kind: StatementKind,
  subject: StatementSubject,
  predicate: JsonObject | DocumentPredicate,
): Buffer {
  const { head, tail } = frame(predicateTypes[kind], subject)
  if (!isDocument(predicate)) return Buffer.concat([head, jcs(predicate), tail])
  if (!isObject(parseJson(decode(predicate.document), `the ${kind} document`))) {
    throw new VerificationError('format-invalid', `the ${kind} document is not a JSON object`, { subject: kind })
  }
  return Buffer.concat([head, predicate.document, tail])
}

/**
 * The exact bytes of the document that {@link makeStatement} embedded, or null where the payload was not written by us in that form:
 * what the journal's digest of an SBOM is compared with.
 */
export function embeddedDocument(payload: Uint8Array, statement: Statement): Buffer | null {
  const { name, digest } = statement.subject[0]
  const { head, tail } = frame(statement.predicateType, { name, digest: `sha256:${digest.sha256}` })
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  if (bytes.length < head.length + tail.length) return null
  if (!bytes.subarray(0, head.length).equals(head) || !bytes.subarray(bytes.length - tail.length).equals(tail))
    return null
  return bytes.subarray(head.length, bytes.length - tail.length)
}

/** Everything before and after the predicate. Members in RFC 8785 order: `_type`, `predicate`, `predicateType`, `subject`. */
function frame(predicateType: string, subject: StatementSubject): { head: Buffer; tail: Buffer } {
  const found = /^sha256:([0-9a-f]{64})$/.exec(subject.digest)
  if (found?.[1] === undefined) {
    throw new VerificationError('format-invalid', `${subject.digest} is not a sha256 digest`, {
      subject: subject.digest,
    })
  }
  const rest = jcs({ predicateType, subject: [{ name: subject.name, digest: { sha256: found[1] } }] })
  return {
    head: Buffer.from(`{"_type":${JSON.stringify(statementType)},"predicate":`),
    tail: Buffer.concat([Buffer.from(','), rest.subarray(1)]),
  }
}

/** Of a statement, its embedded document included. */
const mostLevels = 256

/**
 * Reads a statement, ours or another tool's. Unknown members of a resource descriptor are ignored (in-toto's monotonic rule); a
 * statement without exactly one subject with a SHA-256 digest is refused, since all of ours have one.
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
  const predicate = value['predicate'] ?? {}
  if (!isObject(predicate)) throw invalid('has a predicate that is not an object')
  return { _type: type, subject: [parseSubject(value['subject'])], predicateType, predicate }
}

function parseSubject(value: JsonValue | undefined): Statement['subject'][0] {
  if (!Array.isArray(value) || value.length !== 1) throw invalid('does not have exactly one subject')
  const subject = value[0]
  if (!isObject(subject) || !isObject(subject['digest'])) throw invalid('has a subject without digest')
  const hex = subject['digest']['sha256']
  if (typeof hex !== 'string' || !/^[0-9a-f]{64}$/.test(hex)) throw invalid('has a subject without SHA-256 digest')
  const name = subject['name']
  return { digest: { sha256: hex }, ...(typeof name === 'string' && name !== '' ? { name } : {}) }
}

function isDocument(predicate: JsonObject | DocumentPredicate): predicate is DocumentPredicate {
  return predicate['document'] instanceof Uint8Array
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
