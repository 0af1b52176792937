import { isObject, nestsDeeper, parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import { duplicateMember } from '../../base/json-members.ts'
import { fromBase64 } from '../../encoding/base64.ts'
import { parseCertificate } from '../../encoding/x509/certificate.ts'
import { coseAlgorithms, type CoseAlgorithm } from '../cose/algorithms.ts'
import { checkAttributes, notationRefusal, type NotationSignature } from './envelope.ts'
import { attributes, notationEnvelopeLimit, notationPayloadType } from './names.ts'

const mostCertificates = 10
const deepest = 8

/** JWS names of the algorithms of Notary Project are those of COSE. */
const algorithmNames = ['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512']

/** Reads a JWS envelope (JSON serialisation) of the Notary Project. @throws VerificationError `format-invalid` */
export function readNotationJws(bytes: Uint8Array, subject: string): NotationSignature {
  if (bytes.length > notationEnvelopeLimit)
    throw notationRefusal(subject, `has more than ${notationEnvelopeLimit} bytes`)
  const outer = parseObject(Buffer.from(bytes), subject)
  const encodedHeader = textOf(outer, 'protected', subject)
  const encodedPayload = textOf(outer, 'payload', subject)
  const signed = parseObject(fromBase64(encodedHeader, subject, 'base64url'), subject)
  const unsigned = outer['header']
  if (!isObject(unsigned)) throw notationRefusal(subject, 'has no unprotected header')
  if (textOf(signed, 'cty', subject) !== notationPayloadType)
    throw notationRefusal(subject, `does not sign ${notationPayloadType}`)
  const critical = signed['crit'] ?? []
  if (!Array.isArray(critical) || !critical.every((name) => typeof name === 'string'))
    throw notationRefusal(subject, 'has a malformed list of critical attributes')
  const lacking = critical.find((name) => !Object.hasOwn(signed, name))
  if (lacking !== undefined) throw notationRefusal(subject, `lists ${lacking} as critical, but lacks it`)
  const scheme = signed[attributes.scheme]
  const checked = checkAttributes(
    {
      scheme: typeof scheme === 'string' ? scheme : null,
      signingTime: timeOf(signed[attributes.signingTime], subject),
      authenticSigningTime: timeOf(signed[attributes.authenticSigningTime], subject),
      expiry: timeOf(signed[attributes.expiry], subject),
      critical,
    },
    subject,
  )
  const agent = unsigned[attributes.agent]
  const timestamp = unsigned[attributes.timestamp]
  return {
    subject,
    format: 'jws',
    payload: fromBase64(encodedPayload, subject, 'base64url'),
    algorithm: algorithmOf(textOf(signed, 'alg', subject), subject),
    covered: Buffer.from(`${encodedHeader}.${encodedPayload}`),
    signature: fromBase64(textOf(outer, 'signature', subject), subject, 'base64url'),
    chain: chainOf(unsigned['x5c'], subject),
    ...checked,
    timestamp: typeof timestamp === 'string' ? fromBase64(timestamp, subject) : null,
    agent: typeof agent === 'string' ? agent : null,
  }
}

function parseObject(bytes: Buffer, subject: string): JsonObject {
  if (nestsDeeper(bytes, deepest)) throw notationRefusal(subject, `nests more than ${deepest} levels`)
  const text = bytes.toString('utf8')
  const value = parseJson(text, subject)
  // Go and JavaScript disagree on which one of two members counts.
  const twice = isObject(value) ? duplicateMember(text) : null
  if (twice !== null) throw notationRefusal(subject, `has the member ${twice} twice`)
  if (!isObject(value)) throw notationRefusal(subject, 'is not a JSON object')
  return value
}

function textOf(object: JsonObject, name: string, subject: string): string {
  const value = object[name]
  if (typeof value === 'string') return value
  throw notationRefusal(subject, `has no text "${name}"`)
}

function algorithmOf(name: string, subject: string): CoseAlgorithm {
  const found = algorithmNames.includes(name) ? coseAlgorithms.find((one) => one.name === name) : undefined
  if (found === undefined) throw notationRefusal(subject, `uses the algorithm ${name}, which is not supported`)
  return found
}

function chainOf(value: JsonValue | undefined, subject: string): NotationSignature['chain'] {
  if (!Array.isArray(value) || value.length === 0 || value.length > mostCertificates)
    throw notationRefusal(subject, `does not carry 1 to ${mostCertificates} certificates`)
  return value.map((one, n) => {
    if (typeof one !== 'string') throw notationRefusal(subject, 'has a certificate that is not a text')
    return parseCertificate(fromBase64(one, subject), `certificate ${n} of ${subject}`, 'signer')
  })
}

/** RFC 3339 with any offset, as Go writes the times of the signer's machine. */
function timeOf(value: JsonValue | undefined, subject: string): Date | null {
  if (value === undefined) return null
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/
  const time = new Date(typeof value === 'string' && form.test(value) ? value : NaN)
  if (Number.isNaN(time.getTime())) throw notationRefusal(subject, 'has a time that is not RFC 3339')
  return time
}
