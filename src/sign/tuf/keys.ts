import { constants, createPublicKey, verify, type KeyObject } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { fromHex } from '../../encoding/base64.ts'
import { describeKey } from '../public-key.ts'

/** A key of a root, and the hash that its scheme prescribes. */
export interface TufKey {
  /** By this a key is counted, whatever ids it bears. */
  hint: string
  verify(bytes: Uint8Array, signature: Uint8Array): boolean
}

/** Signature schemes of TUF §4.2 with the curve or kind that each needs; `ecdsa` is the older name of the kind. */
const schemes: Readonly<Record<string, { types: readonly string[]; hash: string | null; is: string }>> = {
  ed25519: { types: ['ed25519'], hash: null, is: 'ed25519' },
  'ecdsa-sha2-nistp256': { types: ['ecdsa', 'ecdsa-sha2-nistp256'], hash: 'sha256', is: 'prime256v1' },
  'ecdsa-sha2-nistp384': { types: ['ecdsa', 'ecdsa-sha2-nistp384'], hash: 'sha384', is: 'secp384r1' },
  'rsassa-pss-sha256': { types: ['rsa'], hash: 'sha256', is: 'rsa' },
}

/**
 * Reads one key of a root (TUF §4.2).
 *
 * @param key members `keytype`, `scheme`, `keyval.public`
 * @returns null for a scheme that is not known: such a key never counts
 * @throws VerificationError `format-invalid` for a key that is not what its scheme says
 */
export function readTufKey(key: JsonObject, publicText: string, what: string): TufKey | null {
  const scheme = Object.entries(schemes).find(([name]) => name === key['scheme'])?.[1]
  if (scheme === undefined || !scheme.types.some((type) => type === key['keytype'])) return null
  const { hint, object } = describeKey(objectOf(scheme.is, publicText, what), what)
  const is = object.asymmetricKeyDetails?.namedCurve ?? object.asymmetricKeyType
  if (is !== scheme.is) throw refuse(what, `is a key of the kind ${String(is)}, not ${scheme.is}`)
  const verifier = scheme.is === 'rsa' ? { key: object, ...pss } : object
  return { hint, verify: (bytes, signature) => holds(scheme.hash, bytes, verifier, signature) }
}

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO } as const

function objectOf(kind: string, text: string, what: string): KeyObject {
  const x = kind === 'ed25519' ? fromHex(text, 32, what).toString('base64url') : null
  try {
    if (x !== null) return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    return createPublicKey({ key: text, format: 'pem', type: 'spki' })
  } catch (cause) {
    throw refuse(what, 'is not a public key', cause)
  }
}

function holds(
  hash: string | null,
  bytes: Uint8Array,
  key: Parameters<typeof verify>[2],
  signature: Uint8Array,
): boolean {
  try {
    return verify(hash, bytes, key, signature)
  } catch {
    return false
  }
}

function refuse(what: string, why: string, cause?: unknown): VerificationError {
  return new VerificationError('format-invalid', `${what} ${why}`, { subject: what, cause })
}
