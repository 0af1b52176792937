import { createPublicKey, verify, X509Certificate, type KeyObject } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import { worstStatus } from './ear-vector.ts'
import { readJwt } from './jwt.ts'

/** Who may sign an EAR: keys from a JWKS or certificates that a chain must end in. A key that the token carries is never believed by itself. */
export interface EarTrust {
  readonly keys?: readonly KeyObject[] | undefined
  readonly certificates?: readonly X509Certificate[] | undefined
}

export interface Ear {
  claims: JsonObject
  /** The worst `ear.status` of all devices: a machine with a refused GPU is not affirmed. */
  status: string
  /** `ear.veraison.annotated-evidence` of cpu0. */
  evidence: JsonObject
}

const profile = 'tag:github.com,2024:confidential-containers/Trustee'

/**
 * Checks an EAR token of Trustee (coco.md §1.6): ES256, signed by a pinned key or one whose certificate chain ends in a pinned certificate,
 * inside its time, with its profile and a cpu0 submodule.
 *
 * @throws VerificationError `token-invalid`, `token-expired`
 */
export function checkEar(token: string, trust: EarTrust, at: Date): Ear {
  const { header, claims, signed, signature } = readJwt(token, 'EAR')
  if (header['alg'] !== 'ES256') throw invalid(`it is signed with ${JSON.stringify(header['alg'] ?? null)}`)
  if (!signersOf(header, trust, at).some((key) => verifies(signed, key, signature)))
    throw invalid('it is not signed by a key that is trusted')

  const now = at.getTime() / 1000
  const { exp, iat } = claims
  if (typeof exp !== 'number' || typeof iat !== 'number') throw invalid('it has no exp or iat')
  if (now >= exp + 60 || now < iat - 60) {
    throw new VerificationError('token-expired', 'the EAR is outside its time', {
      subject: 'EAR',
      remedy: 'Attest again.',
    })
  }
  if (claims['eat_profile'] !== profile)
    throw invalid(`its profile is ${JSON.stringify(claims['eat_profile'] ?? null)}`)
  const submods = claims['submods']
  const cpu = isObject(submods) ? submods['cpu0'] : undefined
  const evidence = isObject(cpu) ? cpu['ear.veraison.annotated-evidence'] : undefined
  if (!isObject(cpu) || !isObject(evidence)) throw invalid('it has no evidence of cpu0')
  return { claims, status: worstStatus(claims).status, evidence }
}

/** Keys that may have signed a token with this header: pinned ones, and its own where a chain to a pinned certificate vouches for it. */
export function signersOf(header: JsonObject, trust: EarTrust, at: Date): KeyObject[] {
  const keys = [...(trust.keys ?? [])]
  const jwk = header['jwk']
  const x5c = isObject(jwk) ? jwk['x5c'] : undefined
  if (!isObject(jwk) || !Array.isArray(x5c) || x5c.length === 0 || x5c.length > 8) return keys
  const chain = x5c.map((item) => certificate(item))
  const leaf = chain[0]
  if (leaf === undefined || !endsInTrust(leaf, chain.slice(1), trust.certificates ?? [], at)) return keys
  // The key in the header must be the one that the chain vouches for.
  const own = headerKey(jwk)
  return own.equals(leaf.publicKey) ? [...keys, leaf.publicKey] : keys
}

/** Follows issuers through intermediates in any order to one of the pinned certificates. */
function endsInTrust(
  leaf: X509Certificate,
  others: X509Certificate[],
  pinned: readonly X509Certificate[],
  at: Date,
): boolean {
  let current = leaf
  const left = [...others, ...pinned.filter((anchor) => anchor.ca)]
  for (let step = 0; step < 10; step++) {
    const now = at.getTime()
    if (now < Date.parse(current.validFrom) || now > Date.parse(current.validTo)) return false
    const found = current
    if (pinned.some((anchor) => anchor.raw.equals(found.raw))) return true
    const index = left.findIndex((issuer) => issuer.ca && found.checkIssued(issuer) && found.verify(issuer.publicKey))
    const [next] = index < 0 ? [] : left.splice(index, 1)
    if (next === undefined) return false
    current = next
  }
  return false
}

/** Whoever sends a token writes its header: what stands there is not signed by anybody we know. */
function headerKey(jwk: JsonObject): KeyObject {
  try {
    return createPublicKey({ key: jwk as Record<string, string>, format: 'jwk' })
  } catch (cause) {
    throw invalid('the key in its header cannot be read', cause)
  }
}

function certificate(text: JsonValue): X509Certificate {
  if (typeof text !== 'string') throw invalid('its certificate chain is not of texts')
  try {
    return new X509Certificate(Buffer.from(text, 'base64'))
  } catch (cause) {
    throw invalid('its certificate chain cannot be read', cause)
  }
}

function verifies(bytes: Buffer, key: KeyObject, signature: Buffer): boolean {
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return false
  return verify('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

function invalid(why: string, cause?: unknown): VerificationError {
  return new VerificationError('token-invalid', `the EAR is refused: ${why}`, {
    subject: 'EAR',
    cause,
    remedy: 'Pin the certificate or key of the Attestation Service that you trust.',
  })
}
