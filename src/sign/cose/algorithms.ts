import { constants, sign, verify, type KeyObject, type SigningOptions } from 'node:crypto'
import { promisify } from 'node:util'

/** One way of signing of COSE. */
export interface CoseAlgorithm {
  /** Number in the IANA registry "COSE Algorithms". */
  readonly id: number
  readonly name: string
  readonly kind: 'ecdsa' | 'eddsa' | 'rsa-pss'
  /** Null for a scheme that hashes by itself. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
  /** The curve that belongs to it, as Node.js names it. */
  readonly curve: string | null
  /** Whether the identifier itself fixes the curve (RFC 9864). ES256 and its like only fix the hash (RFC 9053 §2.1). */
  readonly fixesCurve: boolean
}

const ec = { kind: 'ecdsa', fixesCurve: false } as const
const esp = { kind: 'ecdsa', fixesCurve: true } as const
const pss = { kind: 'rsa-pss', curve: null, fixesCurve: false } as const

/** RFC 9053 §2, RFC 8230 §2, RFC 9864 §2. */
export const coseAlgorithms: readonly CoseAlgorithm[] = [
  { id: -7, name: 'ES256', hash: 'sha256', curve: 'prime256v1', ...ec },
  { id: -35, name: 'ES384', hash: 'sha384', curve: 'secp384r1', ...ec },
  { id: -36, name: 'ES512', hash: 'sha512', curve: 'secp521r1', ...ec },
  { id: -8, name: 'EdDSA', kind: 'eddsa', hash: null, curve: null, fixesCurve: false },
  { id: -37, name: 'PS256', hash: 'sha256', ...pss },
  { id: -38, name: 'PS384', hash: 'sha384', ...pss },
  { id: -39, name: 'PS512', hash: 'sha512', ...pss },
  { id: -9, name: 'ESP256', hash: 'sha256', curve: 'prime256v1', ...esp },
  { id: -51, name: 'ESP384', hash: 'sha384', curve: 'secp384r1', ...esp },
  { id: -52, name: 'ESP512', hash: 'sha512', curve: 'secp521r1', ...esp },
  { id: -19, name: 'Ed25519', kind: 'eddsa', hash: null, curve: null, fixesCurve: true },
  { id: -53, name: 'Ed448', kind: 'eddsa', hash: null, curve: null, fixesCurve: true },
]

/** EdDSA leaves the curve to the key (RFC 9053 §2.2). */
function edwards({ name }: CoseAlgorithm): string[] {
  return name === 'EdDSA' ? ['ed25519', 'ed448'] : [name.toLowerCase()]
}

/** Bits below which an RSA key counts for nothing. */
const minimumRsaBits = 2048

/**
 * Why a key cannot be used with an algorithm, or null.
 *
 * @param bindCurve whether ES256, ES384 and ES512 take only the curve of their own size
 */
export function keyFault(algorithm: CoseAlgorithm, key: KeyObject, bindCurve: boolean): string | null {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  const type = key.asymmetricKeyType ?? 'unknown'
  switch (algorithm.kind) {
    case 'eddsa':
      return edwards(algorithm).includes(type) ? null : `${algorithm.name} does not take a key of the type ${type}`
    case 'rsa-pss':
      if (type !== 'rsa') return `${algorithm.name} needs a key of the type rsa, not ${type}`
      return modulusLength < minimumRsaBits ? `its RSA key has ${modulusLength} bits only` : null
    case 'ecdsa':
      if (type !== 'ec' || !coseAlgorithms.some(({ curve }) => curve === namedCurve))
        return `${algorithm.name} needs a key on a NIST curve, not ${namedCurve ?? type}`
      return (bindCurve || algorithm.fixesCurve) && namedCurve !== algorithm.curve
        ? `${algorithm.name} belongs to the curve ${algorithm.curve}, the key is on ${namedCurve}`
        : null
  }
}

/** The algorithm that belongs to a key: by curve, or by the size of an RSA key, as Notary Project has it. Null for another key. */
export function algorithmOf(key: KeyObject): CoseAlgorithm | null {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  const named = (name: string): CoseAlgorithm | null => coseAlgorithms.find((one) => one.name === name) ?? null
  if (key.asymmetricKeyType === 'ed25519') return named('EdDSA')
  if (key.asymmetricKeyType === 'ec') return coseAlgorithms.find(({ curve }) => curve === namedCurve) ?? null
  if (key.asymmetricKeyType !== 'rsa' || modulusLength < minimumRsaBits) return null
  return named(modulusLength >= 4096 ? 'PS512' : modulusLength >= 3072 ? 'PS384' : 'PS256')
}

/** COSE writes ECDSA as r and s side by side (RFC 9053 §2.1), and salts RSA-PSS with as many bytes as the hash has (RFC 8230 §2). */
function options(algorithm: CoseAlgorithm): SigningOptions {
  if (algorithm.kind === 'ecdsa') return { dsaEncoding: 'ieee-p1363' }
  if (algorithm.kind === 'eddsa') return {}
  return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
}

/** Whether the signature over the bytes is the key's. The key must fit the algorithm: {@link keyFault}. */
export function verifyBytes(algorithm: CoseAlgorithm, key: KeyObject, bytes: Buffer, signature: Buffer): boolean {
  try {
    return verify(algorithm.hash, bytes, { key, ...options(algorithm) }, signature)
  } catch {
    return false
  }
}

const signAside = promisify(
  (
    hash: string | null,
    bytes: Uint8Array,
    key: SigningOptions & { key: KeyObject },
    done: (error: Error | null, signature: Buffer) => void,
  ) => {
    sign(hash, bytes, key, done)
  },
)

/** The signature of a private key over the bytes, in the form of COSE. */
export async function signBytes(algorithm: CoseAlgorithm, key: KeyObject, bytes: Uint8Array): Promise<Buffer> {
  return signAside(algorithm.hash, bytes, { key, ...options(algorithm) })
}
