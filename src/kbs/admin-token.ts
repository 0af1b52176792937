import { createPrivateKey, type KeyObject } from 'node:crypto'
import { InputError } from '../base/errors.ts'
import type { Clock } from '../base/ports.ts'

/** Life of a token that we make, in seconds. */
const lifetime = 600

/** Gives the bearer token for admin requests; a new one where the last would end soon. */
export type AdminToken = () => Promise<string>

/**
 * Admin credential of a KBS: a private key (EC P-256 or Ed25519, PEM or JWK), from which short-lived tokens with `role` and `exp` are made
 * (coco.md §1.3), or a ready token.
 *
 * @throws InputError `file-invalid`
 */
export function adminToken(text: string, clock: Clock, role = 'admin'): AdminToken {
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text.trim())) return () => Promise.resolve(text.trim())
  const key = privateKey(text)
  const alg = key.asymmetricKeyType === 'ed25519' ? 'EdDSA' : 'ES256'
  let held: { token: string; until: number } | null = null
  return async () => {
    const now = Math.floor(clock.now().getTime() / 1000)
    if (held !== null && held.until - now > 60) return held.token
    const { SignJWT } = await import('jose')
    const until = now + lifetime
    const token = await new SignJWT({ role })
      .setProtectedHeader({ alg, typ: 'JWT' })
      .setIssuer('sealwright')
      .setSubject('admin')
      .setAudience('KBS')
      .setIssuedAt(now)
      .setExpirationTime(until)
      .sign(key)
    held = { token, until }
    return token
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
