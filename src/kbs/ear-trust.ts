import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import { InputError, SealwrightError } from '../base/errors.ts'
import { isObject, parseJson, type JsonValue } from '../base/json.ts'
import { readPem } from '../encoding/pem.ts'
import type { EarTrust } from './ear.ts'

const limits = { bytes: 1 << 20, items: 64 } as const

/**
 * Who may sign an EAR, from a file that the reader pins: PEM with public keys and certificates in any order, or a JWKS. Certificates must be the
 * Attestation Service's own or the authority that issued it.
 *
 * @throws InputError `file-invalid` for a file that holds anything else: a key that is passed over would be missed only when it matters
 */
export function readEarTrust(bytes: Uint8Array, subject: string): EarTrust & { keys: KeyObject[] } {
  if (bytes.length > limits.bytes) throw refuse(subject, `has more than ${limits.bytes} bytes`)
  const text = Buffer.from(bytes).toString('utf8')
  try {
    const trust = text.trimStart().startsWith('{')
      ? fromJwks(parseJson(text, subject, 'input'), subject)
      : fromPem(text, subject)
    const count = trust.keys.length + (trust.certificates?.length ?? 0)
    if (count === 0) throw refuse(subject, 'holds no key')
    if (count > limits.items) throw refuse(subject, `holds more than ${limits.items} keys`)
    return trust
  } catch (cause) {
    if (cause instanceof InputError) throw cause
    throw refuse(subject, cause instanceof SealwrightError ? cause.message : 'holds a key that cannot be read', cause)
  }
}

function fromPem(text: string, subject: string): EarTrust & { keys: KeyObject[] } {
  const keys: KeyObject[] = []
  const certificates: X509Certificate[] = []
  for (const { label, bytes } of readPem(text, subject)) {
    if (label === 'CERTIFICATE') certificates.push(new X509Certificate(bytes))
    else if (label === 'PUBLIC KEY')
      keys.push(p256(createPublicKey({ key: bytes, format: 'der', type: 'spki' }), subject))
    else throw refuse(subject, `holds a PEM block "${label}"`)
  }
  // Trustee without a chain writes its key alone into the header: a pinned certificate then stands for its own key.
  for (const certificate of certificates) if (!certificate.ca) keys.push(certificate.publicKey)
  return { keys, certificates }
}

function fromJwks(value: JsonValue, subject: string): EarTrust & { keys: KeyObject[] } {
  const list = isObject(value) && Array.isArray(value['keys']) ? value['keys'] : [value]
  const keys = list.map((jwk) => {
    if (!isObject(jwk)) throw refuse(subject, 'holds a key that is no JWK')
    if ('d' in jwk) throw refuse(subject, 'holds a private key')
    return p256(createPublicKey({ key: jwk as Record<string, string>, format: 'jwk' }), subject)
  })
  return { keys }
}

/** EARs of Trustee are ES256 (coco.md §1.6). */
function p256(key: KeyObject, subject: string): KeyObject {
  if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  throw refuse(subject, 'holds a key that is not of P-256')
}

function refuse(subject: string, why: string, cause?: unknown): InputError {
  return new InputError('file-invalid', `${subject} ${why}`, {
    subject,
    cause,
    remedy: "Give the Attestation Service's public key or certificate (PEM), or its JWKS.",
  })
}
