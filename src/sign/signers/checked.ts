import { VerificationError } from '../../base/errors.ts'
import type { Signer } from '../../statement/types.ts'
import { loadPublicKey, verifySignature } from '../public-key.ts'

/**
 * The same signer, whose every signature is verified with its own public key before anybody sees it: a token or program that signs with another key
 * or in another way must not spoil what is published.
 */
export function checked(signer: Signer): Signer {
  const key = loadPublicKey(signer.publicKeyPem, 'signer')
  return {
    ...signer,
    sign: async (bytes) => {
      const signature = await signer.sign(bytes)
      if (verifySignature(key, bytes, signature)) return signature
      throw new VerificationError(
        'signature-invalid',
        'the signer gave a signature that its own public key does not verify',
        {
          subject: key.hint,
          remedy: 'ECDSA: DER over SHA-256. RSA: PKCS#1 v1.5 over SHA-256. Ed25519: pure.',
        },
      )
    },
  }
}
