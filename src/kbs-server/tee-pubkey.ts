import { createPublicKey } from 'node:crypto'
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import { failure } from './failure.ts'

const members: Record<string, readonly string[]> = {
  EC: ['alg', 'crv', 'kty', 'x', 'y'],
  RSA: ['alg', 'e', 'kty', 'n'],
}

/** A tee-pubkey as Trustee re-serialises it before hashing: foreign members go, all of its own must be there. Null for another form. */
export function teePubkey(value: JsonValue | undefined): JsonObject | null {
  if (!isObject(value)) return null
  const names = members[String(value['kty'])]
  if (names === undefined || !names.every((name) => typeof value[name] === 'string')) return null
  return Object.fromEntries(names.map((name) => [name, value[name] ?? null]))
}

const algorithms = ['ECDH-ES+A256KW', 'RSA-OAEP-256']

/** A resource as a flattened JWE for a tee-pubkey (coco.md §1.5). @throws Failure `JweError` for a key that no JWE can be made for */
export async function sealFor(key: JsonObject, bytes: Uint8Array): Promise<string> {
  const { FlattenedEncrypt } = await import('jose')
  try {
    const alg = String(key['alg'])
    if (!algorithms.includes(alg)) throw new Error(alg)
    const { alg: _, ...jwk } = key
    const publicKey = createPublicKey({ key: jwk as Record<string, string>, format: 'jwk' })
    const jwe = new FlattenedEncrypt(bytes).setProtectedHeader({ alg, enc: 'A256GCM' })
    return JSON.stringify(await jwe.encrypt(publicKey))
  } catch {
    throw failure('JweError', 'JWE failed')
  }
}
