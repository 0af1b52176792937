import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { InputError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import { coseKeyThumbprint, readCoseKeySet } from '../../sign/cose/key.ts'
import { readPem, writePem } from '../../encoding/pem.ts'
import { describeKey, loadPublicKey } from '../../sign/public-key.ts'

/** A key of a transparency service. */
export interface ServiceKey {
  /** As the service names it; null where it has no name. */
  readonly kid: Buffer | null
  readonly key: KeyObject
}

/** A transparency service that a reader trusts. */
export interface ScittService {
  /** For reports. */
  readonly name: string
  /** The `iss` of its receipts; null accepts any, and none. */
  readonly issuer: string | null
  readonly keys: readonly ServiceKey[]
  /**
   * What the log hashes as the entry of a statement in a tree of RFC 9162, which the RFC leaves open: the bytes of the statement with an empty
   * unprotected header, or their SHA-256.
   */
  readonly entry: 'statement' | 'statement-sha256'
  /** Whether its signatures bind ES256 and its like to a curve. Default: yes. */
  readonly bindCurve?: boolean | undefined
}

/** The keys of a service that a receipt may mean: those of its name, or all where it names none. */
export function keysFor({ keys }: ScittService, kid: Buffer | null): KeyObject[] {
  return keys
    .filter(({ kid: own, key }) => kid === null || namesOf(own, key).some((name) => name.equals(kid)))
    .map(({ key }) => key)
}

/** CCF names a key by the hex SHA-256 of its SPKI, others by its thumbprint (RFC 9679), in bytes. */
function namesOf(kid: Buffer | null, key: KeyObject): Buffer[] {
  const spki = createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('hex')
  return [...(kid === null ? [] : [kid]), Buffer.from(spki), coseKeyThumbprint(key)]
}

/**
 * Reads the keys of a service: PEM, a JWK set (`keys`), the `parameters` of a CCF service with certificates, or a COSE_KeySet in CBOR.
 *
 * @param subject the file or address, for errors
 * @throws InputError `file-invalid`
 */
export function readServiceKeys(bytes: Uint8Array, subject: string): ServiceKey[] {
  const buffer = Buffer.from(bytes)
  try {
    const keys = readAny(buffer, subject)
    if (keys.length === 0) throw new VerificationError('format-invalid', `${subject} contains no usable key`)
    return keys
  } catch (cause) {
    if (cause instanceof InputError) throw cause
    throw new InputError(
      'file-invalid',
      cause instanceof VerificationError ? cause.message : `${subject} is not a set of keys`,
      {
        subject,
        cause,
        remedy: 'Give a PEM public key, a JWK set, the parameters of a CCF service, or a COSE_KeySet.',
      },
    )
  }
}

function readAny(bytes: Buffer, subject: string): ServiceKey[] {
  const text = bytes.toString('utf8').trimStart()
  if (text.startsWith('-----BEGIN'))
    return readPem(text, subject).map(({ label, bytes: der }) => ({
      kid: null,
      key: loadPublicKey(writePem(label, der), subject).object,
    }))
  if (!text.startsWith('{')) return readCoseKeySet(bytes, subject)
  const value = parseJson(text, subject)
  const { keys, parameters } = isObject(value) ? value : {}
  if (Array.isArray(keys)) return keys.map((key) => fromJwk(key, subject))
  if (Array.isArray(parameters)) return parameters.map((one) => fromParameters(one, subject))
  throw new VerificationError('format-invalid', `${subject} has neither "keys" nor "parameters"`)
}

function fromJwk(value: JsonValue, subject: string): ServiceKey {
  const object = objectOf(value, subject)
  const jwk: JsonWebKey = {}
  for (const name of ['kty', 'crv', 'x', 'y', 'n', 'e'] as const) {
    const part = object[name]
    if (typeof part === 'string') jwk[name] = part
  }
  const { kid } = object
  const key = describeKey(createPublicKey({ key: jwk, format: 'jwk' }), subject).object
  return { kid: typeof kid === 'string' ? Buffer.from(kid) : null, key }
}

function fromParameters(value: JsonValue, subject: string): ServiceKey {
  const { serviceCertificate: certificate } = objectOf(value, subject)
  if (typeof certificate !== 'string')
    throw new VerificationError('format-invalid', `${subject} has parameters without a certificate`)
  const pem = `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`
  return { kid: null, key: describeKey(createPublicKey(pem), subject).object }
}

function objectOf(value: JsonValue, subject: string): JsonObject {
  if (isObject(value)) return value
  throw new VerificationError('format-invalid', `${subject} has a key that is not an object`)
}
