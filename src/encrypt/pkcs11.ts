import { constants, privateDecrypt, publicEncrypt, type KeyObject } from 'node:crypto'
import { isObject, parseJson } from '../base/json.ts'
import { fromBase64, toBase64 } from '../encoding/base64.ts'
import { damaged } from './options.ts'

const limits = { recipients: 256 } as const

/**
 * Packet for keys in a token (ocicrypt `crypto/pkcs11`): RSA-OAEP with SHA-1, the only hash that SoftHSM takes. With SHA-256, the default
 * of ocicrypt since 1.3, private options do not fit a key of 2048 bits. The public key is enough to write it.
 *
 * @param plaintext up to 214 bytes for a key of 2048 bits; private options have 193
 */
export function wrapPkcs11(plaintext: Uint8Array, keys: readonly KeyObject[]): Buffer {
  const recipients = keys.map((key) => {
    const blob = publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }, plaintext)
    return { version: 0, blob: toBase64(blob), hash: 'sha1' }
  })
  return Buffer.from(JSON.stringify({ version: 0, recipients }))
}

/**
 * Tries private keys that lie in files; null where none fits. A key in a token is used by a program of the user, which gets the packet as it is.
 *
 * @throws VerificationError `decryption-failed` for another form
 */
export function unwrapPkcs11(bytes: Buffer, keys: readonly KeyObject[], subject: string): Buffer | null {
  const value = parseJson(bytes.toString('utf8'), `PKCS#11 packet of ${subject}`)
  const recipients = isObject(value) ? value['recipients'] : null
  if (!isObject(value) || (value['version'] ?? 0) !== 0 || !Array.isArray(recipients))
    throw damaged(subject, 'its PKCS#11 packet has another form than version 0')
  if (recipients.length > limits.recipients)
    throw damaged(subject, `its PKCS#11 packet has over ${limits.recipients} recipients`)
  for (const recipient of recipients) {
    const blob = isObject(recipient) ? recipient['blob'] : null
    // Older releases leave the hash out where it is SHA-1.
    const hash = isObject(recipient) ? recipient['hash'] || 'sha1' : null
    if (typeof blob !== 'string' || (hash !== 'sha1' && hash !== 'sha256'))
      throw damaged(subject, 'its PKCS#11 packet has a recipient without blob or with an unknown hash')
    const wrapped = fromBase64(blob, subject)
    for (const key of keys.filter(({ asymmetricKeyType }) => asymmetricKeyType === 'rsa')) {
      try {
        return privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash }, wrapped)
      } catch {
        // Made for another key: the next one may fit.
      }
    }
  }
  return null
}
