import { createPrivateKey, sign, type KeyObject } from 'node:crypto'
import { InputError } from '../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import { readPem } from '../encoding/pem.ts'
import type { Signer } from '../statement/types.ts'
import { describeKey } from './public-key.ts'

export { loadPublicKey } from './public-key.ts'

const subject = 'key'
const cosignLabels = ['ENCRYPTED SIGSTORE PRIVATE KEY', 'ENCRYPTED COSIGN PRIVATE KEY']
const labels = ['PRIVATE KEY', 'ENCRYPTED PRIVATE KEY', 'EC PRIVATE KEY', 'RSA PRIVATE KEY', ...cosignLabels]

/**
 * Signer for a private key: PEM (PKCS#8 plain or with password, SEC1 EC, PKCS#1 RSA, cosign's own file; certificates beside it are ignored) or JWK.
 * Opening cosign's file takes 0.1 to 0.4 s: scrypt.
 *
 * @param password one, or several to try in this order
 * @throws InputError `file-invalid` (with the reason, never with key material), `input-missing` when a password is needed
 */
export async function loadSigner(pem: string, password: string | readonly string[] | null): Promise<Signer> {
  const key = await openPrivateKey(pem, password)
  let described
  try {
    described = describeKey(key, subject)
  } catch (cause) {
    throw new InputError('file-invalid', cause instanceof Error ? cause.message : 'the key cannot be used', {
      subject,
      cause,
    })
  }
  // cosign takes SHA-256 for every ECDSA and RSA key; Ed25519 has a hash of its own.
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  return {
    name: 'key',
    publicKeyPem: described.pem,
    hint: described.hint,
    sign: (bytes) =>
      new Promise((resolve, reject) => {
        sign(hash, bytes, key, (error, signature) => {
          if (error) reject(error)
          else resolve(signature)
        })
      }),
  }
}

/** Opens a private key in one of the forms of {@link loadSigner}. The error is that of the last password. @throws InputError `file-invalid`, `input-missing` */
export async function openPrivateKey(text: string, password: string | readonly string[] | null): Promise<KeyObject> {
  const [first, ...others] = typeof password === 'string' ? [password] : (password ?? [])
  if (others.length === 0) return openKey(text, first ?? null)
  try {
    return await openKey(text, first ?? null)
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    return openPrivateKey(text, others)
  }
}

async function openKey(pem: string, password: string | null): Promise<KeyObject> {
  if (pem.trimStart().startsWith('{')) return privateKey(() => createPrivateKey({ key: jwkOf(pem), format: 'jwk' }))
  const blocks = parse(pem).filter(({ label }) => label !== 'CERTIFICATE')
  const block = blocks.find(({ label }) => labels.includes(label))
  if (block === undefined || blocks.length !== 1) {
    throw new InputError('file-invalid', 'the key file does not hold exactly one private key', {
      subject,
      remedy:
        'Give `key` a private key, and nothing else: PEM (PKCS#8, SEC1 EC, PKCS#1 RSA, or a cosign.key) or a private JWK.',
    })
  }
  if (cosignLabels.includes(block.label)) {
    const { openCosignKey } = await import('./cosign-key.ts')
    // An empty password is allowed there, and what `COSIGN_PASSWORD=` gives.
    return privateKey(() =>
      createPrivateKey({ key: openCosignKey(block.bytes, password ?? ''), format: 'der', type: 'pkcs8' }),
    )
  }
  if (block.label !== 'ENCRYPTED PRIVATE KEY') return privateKey(() => createPrivateKey(onlyKey(pem)))
  if (password === null) {
    throw new InputError('input-missing', 'the key is encrypted and no password was given', {
      subject: 'key-password',
      remedy: 'Set `key-password`.',
    })
  }
  return privateKey(() => createPrivateKey({ key: onlyKey(pem), passphrase: password }))
}

/** OpenSSL takes the first block of a file, which may be a certificate. */
function onlyKey(pem: string): string {
  return pem.replace(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\s*/g, '')
}

function jwkOf(text: string): JsonObject {
  const value = jsonOf(text)
  if (isObject(value) && typeof value['kty'] === 'string' && typeof value['d'] === 'string') return value
  throw new InputError('file-invalid', 'the key is JSON, but not a private JWK: it needs "kty" and "d"', {
    subject,
    remedy: 'Give one key of a JWK set, not the set.',
  })
}

/** The reason of a parser quotes the text around the fault, which is a key here. */
function jsonOf(text: string): JsonValue {
  try {
    return parseJson(text, 'the key')
  } catch {
    throw new InputError('file-invalid', 'the key begins as JSON, but is not valid JSON', {
      subject,
      remedy: 'Give a PEM file or one private JWK.',
    })
  }
}

function parse(pem: string): { label: string; bytes: Buffer }[] {
  // OpenSSL writes a second block in front of SEC1 keys that names the curve; older encrypted files carry RFC 1421 headers.
  const text = pem.replace(/-----BEGIN EC PARAMETERS-----[^-]*-----END EC PARAMETERS-----\r?\n/, '')
  if (/^Proc-Type:/m.test(text)) {
    throw new InputError(
      'file-invalid',
      'the key is encrypted in the old PEM form, whose key derivation is one round of MD5',
      {
        subject,
        remedy: 'Convert it: openssl pkcs8 -topk8 -in OLD -out NEW',
      },
    )
  }
  try {
    return readPem(text, subject)
  } catch (cause) {
    throw new InputError('file-invalid', 'the key file is not PEM', { subject, cause, remedy: 'Give a PEM file.' })
  }
}

function privateKey(open: () => KeyObject): KeyObject {
  try {
    return open()
  } catch (cause) {
    if (cause instanceof InputError) throw cause
    throw new InputError('file-invalid', 'the private key cannot be opened: wrong password or damaged file', {
      subject,
      cause,
      remedy: 'Check key and `key-password`.',
    })
  }
}
