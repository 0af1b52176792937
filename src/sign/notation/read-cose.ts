import type { LabelMap } from '../../encoding/cbor/label-map.ts'
import { headers } from '../cose/labels.ts'
import { parseSign1, sigStructure } from '../cose/sign1.ts'
import { signatureAlgorithm } from '../cose/verify.ts'
import { readChain } from '../cose/x509.ts'
import { checkAttributes, notationRefusal, type NotationSignature } from './envelope.ts'
import { attributes, notationEnvelopeLimit, notationPayloadType } from './names.ts'

/** Reads a COSE envelope of the Notary Project. @throws VerificationError `format-invalid`, `signature-invalid` for an unknown algorithm */
export function readNotationCose(bytes: Uint8Array, subject: string): NotationSignature {
  const message = parseSign1(bytes, subject, { cbor: { limits: { bytes: notationEnvelopeLimit } } })
  const { protected: signed, unprotected, payload } = message
  if (payload === null) throw notationRefusal(subject, 'does not contain its payload')
  if (signed.text(headers.contentType) !== notationPayloadType)
    throw notationRefusal(subject, `does not sign ${notationPayloadType}`)
  const critical = (signed.array(headers.crit) ?? []).map((item) => {
    if (item.kind !== 'text') throw notationRefusal(subject, 'has a critical attribute that is not supported')
    if (!signed.has(item.value)) throw notationRefusal(subject, `lists ${item.value} as critical, but lacks it`)
    return item.value
  })
  const checked = checkAttributes(
    {
      scheme: signed.text(attributes.scheme),
      signingTime: timeOf(signed, attributes.signingTime, subject),
      authenticSigningTime: timeOf(signed, attributes.authenticSigningTime, subject),
      expiry: timeOf(signed, attributes.expiry, subject),
      critical,
    },
    subject,
  )
  return {
    subject,
    format: 'cose',
    payload,
    algorithm: signatureAlgorithm(message),
    covered: sigStructure(message.protectedBytes, Buffer.alloc(0), payload),
    signature: message.signature,
    chain: readChain(message),
    ...checked,
    timestamp: unprotected.bytes(attributes.timestamp),
    agent: unprotected.text(attributes.agent),
  }
}

/** Times are integers under tag 1: readers of Notary Project decode them by their tag. */
function timeOf(signed: LabelMap, name: string, subject: string): Date | null {
  const item = signed.get(name)
  if (item === undefined) return null
  if (item.kind !== 'tag' || item.tag !== 1 || item.item.kind !== 'integer')
    throw notationRefusal(subject, `has a time under ${name} that is not an integer under tag 1`)
  const time = new Date(Number(item.item.value) * 1000)
  if (Number.isNaN(time.getTime())) throw notationRefusal(subject, `has a time under ${name} beyond the calendar`)
  return time
}
