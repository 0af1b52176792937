import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson } from '../base/json.ts'
import { teePubkeySchema, signingJwkSchema, thumbprint, type SigningJwk, type TeePubkey } from '../journal/binding.ts'
import type { CoseSigner } from '../sign/cose/write.ts'
import { signEnvelope } from '../sign/dsse.ts'
import type { Envelope, Signer } from '../statement/types.ts'

/** The two keys of a job. They are made here, live in this process's memory and leave it in no form. */
export interface AgentKeys {
  readonly jwk: SigningJwk
  readonly teePubkey: TeePubkey
  /** RFC 7638 thumbprint of K. */
  readonly keyId: string
  readonly publicKeyPem: string
  /** ECDSA P-256 over SHA-256, DER. */
  sign(bytes: Uint8Array): Buffer
  envelope(payload: Uint8Array): Promise<Envelope>
  /** K as a signer of COSE messages (ES256). */
  cose(): Promise<CoseSigner>
  decrypt(jwe: string): Promise<Buffer>
}

export function makeKeys(): AgentKeys {
  const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const decryption = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const point = signing.publicKey.export({ format: 'jwk' })
  const other = decryption.publicKey.export({ format: 'jwk' })
  const jwk = signingJwkSchema.parse({ kty: 'EC', crv: 'P-256', x: point.x, y: point.y })
  const signBytes = (bytes: Uint8Array): Buffer => sign('sha256', bytes, signing.privateKey)
  const signer: Signer = {
    name: 'agent',
    publicKeyPem: signing.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    hint: createHash('sha256')
      .update(signing.publicKey.export({ format: 'der', type: 'spki' }))
      .digest('base64'),
    sign: async (bytes) => signBytes(bytes),
  }
  return {
    jwk,
    teePubkey: teePubkeySchema.parse({ kty: 'EC', crv: 'P-256', alg: 'ECDH-ES+A256KW', x: other.x, y: other.y }),
    keyId: thumbprint(jwk),
    publicKeyPem: signer.publicKeyPem,
    sign: signBytes,
    envelope: (payload) => signEnvelope(payload, signer),
    cose: async () => {
      const { coseSigner } = await import('../sign/cose/write.ts')
      return coseSigner(signing.privateKey, signing.publicKey)
    },
    decrypt: (jwe) => decryptJwe(jwe, decryption.privateKey),
  }
}

/**
 * Decrypts a flattened JWE as a KBS writes it (coco.md §1.5): ECDH-ES+A256KW with A256GCM and nothing else.
 *
 * @throws VerificationError `decryption-failed`
 */
export async function decryptJwe(jwe: string, key: KeyObject): Promise<Buffer> {
  const { flattenedDecrypt } = await import('jose')
  const value = parseJson(jwe, 'the JWE')
  if (!isObject(value)) throw new VerificationError('format-invalid', 'the JWE is not an object', { subject: 'jwe' })
  try {
    const { plaintext } = await flattenedDecrypt(value as unknown as Parameters<typeof flattenedDecrypt>[0], key, {
      keyManagementAlgorithms: ['ECDH-ES+A256KW'],
      contentEncryptionAlgorithms: ['A256GCM'],
    })
    // The same memory, so that its reader can zero it.
    return Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength)
  } catch (cause) {
    throw new VerificationError('decryption-failed', "the JWE was not made for this agent's key", {
      subject: 'jwe',
      cause,
    })
  }
}
