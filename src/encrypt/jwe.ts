import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { InputError } from '../base/errors.ts'
import { isObject, parseJson } from '../base/json.ts'

/** A public key that a layer's key is wrapped for. */
export interface JweKey {
  readonly key: KeyObject
  readonly alg: 'RSA-OAEP' | 'ECDH-ES+A256KW'
  /** `sha256:<hex>` of the SPKI DER. */
  readonly id: string
}

/** Reads an SPKI PEM, certificate PEM or public JWK. @throws InputError `file-invalid` */
export function readJweKey(text: string, subject: string): JweKey {
  const key = readPublic(text, subject)
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  const alg =
    type === 'rsa' ? 'RSA-OAEP' : type === 'ec' && details?.namedCurve !== 'secp256k1' ? 'ECDH-ES+A256KW' : null
  if (alg === null) throw invalid(subject, `${subject} holds a key that is neither RSA nor EC over a NIST curve`)
  if (alg === 'RSA-OAEP' && (details?.modulusLength ?? 0) < 2048)
    throw invalid(subject, `${subject} is an RSA key under 2048 bits`)
  const id = `sha256:${createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')}`
  return { key, alg, id }
}

/**
 * JWE over a layer's private options as ocicrypt writes it: A256GCM, flattened for one recipient, general for several.
 *
 * @returns the JSON bytes that stand, base64, in the `…enc.keys.jwe` annotation
 */
export async function wrapJwe(plaintext: Uint8Array, keys: readonly JweKey[]): Promise<Buffer> {
  const { FlattenedEncrypt, GeneralEncrypt } = await import('jose')
  const [only] = keys
  if (only !== undefined && keys.length === 1) {
    const jwe = new FlattenedEncrypt(plaintext).setProtectedHeader({ alg: only.alg, enc: 'A256GCM' })
    return Buffer.from(JSON.stringify(await jwe.encrypt(only.key)))
  }
  const jwe = new GeneralEncrypt(plaintext).setProtectedHeader({ enc: 'A256GCM' })
  for (const { key, alg } of keys) jwe.addRecipient(key).setUnprotectedHeader({ alg })
  return Buffer.from(JSON.stringify(await jwe.encrypt()))
}

const algorithms = ['RSA-OAEP', 'RSA-OAEP-256', 'ECDH-ES+A256KW', 'ECDH-ES+A192KW', 'ECDH-ES+A128KW']

/** Tries private keys on a JWE of either form; null where none fits or the bytes are no JWE that we read. */
export async function unwrapJwe(bytes: Buffer, keys: readonly KeyObject[]): Promise<Buffer | null> {
  const { generalDecrypt, flattenedDecrypt } = await import('jose')
  const options = { keyManagementAlgorithms: algorithms, contentEncryptionAlgorithms: ['A256GCM'] }
  const value = parseJson(bytes.toString('utf8'), 'JWE packet')
  if (!isObject(value)) return null
  for (const key of keys) {
    try {
      const done =
        'recipients' in value
          ? await generalDecrypt(value as unknown as Parameters<typeof generalDecrypt>[0], key, options)
          : await flattenedDecrypt(value as unknown as Parameters<typeof flattenedDecrypt>[0], key, options)
      return Buffer.from(done.plaintext)
    } catch {
      // Made for another key: the next one may fit, and the caller says when none does.
    }
  }
  return null
}

function readPublic(text: string, subject: string): KeyObject {
  try {
    if (text.trimStart().startsWith('{')) {
      const jwk = parseJson(text, subject, 'input') as Record<string, string>
      if ('d' in jwk) throw new Error('it is a private key')
      return createPublicKey({ key: jwk, format: 'jwk' })
    }
    if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw new Error('it is a private key')
    return createPublicKey(text)
  } catch (cause) {
    throw invalid(
      subject,
      `${subject} holds no public key: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    )
  }
}

function invalid(subject: string, message: string, cause?: unknown): InputError {
  return new InputError('file-invalid', message, {
    subject,
    cause,
    remedy: 'Give a public key as PEM or JWK: RSA (2048 bits or more) or EC.',
  })
}
