import { VerificationError } from '../base/errors.ts'
import { isObject, type JsonValue } from '../base/json.ts'
import { fromEitherBase64, toBase64 } from '../encoding/base64.ts'
import { payloadType, type Envelope, type Signer } from '../statement/types.ts'
import { loadPublicKey, verifySignature, type PublicKey } from './public-key.ts'

/** What one reader checks at most: each costs a verification. */
const mostSignatures = 16
/** Of a large payload every signature costs a hash of it, for each key. Sigstore's verifiers take one signature. */
const large = { bytes: 1 << 20, signatures: 2 } as const

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
 * Checks the signatures with a pinned key: one of them must be the key's, whatever others signed beside it.
 *
 * @returns the payload bytes, which alone may be believed
 * @throws VerificationError `signature-invalid`, `format-invalid`
 */
export function verifyEnvelope(envelope: Envelope, publicKeyPem: string): Buffer {
  const key = loadPublicKey(publicKeyPem)
  const payload = envelopePayload(envelope)
  if (signersOf(envelope, payload, [key]).length === 0) {
    throw new VerificationError('signature-invalid', 'the envelope was not signed by this key', {
      subject: key.hint,
      remedy: 'Check that the public key is the one of the signer.',
    })
  }
  return payload
}

/**
 * The keys that made a signature of an envelope. What they cover is put together once; hashing it anew for each check cannot be avoided, since
 * Node.js verifies no digest that was made before.
 *
 * @param payload of {@link envelopePayload}
 */
export function signersOf(envelope: Envelope, payload: Uint8Array, keys: readonly PublicKey[]): PublicKey[] {
  if (keys.length === 0) return []
  const bytes = pae(envelope.payloadType, payload)
  const signatures = envelope.signatures.map(({ sig }) => fromEitherBase64(sig, 'envelope signature'))
  return keys.filter((key) => signatures.some((signature) => verifySignature(key, bytes, signature)))
}

/**
 * Reads an envelope of a statement (DSSE v1: one or more signatures, either alphabet of base64).
 *
 * @throws VerificationError `format-invalid`
 */
export function parseEnvelope(value: JsonValue | undefined): Envelope {
  if (!isObject(value)) throw refuse('is not an object')
  const { payload, signatures } = value
  if (value['payloadType'] !== payloadType) throw refuse(`does not hold ${payloadType}`)
  if (typeof payload !== 'string') throw refuse('has no payload')
  if (!Array.isArray(signatures) || signatures.length === 0) throw refuse('has no signature')
  const most = (payload.length / 4) * 3 > large.bytes ? large.signatures : mostSignatures
  if (signatures.length > most) throw refuse(`has more than ${most} signatures`)
  return { payloadType, payload, signatures: signatures.map(parseSignature) }
}

function parseSignature(value: JsonValue): Envelope['signatures'][number] {
  if (!isObject(value) || typeof value['sig'] !== 'string' || value['sig'] === '')
    throw refuse('has an empty signature')
  fromEitherBase64(value['sig'], 'envelope signature')
  const { keyid } = value
  return { sig: value['sig'], keyid: typeof keyid === 'string' ? keyid : '' }
}

/**
 * The payload bytes of an envelope, not yet believed.
 *
 * @throws VerificationError `format-invalid`
 */
export function envelopePayload({ payload }: Envelope): Buffer {
  return fromEitherBase64(payload, 'the payload of the DSSE envelope')
}

function refuse(why: string): VerificationError {
  return new VerificationError('format-invalid', `the DSSE envelope ${why}`, { subject: 'envelope' })
}
