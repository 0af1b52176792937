import { TransportError, VerificationError } from '../base/errors.ts'
import { isPrivateUrl } from '../base/loopback.ts'
import { isObject, parseJson, type JsonObject } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { verifyToken, type Jwks } from '../journal/token.ts'

const limit = 1 << 20
const remedy = 'Give the job the permission "id-token: write", and see that the issuer can be reached from the runner.'

/** A job's token that was checked against its issuer's published keys. */
export interface JobToken {
  jwt: string
  claims: JsonObject
}

/**
 * Asks the workflow runner for a token with our key as audience, and checks it as the gate will.
 *
 * @returns null where the job has no token endpoint
 * @throws TransportError `oidc-error`, VerificationError `token-invalid`, `token-expired`, `token-key-mismatch`
 */
export async function requestToken(audience: string, ports: Ports): Promise<JobToken | null> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = ports.env
  if (url === undefined || url === '' || bearer === undefined || bearer === '') return null
  const answer = await getJson(`${url}&audience=${encodeURIComponent(audience)}`, ports, {
    authorization: `Bearer ${bearer}`,
  })
  const jwt = answer['value']
  if (typeof jwt !== 'string') throw failure('the token endpoint gave no token', url)
  const issuer = await issuerOf(jwt)
  const jwks = await jwksOf(issuer, ports)
  return { jwt, claims: await verifyToken(jwt, jwks, { issuer, audience, at: ports.clock.now() }) }
}

/** Keys of an issuer by its discovery document (OpenID Connect Discovery 1.0 §4). */
export async function jwksOf(issuer: string, ports: Ports): Promise<Jwks> {
  const document = await getJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, ports)
  if (document['issuer'] !== issuer) {
    throw new VerificationError('token-invalid', `the discovery document of ${issuer} names another issuer`, {
      subject: issuer,
    })
  }
  const uri = document['jwks_uri']
  if (typeof uri !== 'string') throw failure('the discovery document names no keys', issuer)
  const { keys } = await getJson(uri, ports)
  if (!Array.isArray(keys)) throw failure('the issuer publishes no keys', uri)
  return { keys: keys.filter(isObject) }
}

async function issuerOf(jwt: string): Promise<string> {
  const { decodeJwt } = await import('jose')
  try {
    const { iss } = decodeJwt(jwt)
    if (typeof iss === 'string') return iss
  } catch (cause) {
    throw new VerificationError('token-invalid', 'the token cannot be read', { subject: 'token', cause })
  }
  throw new VerificationError('token-invalid', 'the token names no issuer', { subject: 'token' })
}

async function getJson(url: string, ports: Ports, headers: Record<string, string> = {}): Promise<JsonObject> {
  checkUrl(url)
  const response = await ports.http.request(url, {
    headers: { accept: 'application/json', ...headers },
    redirect: 'manual',
    timeoutMs: 30_000,
  })
  const text = await response.text()
  if (!response.ok) throw failure(`it answered ${response.status}`, url)
  if (text.length > limit) throw failure('its answer is too long', url)
  const value = parseJson(text, new URL(url).host)
  if (!isObject(value)) throw failure('its answer is not a JSON object', url)
  return value
}

/** A token or key that came over plain http could be anybody's; loopback never leaves the machine. */
function checkUrl(url: string): void {
  if (isPrivateUrl(url)) return
  throw new VerificationError('token-invalid', 'the issuer or token endpoint is not reached by https', {
    subject: 'oidc',
    remedy,
  })
}

function failure(why: string, url: string): TransportError {
  const { host } = new URL(url)
  return new TransportError('oidc-error', `${host}: ${why}`, { subject: host, remedy })
}
