import { createPublicKey, X509Certificate } from 'node:crypto'
import { InputError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject } from '../../base/json.ts'

const limits = { bytes: 1 << 20, keys: 64 } as const

/**
 * The keys of a verifier, from a JWKS file that the reader pins. A key that is given as a certificate alone (`x5c`, as Azure's service publishes it)
 * is the key of that certificate.
 *
 * @throws InputError `file-invalid`
 */
export function readTokenKeys(bytes: Uint8Array, subject: string): JsonObject[] {
  if (bytes.length > limits.bytes) throw refuse(subject, `has more than ${limits.bytes} bytes`)
  const value = parseJson(Buffer.from(bytes).toString('utf8'), subject, 'input')
  const list = isObject(value) && Array.isArray(value['keys']) ? value['keys'] : [value]
  if (list.length === 0) throw refuse(subject, 'holds no key')
  if (list.length > limits.keys) throw refuse(subject, `holds more than ${limits.keys} keys`)
  return list.map((one) => {
    if (!isObject(one)) throw refuse(subject, 'holds a key that is no JWK')
    if ('d' in one || one['kty'] === 'oct') throw refuse(subject, 'holds a private or shared key')
    return whole(one, subject)
  })
}

function whole(jwk: JsonObject, subject: string): JsonObject {
  try {
    const x5c = jwk['x5c']
    if ('n' in jwk || 'x' in jwk || !Array.isArray(x5c)) {
      createPublicKey({ key: { ...jwk }, format: 'jwk' })
      return jwk
    }
    const leaf = new X509Certificate(Buffer.from(String(x5c[0]), 'base64'))
    const made: JsonObject = {}
    for (const [name, member] of Object.entries(leaf.publicKey.export({ format: 'jwk' }))) made[name] = String(member)
    return 'kid' in jwk ? { ...made, kid: jwk['kid'] ?? null } : made
  } catch (cause) {
    throw refuse(subject, 'holds a key that cannot be read', cause)
  }
}

function refuse(subject: string, why: string, cause?: unknown): InputError {
  return new InputError('file-invalid', `${subject} ${why}`, {
    subject,
    cause,
    remedy: 'Give the JWKS that the verifier publishes, saved from a source that you trust.',
  })
}
