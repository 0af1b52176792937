import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import { readDer } from '../encoding/der.ts'
import { readPem } from '../encoding/pem.ts'

/** A public key that signatures are checked with. */
export interface PublicKey {
  /** SPKI PEM as we write it, whatever form was read. */
  readonly pem: string
  /** base64 SHA-256 of the SPKI DER: the bundle's `publicKey.hint`. */
  readonly hint: string
  readonly object: KeyObject
}

const minimumRsaBits = 2048
const curves: readonly (string | undefined)[] = ['prime256v1', 'secp384r1', 'secp521r1']
/** Bytes of an SPKI in DER with a named curve and an uncompressed point, by curve. */
const spkiBytes = new Map([
  ['prime256v1', 91],
  ['secp384r1', 120],
  ['secp521r1', 158],
])

/**
 * Reads a public key: PEM `PUBLIC KEY` (SPKI), one block and nothing else. Accepted: EC P-256, P-384, P-521, RSA of 2048 bits or more, Ed25519.
 *
 * @throws VerificationError `format-invalid`
 */
export function loadPublicKey(pem: string, subject = 'public key'): PublicKey {
  const blocks = readPem(pem, subject)
  const block = blocks[0]
  if (block === undefined || blocks.length !== 1 || block.label !== 'PUBLIC KEY')
    throw refuse(subject, 'is not one PEM block "PUBLIC KEY"')
  readDer(block.bytes, subject)
  try {
    return describeKey(createPublicKey({ key: block.bytes, format: 'der', type: 'spki' }), subject)
  } catch (cause) {
    if (cause instanceof VerificationError) throw cause
    throw new VerificationError('format-invalid', `${subject} is not a public key`, { subject, cause })
  }
}

/** The public half of any key object, after its kind and size were checked. @throws VerificationError `format-invalid` */
export function describeKey(key: KeyObject, subject: string): PublicKey {
  const object = key.type === 'private' ? createPublicKey(key) : key
  const details = object.asymmetricKeyDetails ?? {}
  switch (object.asymmetricKeyType) {
    case 'ec':
      if (!curves.includes(details.namedCurve)) throw refuse(subject, `uses the curve ${details.namedCurve}`)
      break
    case 'rsa':
      if ((details.modulusLength ?? 0) < minimumRsaBits)
        throw refuse(subject, `is an RSA key of only ${details.modulusLength} bits`)
      break
    case 'ed25519':
      break
    default:
      throw refuse(subject, `is a key of the kind ${object.asymmetricKeyType}`)
  }
  const der = object.export({ format: 'der', type: 'spki' })
  // A key is named by these bytes: one with a compressed point would be a second party beside itself, and Go's readers refuse it.
  if (details.namedCurve !== undefined && der.length !== spkiBytes.get(details.namedCurve))
    throw refuse(subject, 'is an EC key in another form than a named curve with an uncompressed point')
  return {
    pem: object.export({ format: 'pem', type: 'spki' }).toString(),
    hint: createHash('sha256').update(der).digest('base64'),
    object,
  }
}

/**
 * Whether a signature over the bytes is good: ECDSA (DER) and RSA PKCS#1 v1.5 over SHA-256, pure Ed25519. Larger curves may also have
 * used the hash of their own size, as newer cosigns do.
 */
export function verifySignature(key: PublicKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  return hashes(key.object).some((hash) => {
    try {
      return verify(hash, bytes, key.object, signature)
    } catch {
      return false
    }
  })
}

function hashes(key: KeyObject): (string | null)[] {
  if (key.asymmetricKeyType === 'ed25519') return [null]
  switch (key.asymmetricKeyDetails?.namedCurve) {
    case 'secp384r1':
      return ['sha256', 'sha384']
    case 'secp521r1':
      return ['sha256', 'sha512']
    default:
      return ['sha256']
  }
}

function refuse(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, {
    subject,
    remedy: 'Use EC P-256, P-384 or P-521, RSA of 2048 bits or more, or Ed25519, as PEM "PUBLIC KEY".',
  })
}

/**
 * Whether two keys are the same. Node's own comparison of keys of different types leaves an error in OpenSSL's queue, with which the next key that
 * is opened is refused.
 */
export function isSameKey(one: KeyObject, other: KeyObject): boolean {
  return one.asymmetricKeyType === other.asymmetricKeyType && one.equals(other)
}
