import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { InputError, VerificationError, messageOf } from '../base/errors.ts'
import { duplicateMember } from '../base/json-members.ts'
import { isObject, parseJson, type JsonObject } from '../base/json.ts'
import { printable } from '../base/printable.ts'
import { fromBase64, toBase64url } from '../encoding/base64.ts'

/** Bounds of the reader: a sealed secret is the value of an environment variable or a file of a Kubernetes Secret, which has at most 1 MiB. */
export const sealedSecretLimits = { bytes: 1 << 20 } as const

const text = z.string().min(1)
const map = z.record(z.string(), z.json())
const version = z.literal('0.1.0')
/** Guests refuse a secret in which one of these is missing, empty maps included. */
const common = { provider: text, provider_settings: map, annotations: map }

const contentSchema = z.discriminatedUnion('type', [
  z.object({ version, type: z.literal('vault'), name: text, ...common }),
  z.object({
    version,
    type: z.literal('envelope'),
    key_id: text,
    encrypted_key: z.base64(),
    encrypted_data: z.base64(),
    wrap_type: z.enum(['A256GCM', 'A256CTR']),
    iv: z.base64(),
    ...common,
  }),
])

/** What a sealed secret says (guest-components, `docs/SEALED_SECRET.md`): where the secret lies, or the secret under a key that a KMS holds. */
export type SealedContent = z.infer<typeof contentSchema>
export type Vault = Extract<SealedContent, { type: 'vault' }>
export type Envelope = Extract<SealedContent, { type: 'envelope' }>

/** A sealed secret as it was read; nothing of it was verified. */
export interface SealedSecret {
  /** Whose key signed: the KBS URI of a JWK, or a file of the guest. */
  readonly kid: string
  readonly content: SealedContent
  /** ASCII bytes under the signature. */
  readonly signed: Buffer
  /** r and s, 32 bytes each. */
  readonly signature: Buffer
}

/** A pointer to a resource of the KBS that the guest is configured for. @param name `kbs:///repository/type/tag` */
export function vaultOf(name: string): Vault {
  return { version: '0.1.0', type: 'vault', name, provider: 'kbs', provider_settings: {}, annotations: {} }
}

/**
 * Signs what a guest is to unseal: `sealed.` and a compact JWS by ES256, without a line break. The header and the order of members are those of the
 * guest's own tool.
 *
 * @param kid KBS URI under which guests read the public key, or the name of a file below `/run/confidential-containers/cdh/sealed-secret`
 * @param key private, EC P-256
 * @throws InputError `input-invalid` for another kind of key
 */
export function sealSecret(content: SealedContent, kid: string, key: KeyObject): string {
  publicJwk(key, 'key')
  const header = { b64: true, alg: 'ES256', kid }
  const signed = [header, content].map((part) => toBase64url(JSON.stringify(part))).join('.')
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
  return `sealed.${signed}.${toBase64url(signature)}`
}

/**
 * Reads a sealed secret as strictly as a guest does, and refuses what guests leave open: members that stand twice, and base64 in more than one form.
 *
 * @throws VerificationError `format-invalid`
 */
export function readSealedSecret(bytes: Uint8Array, subject: string): SealedSecret {
  if (bytes.length > sealedSecretLimits.bytes) throw invalid(subject, 'is longer than 1 MiB')
  const whole = Buffer.from(bytes).toString('latin1')
  if (/\s$/.test(whole))
    throw invalid(subject, 'ends with a line break or a space, which guests refuse: write it by `printf %s`')
  const [, header = '', payload = '', mac = ''] = /^sealed\.([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(whole) ?? []
  if (header === '') throw invalid(subject, 'is not "sealed." and three parts of base64url with dots between')
  const { alg, kid } = objectOf(header, 'header', subject)
  if (alg !== 'ES256') throw invalid(subject, 'is not signed by ES256, the one algorithm that guests take')
  if (typeof kid !== 'string' || kid === '') throw invalid(subject, 'has no "kid" in its header: guests find no key')
  const read = contentSchema.safeParse(objectOf(payload, 'payload', subject))
  if (!read.success) {
    const [issue] = read.error.issues
    throw invalid(subject, `its payload: "${issue?.path.join('.')}": ${issue?.message}`, read.error)
  }
  const signature = fromBase64(mac, subject, 'base64url')
  if (signature.length !== 64) throw invalid(subject, `its signature has ${signature.length} bytes, not 64`)
  return { kid, content: read.data, signed: Buffer.from(`${header}.${payload}`), signature }
}

/**
 * Checks the signature.
 *
 * @param key public, EC P-256, from {@link readVerificationKey}
 * @throws VerificationError `signature-invalid`
 */
export function verifySealedSecret({ kid, signed, signature }: SealedSecret, key: KeyObject, subject: string): void {
  if (verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)) return
  throw new VerificationError('signature-invalid', `${subject}: not signed by the given key`, {
    subject,
    remedy: `Give the key that "${printable(kid)}" names, or seal the secret again.`,
  })
}

/** The key of a JWK as guests read it from the KBS: EC P-256, and nothing but JSON. @throws VerificationError `format-invalid` */
export function readVerificationKey(bytes: Uint8Array, subject: string): KeyObject {
  const text = Buffer.from(bytes).toString('utf8')
  if (text.trimStart().startsWith('-----BEGIN'))
    throw new InputError('file-invalid', `${subject} holds PEM, and guests read this key as a JWK`, {
      subject,
      remedy: 'Give the file that `secret seal --public-key-output` writes.',
    })
  const jwk = jsonOf(text, subject)
  if (jwk['kty'] !== 'EC' || jwk['crv'] !== 'P-256') throw invalid(subject, 'is not the JWK of an EC P-256 key')
  if ('d' in jwk) throw invalid(subject, 'holds a private key: each guest could sign with it')
  try {
    const { x, y } = jwk
    return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: String(x), y: String(y) }, format: 'jwk' })
  } catch (cause) {
    throw invalid(subject, `is not a public key: ${messageOf(cause)}`, cause)
  }
}

/** The public half as guests read it (JWK). @throws InputError `input-invalid` where it isn't EC P-256 */
export function publicJwk(key: KeyObject, subject: string): JsonObject {
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new InputError('input-invalid', `${subject}: guests take signatures of EC P-256 keys only`, {
      subject,
      remedy: 'Make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE',
    })
  const { x = '', y = '' } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' })
  return { kty: 'EC', crv: 'P-256', x, y, alg: 'ES256', use: 'sig' }
}

function objectOf(part: string, what: string, subject: string): JsonObject {
  return jsonOf(fromBase64(part, `${subject}: its ${what}`, 'base64url').toString('utf8'), `${subject}: its ${what}`)
}

function jsonOf(json: string, subject: string): JsonObject {
  const value = parseJson(json, subject)
  const twice = duplicateMember(json)
  if (twice !== null) throw invalid(subject, `has the member "${printable(twice)}" twice`)
  if (isObject(value)) return value
  throw invalid(subject, 'is not a JSON object')
}

function invalid(subject: string, what: string, cause?: unknown): VerificationError {
  return new VerificationError('format-invalid', `${subject}: ${what}`, { subject, cause })
}
