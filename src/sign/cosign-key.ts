import { scryptSync } from 'node:crypto'
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js'
import { InputError } from '../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import { fromBase64 } from '../encoding/base64.ts'

/** What securesystemslib's reader accepts: a file may not make us spend more memory or less work. */
const costs: readonly JsonValue[] = [32_768, 65_536, 131_072]
const r = 8
const p = 1

/**
 * Opens the body of a `cosign.key` (PEM `ENCRYPTED SIGSTORE PRIVATE KEY`): scrypt, then XSalsa20-Poly1305 (NaCl's secretbox).
 * Format: go-securesystemslib/encrypted.
 *
 * @returns PKCS#8 DER
 * @throws InputError `file-invalid` for another format or a wrong password
 */
export function openCosignKey(body: Uint8Array, password: string): Buffer {
  const document = parse(body)
  const kdf = member(document, 'kdf', 'scrypt')
  const cipher = member(document, 'cipher', 'nacl/secretbox')
  const params = kdf['params']
  if (!isObject(params) || !costs.includes(params['N'] ?? null) || params['r'] !== r || params['p'] !== p) {
    throw refuse('its scrypt parameters are not ones that cosign writes')
  }
  const cost = Number(params['N'])
  const key = scryptSync(password, bytes(kdf['salt'], 32), 32, { N: cost, r, p, maxmem: 128 * cost * r + (1 << 20) })
  const box = bytes(document['ciphertext'], null)
  try {
    return Buffer.from(xsalsa20poly1305(key, bytes(cipher['nonce'], 24)).decrypt(box))
  } catch (cause) {
    throw refuse('wrong password or damaged file', cause)
  } finally {
    key.fill(0)
  }
}

function parse(body: Uint8Array): JsonObject {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    if (isObject(value)) return value
  } catch (cause) {
    throw refuse('its body is not JSON', cause)
  }
  throw refuse('its body is not a JSON object')
}

function member(document: JsonObject, name: string, kind: string): JsonObject {
  const value = document[name]
  if (isObject(value) && value['name'] === kind) return value
  throw refuse(`its ${name} is not ${kind}`)
}

function bytes(value: JsonValue | undefined, length: number | null): Buffer {
  const found = typeof value === 'string' ? fromBase64(value, 'cosign key') : null
  if (found === null || (length !== null && found.length !== length)) throw refuse('a field has the wrong form')
  return found
}

function refuse(why: string, cause?: unknown): InputError {
  return new InputError('file-invalid', `the cosign key cannot be opened: ${why}`, {
    subject: 'key',
    cause,
    remedy: 'Check key and `key-password`.',
  })
}
