import { VerificationError } from '../base/errors.ts'
import { isObject, type JsonValue } from '../base/json.ts'
import { fromBase64, toBase64 } from '../encoding/base64.ts'
import { payloadType, type Envelope, type Signer } from '../statement/types.ts'
import { loadPublicKey, verifySignature } from './public-key.ts'

/** DSSE v1 pre-authentication encoding: what a signature covers. */
export function pae(type: string, payload: Uint8Array): Buffer {
  const typeBytes = Buffer.from(type, 'utf8')
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${typeBytes.length} `),
    typeBytes,
    Buffer.from(` ${payload.length} `),
    payload,
  ])
}

/**
 * Signs a statement's payload. One signature an envelope: sigstore's verifiers refuse more. `keyid` stays empty as in cosign's own
 * envelopes; the bundle's hint names the key.
 */
export async function signEnvelope(payload: Uint8Array, signer: Signer): Promise<Envelope> {
  const signature = await signer.sign(pae(payloadType, payload))
  return { payloadType, payload: toBase64(payload), signatures: [{ sig: toBase64(signature), keyid: '' }] }
}

/**
 * Checks the one signature with a pinned key.
 *
 * @returns the payload bytes, which alone may be believed
 * @throws VerificationError `signature-invalid`, `format-invalid`
 */
export function verifyEnvelope(envelope: Envelope, publicKeyPem: string): Buffer {
  const key = loadPublicKey(publicKeyPem)
  const signature = envelope.signatures[0]
  if (signature === undefined || envelope.signatures.length !== 1) throw refuse('does not have exactly one signature')
  const payload = envelopePayload(envelope)
  if (!verifySignature(key, pae(envelope.payloadType, payload), fromBase64(signature.sig, 'envelope signature'))) {
    throw new VerificationError('signature-invalid', 'the envelope was not signed by this key', {
      subject: key.hint,
      remedy: 'Check that the public key is the one of the signer.',
    })
  }
  return payload
}

/**
 * Reads an envelope of a statement.
 *
 * @throws VerificationError `format-invalid`; also for none or several signatures: which of them was meant would be the reader's guess
 */
export function parseEnvelope(value: JsonValue | undefined): Envelope {
  if (!isObject(value)) throw refuse('is not an object')
  const { payload, signatures } = value
  if (value['payloadType'] !== payloadType) throw refuse(`does not hold ${payloadType}`)
  if (typeof payload !== 'string') throw refuse('has no payload')
  if (!Array.isArray(signatures) || signatures.length !== 1) throw refuse('does not have exactly one signature')
  const signature = signatures[0]
  if (!isObject(signature) || typeof signature['sig'] !== 'string' || signature['sig'] === '')
    throw refuse('has an empty signature')
  fromBase64(signature['sig'], 'envelope signature')
  const keyid = signature['keyid']
  return {
    payloadType,
    payload,
    signatures: [{ sig: signature['sig'], keyid: typeof keyid === 'string' ? keyid : '' }],
  }
}

/**
 * The payload bytes of an envelope, not yet believed. Strict by writing them again: an SBOM has tens of megabytes, over which a pattern
 * with groups exhausts the stack.
 *
 * @throws VerificationError `format-invalid`
 */
export function envelopePayload({ payload }: Envelope): Buffer {
  const bytes = Buffer.from(payload, 'base64')
  if (bytes.toString('base64') !== payload) throw refuse('has a payload that is not base64')
  return bytes
}

function refuse(why: string): VerificationError {
  return new VerificationError('format-invalid', `the DSSE envelope ${why}`, { subject: 'envelope' })
}
