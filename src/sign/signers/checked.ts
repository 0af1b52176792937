import { InputError, VerificationError } from '../../base/errors.ts'
import { readDer } from '../../encoding/der.ts'
import { algorithmOf, verifyBytes, type CoseAlgorithm } from '../cose/algorithms.ts'
import type { CoseSigner } from '../cose/write.ts'
import { loadPublicKey, verifySignature } from '../public-key.ts'
import type { OpenedSigner } from './types.ts'

/** What a token or program gives. ECDSA signatures are DER throughout. */
export interface RawSigner {
  readonly publicKeyPem: string
  readonly hint: string
  /** As cosign signs: ECDSA and RSA PKCS#1 v1.5 over SHA-256, or pure Ed25519. */
  sign(bytes: Uint8Array): Promise<Buffer>
  /** By an algorithm of COSE: ECDSA over the hash of the curve, RSA-PSS, or pure Ed25519. */
  signFor(algorithm: CoseAlgorithm, bytes: Uint8Array): Promise<Buffer>
}

/**
 * A signer whose every signature is verified with its own public key before anybody sees it: a token or program that signs with another key or in
 * another way must not spoil what is published.
 */
export function checked({ publicKeyPem, hint, sign, signFor }: RawSigner): OpenedSigner {
  const key = loadPublicKey(publicKeyPem, 'signer')
  const invalid = (remedy: string): VerificationError =>
    new VerificationError('signature-invalid', 'the signer gave a signature that its own public key does not verify', {
      subject: key.hint,
      remedy,
    })
  const cose = async (): Promise<CoseSigner> => {
    const algorithm = algorithmOf(key.object)
    if (algorithm === null)
      throw new InputError('unsupported', 'COSE has no algorithm for this kind of key', { subject: 'signer' })
    return {
      algorithm: algorithm.id,
      publicKey: key.object,
      sign: async (bytes) => {
        const made = await signFor(algorithm, bytes)
        const signature = algorithm.kind === 'ecdsa' ? sideBySide(made, coordinateBytes(algorithm)) : made
        if (signature !== null && verifyBytes(algorithm, key.object, Buffer.from(bytes), signature)) return signature
        throw invalid(
          `${algorithm.name} was asked for. ECDSA: DER over the hash of the curve's size. RSA: PSS with a salt as long as the hash. Ed25519: pure.`,
        )
      },
    }
  }
  return {
    name: 'key',
    publicKeyPem,
    hint,
    cose,
    sign: async (bytes) => {
      const signature = await sign(bytes)
      if (verifySignature(key, bytes, signature)) return signature
      throw invalid('ECDSA: DER over SHA-256. RSA: PKCS#1 v1.5 over SHA-256. Ed25519: pure.')
    },
  }
}

/** Bytes of r and of s. */
function coordinateBytes({ curve }: CoseAlgorithm): number {
  return curve === 'secp521r1' ? 66 : curve === 'secp384r1' ? 48 : 32
}

/** An ECDSA signature as COSE writes it (RFC 9053 §2.1): r and s side by side. Null where it is not DER or too long. */
function sideBySide(der: Buffer, size: number): Buffer | null {
  try {
    const { tag, children } = readDer(der, 'signature')
    const parts = children.map((part) => {
      const from = part.content.findIndex((byte) => byte !== 0)
      return from === -1 ? Buffer.alloc(0) : part.content.subarray(from)
    })
    if (tag !== 0x30 || parts.length !== 2 || children.some((part) => part.tag !== 0x02)) return null
    if (parts.some((part) => part.length > size)) return null
    return Buffer.concat(parts.flatMap((part) => [Buffer.alloc(size - part.length), part]))
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}
