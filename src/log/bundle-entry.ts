import { createHash, type KeyObject } from 'node:crypto'
import { InputError, VerificationError } from '../base/errors.ts'
import { isObject, parseJson, type JsonObject } from '../base/json.ts'
import { fromEitherBase64 } from '../encoding/base64.ts'
import { parseCertificate } from '../encoding/x509/certificate.ts'
import { parseBundle } from '../sign/bundle.ts'
import { envelopePayload, pae } from '../sign/dsse.ts'
import { describeKey, verifySignature, type PublicKey } from '../sign/public-key.ts'
import type { Envelope } from '../statement/types.ts'
import { entryBody, keyDetailsOf, keyEntry } from './hashedrekord.ts'

/**
 * The entry for a signed envelope: over SHA-256 of its pre-authentication encoding, with the signature and the key of its signer.
 *
 * @param signers keys of which one made the signature
 * @throws InputError `input-invalid` (several signatures) · VerificationError `signature-invalid`: what no given key signed is not logged
 */
export function envelopeEntry(envelope: Envelope, signers: readonly PublicKey[], subject: string): Buffer {
  const { signed, signature } = onlySignature(envelope, subject)
  const key = signers.find((one) => verifySignature(one, signed, signature))
  if (key !== undefined) return signedEntry(signed, signature, key.object)
  throw new VerificationError('signature-invalid', `${subject} is not signed by a key that was given`, {
    subject,
    remedy:
      'Give the public key of the signer. An entry names the key, so the signature is checked before it is logged.',
  })
}

/**
 * The entry for an envelope that the key of a certificate signed: it names the certificate, as readers of certificates expect it. Who may have such a
 * certificate is not looked at.
 *
 * @param certificate DER
 * @throws InputError `input-invalid` (several signatures), `unsupported` (kind of key) · VerificationError `signature-invalid`, `format-invalid`
 */
export function certifiedEntry(envelope: Envelope, certificate: Buffer, subject: string): Buffer {
  const { signed, signature } = onlySignature(envelope, subject)
  const leaf = parseCertificate(certificate, `the certificate of ${subject}`, 'signer')
  const digest = createHash('sha256').update(signed).digest()
  const verifier = { kind: 'certificate', der: certificate } as const
  if (verifySignature(describeKey(leaf.key, leaf.name), signed, signature))
    return entryBody({ digest, signature, verifier, keyDetails: keyDetailsOf(leaf.key) })
  throw new VerificationError('signature-invalid', `${subject} is not signed by the key of its certificate`, {
    subject,
    remedy: 'Give the bundle as it was signed: an entry names the certificate, so the signature is checked first.',
  })
}

function onlySignature(envelope: Envelope, subject: string): { signed: Buffer; signature: Buffer } {
  const [first, ...more] = envelope.signatures
  if (first === undefined || more.length > 0) {
    throw new InputError('input-invalid', `${subject} has ${envelope.signatures.length} signatures, expected one`, {
      subject,
      remedy: 'Log each signature as an envelope of its own.',
    })
  }
  const signed = pae(envelope.payloadType, envelopePayload(envelope))
  return { signed, signature: fromEitherBase64(first.sig, 'envelope signature') }
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
