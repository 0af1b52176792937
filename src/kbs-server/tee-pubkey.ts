import {
  constants,
  createCipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import { failure } from './failure.ts'

const members: Record<string, readonly string[]> = {
  EC: ['alg', 'crv', 'kty', 'x', 'y'],
  RSA: ['alg', 'e', 'kty', 'n'],
}

/** A tee-pubkey as Trustee re-serialises it before hashing: foreign members go, all of its own must be there. Null for another form. */
export function teePubkey(value: JsonValue | undefined): JsonObject | null {
  if (!isObject(value)) return null
  const kty = String(value['kty'])
  const names = Object.hasOwn(members, kty) ? members[kty] : undefined
  if (names === undefined || !names.every((name) => typeof value[name] === 'string')) return null
  return Object.fromEntries(names.map((name) => [name, value[name] ?? null]))
}

const enc = 'A256GCM'
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

/**
 * A resource as a flattened JWE for a tee-pubkey (coco.md §1.5): A256GCM under a key that ECDH-ES+A256KW or RSA-OAEP-256 wraps.
 *
 * The guest (kbs-types, `ProtectedHeader::generate_aad`) reads the protected header and authenticates its own rendering of it, not the bytes that came.
 * So it is written as that renders it: `alg`, `enc`, then the other members sorted at every depth, without blanks.
 *
 * @param key of the form that `teePubkey` gives
 * @returns JSON text
 * @throws Failure `JweError` for a key that no JWE can be made for
 */
export function sealFor(key: JsonObject, bytes: Uint8Array): string {
  try {
    const { alg, ...jwk } = key
    const publicKey = createPublicKey({ key: jwk as Record<string, string>, format: 'jwk' })
    const contentKey = randomBytes(32)
    const { wrapped, members } = wrap(String(alg), publicKey, contentKey)
    const header = text(Buffer.from(JSON.stringify({ alg, enc, ...members })))
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', contentKey, iv).setAAD(Buffer.from(header))
    const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()])
    return JSON.stringify({
      protected: header,
      encrypted_key: text(wrapped),
      iv: text(iv),
      ciphertext: text(ciphertext),
      tag: text(cipher.getAuthTag()),
    })
  } catch {
    throw failure('JweError', 'JWE failed')
  }
}

function wrap(alg: string, publicKey: KeyObject, contentKey: Buffer): { wrapped: Buffer; members: object } {
  const type = publicKey.asymmetricKeyType
  if (alg === 'RSA-OAEP-256' && type === 'rsa') {
    const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
    return { wrapped: publicEncrypt({ key: publicKey, ...oaep }, contentKey), members: {} }
  }
  if (alg === 'ECDH-ES+A256KW' && type === 'ec') {
    const namedCurve = publicKey.asymmetricKeyDetails?.namedCurve ?? ''
    const own = generateKeyPairSync('ec', { namedCurve })
    const { crv, kty, x, y } = own.publicKey.export({ format: 'jwk' })
    if (!['P-256', 'P-521'].includes(String(crv))) throw new Error(String(crv))
    const secret = diffieHellman({ privateKey: own.privateKey, publicKey })
    const cipher = createCipheriv('id-aes256-wrap', derivedKey(secret, alg), Buffer.alloc(8, 0xa6))
    return { wrapped: Buffer.concat([cipher.update(contentKey), cipher.final()]), members: { epk: { crv, kty, x, y } } }
  }
  throw new Error(alg)
}

/** Concat KDF (RFC 7518 §4.6.2) for a key of 256 bits, which is one round of SHA-256. No party names are used. */
function derivedKey(secret: Buffer, alg: string): Buffer {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return bytes
  }
  const info = [number(alg.length), Buffer.from(alg), number(0), number(0), number(256)]
  return createHash('sha256')
    .update(Buffer.concat([number(1), secret, ...info]))
    .digest()
}
