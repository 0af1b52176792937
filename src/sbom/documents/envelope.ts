import { VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { Digest } from '../../oci/types.ts'
import { object, objects, text } from './members.ts'
import { digestOf } from './values.ts'

/** What lies within the envelopes of a document. */
interface Content {
  /** A text where the predicate is one: `cosign attest --type spdx` writes the document as it is. */
  value: JsonObject | string
  /** The subject's digest, where a statement names exactly one. */
  manifestDigest: Digest | null
}

/**
 * The SBOM within a Sigstore bundle, a DSSE envelope or an in-toto statement, or the value itself. Nothing is verified: whoever trusts a
 * signature has checked it before.
 *
 * @throws VerificationError `format-invalid` for a statement that holds no SBOM
 */
export function unwrap(value: JsonObject, subject: string): Content {
  const envelope = object(value, 'dsseEnvelope') ?? value
  const payload = text(envelope, 'payload')
  if (payload !== null && text(envelope, 'payloadType') === 'application/vnd.in-toto+json') {
    const inner = parseJson(Buffer.from(payload, 'base64').toString('utf8'), `the payload of ${subject}`)
    return statement(isObject(inner) ? inner : {}, subject)
  }
  return text(value, '_type')?.startsWith('https://in-toto.io/Statement/') === true
    ? statement(value, subject)
    : { value, manifestDigest: null }
}

function statement(value: JsonObject, subject: string): Content {
  const type = text(value, 'predicateType') ?? ''
  const known = /^https:\/\/(?:www\.)?(?:spdx\.dev\/Document|cyclonedx\.org\/bom|syft\.dev\/bom)/.test(type)
  if (!known) {
    throw new VerificationError('format-invalid', `${subject} is a statement of type "${type}", which holds no SBOM`, {
      subject,
      remedy: 'Give the statement whose predicate is the SBOM (https://spdx.dev/Document, https://cyclonedx.org/bom).',
    })
  }
  const subjects = objects(value, 'subject')
  const digests = new Set(subjects.flatMap((item) => text(object(item, 'digest'), 'sha256') ?? []))
  const [digest] = digests
  const manifestDigest = digests.size === 1 && digest !== undefined ? digestOf(`sha256:${digest}`) : null
  return { value: documentIn(value['predicate'], subject), manifestDigest }
}

/** cosign 1 puts the document into the member `Data`. */
function documentIn(predicate: JsonValue | undefined, subject: string): JsonObject | string {
  const held = isObject(predicate) && predicate['Data'] !== undefined ? predicate['Data'] : predicate
  if (typeof held === 'string' || isObject(held)) return held
  throw new VerificationError('format-invalid', `${subject} is a statement without a document as its predicate`, {
    subject,
    remedy: 'Give the statement whose predicate is the SBOM.',
  })
}
