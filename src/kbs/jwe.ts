import type { KeyObject } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson } from '../base/json.ts'

/** Opens a KBS resource: a flattened JWE, A256GCM (coco.md §1.5). @throws VerificationError `decryption-failed` */
export async function openResourceJwe(jwe: string, key: KeyObject): Promise<Buffer> {
  const { flattenedDecrypt } = await import('jose')
  const value = parseJson(jwe, 'resource of the KBS')
  try {
    if (!isObject(value)) throw new Error('it is no object')
    const done = await flattenedDecrypt(value as unknown as Parameters<typeof flattenedDecrypt>[0], key, {
      keyManagementAlgorithms: ['ECDH-ES+A256KW', 'RSA-OAEP-256'],
      contentEncryptionAlgorithms: ['A256GCM'],
    })
    return Buffer.from(done.plaintext)
  } catch (cause) {
    throw new VerificationError('decryption-failed', 'the answer of the KBS is not made for this key', {
      subject: 'JWE',
      cause,
      remedy: 'Attest again: the key of the session changed, or the answer was changed on its way.',
    })
  }
}
