import { VerificationError } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import { jcs } from '../encoding/jcs.ts'

/** JSON Web Key Set, as an issuer publishes it. */
export interface Jwks {
  keys: Record<string, unknown>[]
}

export interface TokenExpectation {
  /** Exact `iss`. */
  issuer: string
  /** Exact and only `aud`: `audienceFor(thumbprint)` of the key that the job signs with. */
  audience: string
  /** When the token must be valid; the agent gives now, the gate the time that it judges. */
  at: Date
}

/** Asymmetric only: with `HS*` or `none` anybody could write a token. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
/** Seconds that two clocks may differ. */
const skew = 30

/**
 * Checks a job's OIDC token (TRUST §2, §5.5) and returns its claims, which alone may be believed.
 *
 * @throws VerificationError `token-key-mismatch` (made for another key), `token-expired`, `token-invalid` (anything else)
 */
export async function verifyToken(jwt: string, jwks: Jwks, expect: TokenExpectation): Promise<JsonObject> {
  const { jwtVerify, createLocalJWKSet, errors } = await import('jose')
  let claims: JsonObject
  try {
    const keys = createLocalJWKSet(jwks as unknown as Parameters<typeof createLocalJWKSet>[0])
    const { payload } = await jwtVerify(jwt, keys, {
      algorithms,
      issuer: expect.issuer,
      audience: expect.audience,
      currentDate: expect.at,
      clockTolerance: skew,
      requiredClaims: ['iss', 'aud', 'iat', 'exp'],
    })
    claims = payload as JsonObject
  } catch (cause) {
    if (cause instanceof errors.JWTExpired) throw refuse('token-expired', 'the token has expired', cause)
    if (cause instanceof errors.JWTClaimValidationFailed && cause.claim === 'aud') throw foreign(cause)
    throw refuse(
      'token-invalid',
      `the token is refused: ${cause instanceof Error ? cause.message : 'unreadable'}`,
      cause,
    )
  }
  // A second audience would make the token of use to somebody else, and theirs to us.
  if (claims['aud'] !== expect.audience) throw foreign()
  if (typeof claims['iat'] !== 'number' || claims['iat'] > expect.at.getTime() / 1000 + skew) {
    throw refuse('token-invalid', 'the token was issued in the future')
  }
  // The binding holds the claims in RFC 8785 form; what has none there cannot be compared.
  jcs(claims)
  return claims
}

function foreign(cause?: unknown): VerificationError {
  return refuse('token-key-mismatch', 'the token was made for another key', cause)
}

function refuse(
  code: 'token-invalid' | 'token-expired' | 'token-key-mismatch',
  message: string,
  cause?: unknown,
): VerificationError {
  return new VerificationError(code, message, {
    subject: 'token',
    cause,
    remedy: 'Only the token that the job asked for its own key counts: run the job again.',
  })
}
