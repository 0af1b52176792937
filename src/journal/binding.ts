import { createHash } from 'node:crypto'
import { z } from 'zod'
import { VerificationError } from '../base/errors.ts'
import { jcs, parseJcs } from '../encoding/jcs.ts'
import { digestSchema } from './event.ts'

export const bindingType = 'https://sealwright.dev/binding/v1'
/** Audience of the OIDC token for a key: useless anywhere else (TRUST §2). */
export const audienceFor = (thumbprint: string): string => `https://sealwright.dev/key/${thumbprint}`

const b64url = z.string().regex(/^[A-Za-z0-9_-]{1,1024}$/)
const sha384Schema = z.templateLiteral(['sha384:', z.string().regex(/^[0-9a-f]{96}$/)])

export const signingJwkSchema = z.strictObject({ kty: z.literal('EC'), crv: z.literal('P-256'), x: b64url, y: b64url })
/** Trustee's exact form: these five members are hashed as the server re-serialises them (coco.md §1.4). */
export const teePubkeySchema = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  alg: z.literal('ECDH-ES+A256KW'),
  x: b64url,
  y: b64url,
})

/** The job as the binding holds it. `claims` are those of the token; for a self-asserted job, what the environment said. */
export const jobSchema = z.strictObject({
  assurance: z.enum(['token', 'self-asserted']),
  token: digestSchema.nullable(),
  instance: z.string().regex(/^[0-9a-f]{32}$/),
  claims: z.record(z.string().max(128), z.json()),
})

/** TRUST §2, version 1: complete, strict. */
export const bindingSchema = z.strictObject({
  type: z.literal(bindingType),
  role: z.enum(['open', 'seal']),
  key: signingJwkSchema,
  'tee-pubkey': teePubkeySchema,
  job: jobSchema,
  agent: z.strictObject({ version: z.string().max(64), code: digestSchema, source: z.enum(['image', 'download']) }),
  boot: z.strictObject({ id: z.string().max(128), jobs: z.int().min(1) }),
  journal: z.strictObject({ head: digestSchema, count: z.int().min(1) }),
  previous: sha384Schema.nullable(),
  nonce: z.strictObject({ source: z.enum(['oidc', 'verifier', 'kbs', 'log', 'none']), value: z.string().max(1024) }),
  time: z.iso.datetime({ precision: 0 }),
})
export type Binding = z.infer<typeof bindingSchema>
export type JobRecord = z.infer<typeof jobSchema>
export type SigningJwk = z.infer<typeof signingJwkSchema>
export type TeePubkey = z.infer<typeof teePubkeySchema>

/** SHA-384 of the JCS bytes: the 48 bytes that go into a report. */
export function bindingHash(binding: Binding): Buffer {
  return createHash('sha384').update(jcs(binding)).digest()
}

/** `sha384:<hex>` of a binding, the form of `previous`. */
export function bindingDigest(binding: Binding): `sha384:${string}` {
  return `sha384:${bindingHash(binding).toString('hex')}`
}

/** Reads a stored binding. @throws VerificationError `binding-mismatch` for another version, foreign member or other bytes than JCS */
export function parseBinding(bytes: Uint8Array, subject: string): Binding {
  try {
    return bindingSchema.parse(parseJcs(bytes, subject))
  } catch (cause) {
    throw new VerificationError('binding-mismatch', `${subject} is not a version 1 binding`, { subject, cause })
  }
}

/** RFC 7638 thumbprint (SHA-256, base64url) of the signing key: its id everywhere. */
export function thumbprint(key: SigningJwk): string {
  return createHash('sha256')
    .update(jcs({ crv: key.crv, kty: key.kty, x: key.x, y: key.y }))
    .digest('base64url')
}

/** Digest of the job record, `sha256:<hex>`: what event 0 and `agent.json` name. */
export function jobDigest(job: JobRecord): `sha256:${string}` {
  return `sha256:${createHash('sha256').update(jcs(job)).digest('hex')}`
}
