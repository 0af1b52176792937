import type { KeyObject } from 'node:crypto'
import type { FlattenedJWE } from 'jose'
import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson, type JsonValue } from '../base/json.ts'

/**
 * Opens a KBS resource: a flattened JWE, A256GCM (coco.md §1.5). The header is authenticated as it came, so its members may stand in any order.
 *
 * @throws VerificationError `decryption-failed`; `format-invalid` for what is no such JWE
 */
export async function openResourceJwe(jwe: string, key: KeyObject): Promise<Buffer> {
  const { flattenedDecrypt } = await import('jose')
  const value = flattened(parseJson(jwe, 'resource of the KBS'))
  try {
    const done = await flattenedDecrypt(value, key, {
      keyManagementAlgorithms: ['ECDH-ES+A256KW', 'RSA-OAEP-256'],
      contentEncryptionAlgorithms: ['A256GCM'],
    })
    // The same memory, so that its reader can zero it.
    const { buffer, byteOffset, byteLength } = done.plaintext
    return Buffer.from(buffer, byteOffset, byteLength)
  } catch (cause) {
    throw new VerificationError('decryption-failed', 'the answer of the KBS is not made for this key', {
      subject: 'JWE',
      cause,
      remedy: 'Attest again: the key of the session changed, or the answer was changed on its way.',
    })
  }
}

function flattened(value: JsonValue): FlattenedJWE {
  const member = (name: string): string => {
    const found = isObject(value) ? value[name] : undefined
    if (typeof found === 'string') return found
    throw new VerificationError('format-invalid', `the answer of the KBS is not a JWE: it has no "${name}"`, {
      subject: 'JWE',
      remedy: 'Check the address, and that the KBS speaks protocol 0.4.0.',
    })
  }
  return {
    protected: member('protected'),
    encrypted_key: member('encrypted_key'),
    iv: member('iv'),
    ciphertext: member('ciphertext'),
    tag: member('tag'),
  }
}
