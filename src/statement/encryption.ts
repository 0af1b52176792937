import { VerificationError } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import type { EncryptionPredicate } from './types.ts'

/**
 * Predicate that ties an encrypted manifest to the plain one it was made of (TRUST §4): layer pairs, and one config digest for both.
 *
 * @throws VerificationError `encryption-link` when nothing is encrypted or nobody could decrypt it
 */
export function encryptionPredicate(facts: EncryptionPredicate): JsonObject {
  const encrypted = facts.layers.filter((layer) => layer.plain !== layer.encrypted)
  if (encrypted.length === 0 || facts.recipients.length === 0 || facts.plain.manifest === facts.encrypted.manifest) {
    throw new VerificationError('encryption-link', 'the encryption names no encrypted layer or no recipient', {
      subject: facts.encrypted.manifest,
    })
  }
  return {
    plain: { manifest: facts.plain.manifest },
    encrypted: { manifest: facts.encrypted.manifest },
    config: facts.config,
    layers: facts.layers.map(({ plain, encrypted, diffId }) => ({ plain, encrypted, diffId })),
    cipher: facts.cipher,
    recipients: facts.recipients.map(({ scheme, keyId }) => ({ scheme, keyId })),
  }
}
