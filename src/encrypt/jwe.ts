import { createPublicKey, type KeyObject } from 'node:crypto'
import { InputError } from '../base/errors.ts'
import { isObject, parseJson, type JsonValue } from '../base/json.ts'
import { sha256 } from '../base/streams.ts'

/** How a key is wrapped (RFC 7518 §4); the first of each kind is what ocicrypt writes for a PEM key. */
const algorithms = {
  rsa: ['RSA-OAEP', 'RSA-OAEP-256'],
  ec: ['ECDH-ES+A256KW', 'ECDH-ES+A192KW', 'ECDH-ES+A128KW'],
} as const
type JweAlgorithm = (typeof algorithms)['rsa' | 'ec'][number]

/** A public key that a layer's key is wrapped for. */
export interface JweKey {
  readonly key: KeyObject
  readonly alg: JweAlgorithm
  /** `sha256:<hex>` of the SPKI DER. */
  readonly id: string
}

/**
 * Reads an SPKI PEM, certificate PEM or public JWK. The `alg` of a JWK chooses how the key is wrapped, as in ocicrypt.
 *
 * @throws InputError `file-invalid`
 */
export function readJweKey(text: string, subject: string): JweKey {
  const { key, alg } = readPublic(text, subject)
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if ((type !== 'rsa' && type !== 'ec') || details?.namedCurve === 'secp256k1')
    throw invalid(subject, `${subject} holds a key that is neither RSA nor EC over a NIST curve`)
  if (type === 'rsa' && (details?.modulusLength ?? 0) < 2048)
    throw invalid(subject, `${subject} is an RSA key under 2048 bits`)
  const known: readonly JweAlgorithm[] = algorithms[type]
  const chosen = alg === undefined ? known[0] : known.find((one) => one === alg)
  if (chosen === undefined)
    throw invalid(subject, `${subject} asks for the algorithm ${JSON.stringify(alg)}, expected ${known.join(', ')}`)
  return { key, alg: chosen, id: keyIdOf(key) }
}

/** `sha256:<hex>` of a public key's SPKI DER. */
export function keyIdOf(key: KeyObject): string {
  return sha256(key.export({ type: 'spki', format: 'der' }))
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

/** Tries private keys on a JWE of either form; null where none fits or the bytes are no JWE that we read. */
export async function unwrapJwe(bytes: Buffer, keys: readonly KeyObject[]): Promise<Buffer | null> {
  const { generalDecrypt, flattenedDecrypt } = await import('jose')
  const options = {
    keyManagementAlgorithms: [...algorithms.rsa, ...algorithms.ec],
    contentEncryptionAlgorithms: ['A256GCM'],
  }
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

function readPublic(text: string, subject: string): { key: KeyObject; alg?: JsonValue | undefined } {
  try {
    if (text.trimStart().startsWith('{')) {
      const jwk = parseJson(text, subject, 'input') as Record<string, string>
      if ('d' in jwk) throw new Error('it is a private key')
      return { key: createPublicKey({ key: jwk, format: 'jwk' }), alg: jwk['alg'] }
    }
    if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw new Error('it is a private key')
    return { key: createPublicKey(text) }
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
