import { isWithin, windowOf, windowText } from '../../base/window.ts'
import { VerificationError } from '../../base/errors.ts'
import { isObject, parseJson } from '../../base/json.ts'
import { fromBase64, toBase64 } from '../../encoding/base64.ts'
import { jcs } from '../../encoding/jcs.ts'
import { pae, verifyEnvelope } from '../../sign/dsse.ts'
import type { Envelope, Signer } from '../../statement/types.ts'
import { parseReferenceValues, type ReferenceValues } from './values.ts'

/** DSSE payload type of signed reference values. */
export const referenceValuesPayloadType = 'application/vnd.sealwright.reference-values.v1+json'

const limits = { bytes: 64 * 1024 * 1024 } as const

/**
 * Signs reference values as a DSSE envelope, in RFC 8785 form.
 *
 * @param payload bytes as {@link parseReferenceValues} takes them; what can't be read is not signed
 * @throws VerificationError `format-invalid`
 */
export async function sealReferenceValues(payload: Uint8Array, signer: Signer, subject: string): Promise<Buffer> {
  parseReferenceValues(payload, subject)
  return sealEnvelope(payload, referenceValuesPayloadType, signer)
}

/** A DSSE envelope with one signature, in RFC 8785 form. */
export async function sealEnvelope(payload: Uint8Array, payloadType: string, signer: Signer): Promise<Buffer> {
  const signature = await signer.sign(pae(payloadType, payload))
  const envelope: Envelope = {
    payloadType,
    payload: toBase64(payload),
    signatures: [{ sig: toBase64(signature), keyid: '' }],
  }
  return jcs(envelope)
}

/**
 * Signed reference values that one of the pinned keys vouches for. Nothing of the document is read before its signature holds.
 *
 * @param keys PEM `PUBLIC KEY`, those that the reader pins; never one that came with the file
 * @returns the document and the key that signed it
 * @throws VerificationError `signature-invalid` where none of the keys signed it; `format-invalid`
 */
export function openReferenceValues(
  bytes: Uint8Array,
  keys: readonly string[],
  subject: string,
): { document: ReferenceValues; key: string } {
  const { payload, key } = openEnvelope(bytes, keys, subject)
  return { document: parseReferenceValues(payload, subject), key }
}

/**
 * What one of the pinned keys signed, and that key.
 *
 * @throws VerificationError `signature-invalid` where none of the keys signed it; `format-invalid`
 */
export function openEnvelope(
  bytes: Uint8Array,
  keys: readonly string[],
  subject: string,
  type: string = referenceValuesPayloadType,
): { payload: Buffer; key: string } {
  const envelope = readReferenceEnvelope(bytes, subject, type)
  for (const key of keys) {
    try {
      return { payload: verifyEnvelope(envelope, key), key }
    } catch (error) {
      if (error instanceof VerificationError && error.code === 'signature-invalid') continue
      throw error
    }
  }
  throw new VerificationError('signature-invalid', `${subject} was signed by none of the ${keys.length} pinned keys`, {
    subject,
    remedy: 'Check the keys that are pinned for it.',
  })
}

/**
 * As {@link openReferenceValues}, for a document that has to hold at a time.
 *
 * @throws VerificationError `expired` before and after its time, and as there
 */
export function openCurrentReferenceValues(
  bytes: Uint8Array,
  keys: readonly string[],
  subject: string,
  at: Date,
): ReferenceValues {
  const { document } = openReferenceValues(bytes, keys, subject)
  const outside = notCurrent(document, subject, at)
  if (outside === null) return document
  throw outside
}

/** Why a document does not count at a time: `expired`; null where it does. */
export function notCurrent(document: ReferenceValues, subject: string, at: Date): VerificationError | null {
  const window = windowOf(document)
  if (isWithin(window, at)) return null
  return new VerificationError('expired', `${subject} is valid ${windowText(window)}, and it is ${at.toISOString()}`, {
    subject,
    remedy: 'Predict and sign the values again, or wait.',
  })
}

/** The envelope, not yet believed. @throws VerificationError `format-invalid` */
export function readReferenceEnvelope(
  bytes: Uint8Array,
  subject: string,
  type: string = referenceValuesPayloadType,
): Envelope {
  const refuse = (why: string): VerificationError =>
    new VerificationError('format-invalid', `${subject} ${why}`, {
      subject,
      remedy: 'Sign the document with "sealwright tee reference-values sign".',
    })
  if (bytes.length > limits.bytes) throw refuse(`has ${bytes.length} bytes, more than ${limits.bytes}`)
  const value = parseJson(Buffer.from(bytes).toString('utf8'), subject)
  if (!isObject(value)) throw refuse('is no DSSE envelope')
  const { payload, payloadType, signatures } = value
  if (payloadType !== type) throw refuse(`does not hold ${type}`)
  if (typeof payload !== 'string' || !Array.isArray(signatures)) throw refuse('is no DSSE envelope')
  const [signature] = signatures
  if (signatures.length !== 1 || !isObject(signature)) throw refuse('does not have exactly one signature')
  const { sig, keyid } = signature
  if (typeof sig !== 'string' || sig === '') throw refuse('has an empty signature')
  fromBase64(sig, 'envelope signature')
  return { payloadType, payload, signatures: [{ sig, keyid: typeof keyid === 'string' ? keyid : '' }] }
}
