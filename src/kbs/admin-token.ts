import { createPrivateKey, type KeyObject } from 'node:crypto'
import { InputError } from '../base/errors.ts'
import type { Clock } from '../base/ports.ts'

/** Life of a token that we make, in seconds; a KBS adds 60 of its own (coco.md §12). Each is for one request. */
const lifetime = 120

/** Gives the bearer token for one admin request. */
export type AdminToken = () => Promise<string>

/** What a KBS compares in the tokens of its admins (coco.md §1.3). */
export interface AdminClaims {
  /** Names the entry of the KBS's access list. The least that publishes is a role for the paths of the plan. */
  readonly role: string
  readonly issuer: string
  readonly audience: string
}

export const usualClaims: AdminClaims = { role: 'admin', issuer: 'sealwright', audience: 'KBS' }

/** The claims that inputs name; an empty text is the usual one. */
export function adminClaims(given: AdminClaims): AdminClaims {
  const { role, issuer, audience } = usualClaims
  return { role: given.role || role, issuer: given.issuer || issuer, audience: given.audience || audience }
}

/**
 * Admin credential of a KBS: a private key (EC P-256 or Ed25519, PEM or JWK), from which a token for each request is made, or a ready token, which
 * is sent as it is.
 *
 * @throws InputError `file-invalid`
 */
export function adminToken(text: string, clock: Clock, claims: AdminClaims = usualClaims): AdminToken {
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text.trim())) return () => Promise.resolve(text.trim())
  const key = privateKey(text)
  const alg = key.asymmetricKeyType === 'ed25519' ? 'EdDSA' : 'ES256'
  return async () => {
    const { SignJWT } = await import('jose')
    const now = Math.floor(clock.now().getTime() / 1000)
    return new SignJWT({ role: claims.role })
      .setProtectedHeader({ alg, typ: 'JWT' })
      .setIssuer(claims.issuer)
      .setSubject('admin')
      .setAudience(claims.audience)
      .setIssuedAt(now)
      .setExpirationTime(now + lifetime)
      .sign(key)
  }
}

function privateKey(text: string): KeyObject {
  let key: KeyObject | null = null
  let cause: unknown
  try {
    key = text.trimStart().startsWith('{')
      ? createPrivateKey({ key: JSON.parse(text) as Record<string, string>, format: 'jwk' })
      : createPrivateKey(text)
  } catch (error) {
    cause = error
  }
  if (key?.asymmetricKeyType === 'ed25519') return key
  if (key?.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key
  throw new InputError('file-invalid', 'admin-key holds neither an EC P-256 or Ed25519 private key nor a token', {
    subject: 'admin-key',
    cause,
    remedy: 'Give env:NAME or a file with a PEM or JWK private key, or with a ready admin JWT.',
  })
}
