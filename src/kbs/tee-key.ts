import { generateKeyPairSync } from 'node:crypto'
import type { JsonObject } from '../base/json.ts'
import { openResourceJwe } from './jwe.ts'

/** Keys that a KBS can encrypt resources for, named by what users type (coco.md §1.4). */
export const teeKeyKinds = ['P-256', 'P-521', 'RSA'] as const
export type TeeKeyKind = (typeof teeKeyKinds)[number]

/** Modulus of an RSA key, in bits. */
const rsaBits = 3072

/** A key pair in memory, of which a KBS sees the public half. */
export interface TeeKey {
  /** As it is hashed into the evidence: Trustee drops other members before it hashes, so there are none. */
  readonly teePubkey: JsonObject
  /** Opens an answer of the KBS. @throws VerificationError `decryption-failed` */
  decryptJwe(jwe: string): Promise<Buffer>
}

/** Makes a fresh key: ECDH-ES+A256KW on P-256 or P-521, or RSA-OAEP-256 with 3072 bits. */
export function makeTeeKey(kind: TeeKeyKind = 'P-256'): TeeKey {
  if (kind === 'RSA') {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: rsaBits })
    const { n, e } = publicKey.export({ format: 'jwk' })
    return {
      teePubkey: { kty: 'RSA', alg: 'RSA-OAEP-256', n: String(n), e: String(e) },
      decryptJwe: (jwe) => openResourceJwe(jwe, privateKey),
    }
  }
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: kind })
  const { x, y } = publicKey.export({ format: 'jwk' })
  return {
    teePubkey: { kty: 'EC', crv: kind, alg: 'ECDH-ES+A256KW', x: String(x), y: String(y) },
    decryptJwe: (jwe) => openResourceJwe(jwe, privateKey),
  }
}
