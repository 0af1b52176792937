import { VerificationError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { readJwt } from '../jwt.ts'
import { readers, verifierOf } from './claims.ts'
import type { TokenFacts, Verifier } from './facts.ts'

/** Algorithms that each verifier signs with: with another one somebody else may have written the token. */
const algorithms: Readonly<Record<Verifier, readonly string[]>> = {
  veraison: ['ES256', 'ES384', 'ES512'],
  trustee: ['ES256'],
  intel: ['RS256', 'PS384'],
  azure: ['RS256'],
}

/** Seconds that two clocks may differ. */
const skew = 60

/** Whom the reader believes, and what the token must be about. */
export interface TokenExpectation {
  /** Pinned keys ({@link readTokenKeys}). A key, certificate or address in the token's own header is never looked at. */
  readonly keys: readonly JsonObject[]
  /** Exact `iss`; null only where a verifier writes none (Veraison). */
  readonly issuer: string | null
  /** Exact `aud`; null where none is expected. */
  readonly audience: string | null
  /** The nonce that was asked with; null where freshness is proven otherwise. */
  readonly nonce: string | null
  /** Report data of the evidence, lower-case hex; null where it is not compared. */
  readonly reportData: string | null
  readonly at: Date
  /** Age in seconds at which a token without an end (Veraison) no longer counts. */
  readonly maxAge: number
}

export interface VerifierToken extends TokenFacts {
  readonly verifier: Verifier
  readonly issuer: string | null
  /** Seconds since 1970. */
  readonly issuedAt: number
  readonly expires: number
}

/**
 * Checks the token of a verifier (Veraison, Trustee, Intel Trust Authority, Microsoft Azure Attestation) and reads what it says. In order: form,
 * algorithm, signature by a pinned key, issuer, audience, time, nonce, report data.
 *
 * A second opinion stands beside our own verification of the evidence and never takes its place (TRUST §1).
 *
 * @throws VerificationError `token-invalid`, `token-expired`, `binding-mismatch`
 */
export async function readVerifierToken(text: string, expected: TokenExpectation): Promise<VerifierToken> {
  const { header, claims } = readJwt(text, 'token')
  // Nothing of them counts before the signature was checked; the form only says which algorithms may have made it.
  const verifier = verifierOf(claims)
  if (verifier === null)
    throw refuse(
      'its claims are of no verifier that is known',
      'Tokens of Veraison, Trustee, Intel Trust Authority and Azure are read.',
    )
  const allowed = algorithms[verifier]
  if (!allowed.includes(String(header['alg'])))
    throw refuse(`${verifier} signs with ${allowed.join(' or ')}, this is ${JSON.stringify(header['alg'] ?? null)}`)
  await checkSignature(text, [...allowed], expected)
  checkAudience(claims, expected)
  const { issuer, nonce, reportData } = expected
  const iss = typeof claims['iss'] === 'string' ? claims['iss'] : null
  if (issuer === null ? verifier !== 'veraison' || iss !== null : iss !== issuer)
    throw refuse(
      `its issuer is ${JSON.stringify(iss)}, expected ${JSON.stringify(issuer)}`,
      'Name the issuer that you trust with `--issuer`.',
    )
  const { issuedAt, expires } = timesOf(claims, verifier, expected)
  const facts = readers[verifier](claims)
  if (nonce !== null && !facts.nonces.includes(nonce))
    throw mismatch(facts.nonces.length === 0 ? 'it repeats no nonce' : 'it is about another nonce')
  if (reportData !== null && facts.reportData !== reportData)
    throw mismatch(facts.reportData === null ? 'it names no report data' : 'it is about other report data')
  return { ...facts, verifier, issuer: iss, issuedAt, expires }
}

async function checkSignature(text: string, allowed: string[], { keys }: TokenExpectation): Promise<void> {
  const { compactVerify, createLocalJWKSet } = await import('jose')
  // Times are compared below, in one way for all verifiers.
  await compactVerify(text, createLocalJWKSet({ keys: keys.map((key) => ({ ...key })) }), {
    algorithms: allowed,
  }).catch((cause: unknown) => {
    const why =
      Object(cause).code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED'
        ? 'its signature does not hold'
        : String(Object(cause).message)
    throw refuse(`no pinned key signed it (${why})`, 'Give the current JWKS of the verifier with `--keys`.', cause)
  })
}

function checkAudience({ aud }: JsonObject, { audience }: TokenExpectation): void {
  const audiences = Array.isArray(aud) ? aud : aud === undefined ? [] : [aud]
  const fits = audience === null ? audiences.length === 0 : audiences.length === 1 && audiences[0] === audience
  if (!fits)
    throw refuse(
      `its audience is ${JSON.stringify(aud ?? null)}, expected ${JSON.stringify(audience)}`,
      'Name it with `--audience`.',
    )
}

function timesOf(
  claims: JsonObject,
  verifier: Verifier,
  { at, maxAge }: TokenExpectation,
): { issuedAt: number; expires: number } {
  if (Number.isNaN(at.getTime())) throw new RangeError('the time to check at is no time')
  const { iat, nbf, exp } = claims
  if (typeof iat !== 'number') throw refuse('it does not say when it was issued (iat)')
  if (exp === undefined ? verifier !== 'veraison' : typeof exp !== 'number')
    throw refuse('it does not say until when it counts (exp)')
  const expires = typeof exp === 'number' ? exp : iat + maxAge
  const now = at.getTime() / 1000
  const begins = typeof nbf === 'number' ? Math.max(nbf, iat) : iat
  if (now < begins - skew || now >= expires + skew) {
    throw new VerificationError(
      'token-expired',
      `the token counts from ${iso(begins)} to ${iso(expires)}, not at ${iso(now)}`,
      {
        subject: 'token',
        remedy: 'Ask the verifier again, or use `--at` for a token of earlier.',
      },
    )
  }
  return { issuedAt: iat, expires }
}

function iso(seconds: number): string {
  const date = new Date(Math.floor(seconds) * 1000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString()
}

function refuse(why: string, remedy = 'Ask the verifier for a new token.', cause?: unknown): VerificationError {
  return new VerificationError('token-invalid', `the token is refused: ${why}`, { subject: 'token', remedy, cause })
}

function mismatch(why: string): VerificationError {
  return new VerificationError('binding-mismatch', `the token is refused: ${why}`, {
    subject: 'token',
    remedy: 'Ask the verifier with the nonce and the evidence of this machine.',
  })
}
