import { createHash, type KeyObject } from 'node:crypto'
import { InputError, VerificationError } from '../base/errors.ts'
import { isObject, parseJson, type JsonObject } from '../base/json.ts'
import { fromEitherBase64 } from '../encoding/base64.ts'
import { parseBundle } from '../sign/bundle.ts'
import { envelopePayload, pae } from '../sign/dsse.ts'
import { verifySignature, type PublicKey } from '../sign/public-key.ts'
import type { Envelope } from '../statement/types.ts'
import { entryBody, keyEntry } from './hashedrekord.ts'

/**
 * The entry for a signed envelope: over SHA-256 of its pre-authentication encoding, with the signature and the key of its signer.
 *
 * @param signers keys of which one made the signature
 * @throws InputError `input-invalid` (several signatures) · VerificationError `signature-invalid`: what no given key signed is not logged
 */
export function envelopeEntry(envelope: Envelope, signers: readonly PublicKey[], subject: string): Buffer {
  const [first, ...more] = envelope.signatures
  if (first === undefined || more.length > 0) {
    throw new InputError('input-invalid', `${subject} has ${envelope.signatures.length} signatures, expected one`, {
      subject,
      remedy: 'Log each signature as an envelope of its own.',
    })
  }
  const signed = pae(envelope.payloadType, envelopePayload(envelope))
  const signature = fromEitherBase64(first.sig, 'envelope signature')
  const key = signers.find((one) => verifySignature(one, signed, signature))
  if (key !== undefined) return signedEntry(signed, signature, key.object)
  throw new VerificationError('signature-invalid', `${subject} is not signed by a key that was given`, {
    subject,
    remedy:
      'Give the public key of the signer. An entry names the key, so the signature is checked before it is logged.',
  })
}

/** The entry for a signature over bytes; it is not checked here. */
export function signedEntry(signed: Uint8Array, signature: Buffer, key: KeyObject): Buffer {
  return entryBody(keyEntry(createHash('sha256').update(signed).digest(), signature, key))
}

/** A bundle with a further log entry. All else stays as it is; the same entry of the same log is not added twice. */
export function withLogEntry(bundle: Uint8Array, entry: JsonObject): Buffer {
  parseBundle(bundle)
  const value = parseJson(Buffer.from(bundle).toString('utf8'), 'the bundle')
  const material = isObject(value) ? value['verificationMaterial'] : undefined
  if (!isObject(value) || !isObject(material)) {
    throw new VerificationError('format-invalid', 'the bundle has no verification material', { subject: 'bundle' })
  }
  const known = Array.isArray(material['tlogEntries']) ? material['tlogEntries'] : []
  const logOf = (one: unknown): string =>
    isObject(one) ? JSON.stringify([one['logId'], one['logIndex'], one['canonicalizedBody']]) : ''
  const tlogEntries = [...known.filter((one) => logOf(one) !== logOf(entry)), entry]
  return Buffer.from(JSON.stringify({ ...value, verificationMaterial: { ...material, tlogEntries } }))
}
