import { TransportError, VerificationError } from '../base/errors.ts'
import { isLoopback, reachesItself } from '../base/loopback.ts'
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
 * Asks the workflow runner for a token with our key as audience, and checks it as the gate will. The URL is the caller's word: https, no redirects.
 * Plain http is spoken on loopback alone, and by an agent of the job's own alone: the machine's must not be led to a service of its machine.
 *
 * @returns null where the job has no token endpoint
 * @throws TransportError `oidc-error`, VerificationError `token-invalid`, `token-expired`, `token-key-mismatch`
 */
export async function requestToken(audience: string, ports: Ports, machine: boolean): Promise<JobToken | null> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = ports.env
  if (url === undefined || url === '' || bearer === undefined || bearer === '') return null
  const ask = `${url}${url.includes('?') ? '&' : '?'}audience=${encodeURIComponent(audience)}`
  const answer = await getJson(ask, ports, machine, { authorization: `Bearer ${bearer}` })
  const jwt = answer['value']
  if (typeof jwt !== 'string') throw failure('the token endpoint gave no token', url)
  const issuer = await issuerOf(jwt)
  const jwks = await jwksOf(issuer, ports, machine)
  return { jwt, claims: await verifyToken(jwt, jwks, { issuer, audience, at: ports.clock.now() }) }
}

/** Keys of an issuer by its discovery document (OpenID Connect Discovery 1.0 §4). */
export async function jwksOf(issuer: string, ports: Ports, machine = false): Promise<Jwks> {
  const document = await getJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, ports, machine)
  if (document['issuer'] !== issuer) {
    throw new VerificationError('token-invalid', `the discovery document of ${issuer} names another issuer`, {
      subject: issuer,
    })
  }
  const uri = document['jwks_uri']
  if (typeof uri !== 'string') throw failure('the discovery document names no keys', issuer)
  const { keys } = await getJson(uri, ports, machine)
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

async function getJson(
  url: string,
  ports: Ports,
  machine: boolean,
  headers: Record<string, string> = {},
): Promise<JsonObject> {
  checkUrl(url, machine)
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
function checkUrl(url: string, machine: boolean): void {
  const parsed = URL.canParse(url) ? new URL(url) : null
  const plain = parsed === null || parsed.username !== '' || parsed.password !== '' || parsed.hash !== ''
  if (!plain && parsed.protocol === 'https:' && !(machine && reachesItself(parsed.hostname))) return
  if (!plain && parsed.protocol === 'http:' && !machine && isLoopback(parsed.host)) return
  const expected = machine ? 'an https address of another machine' : 'an https address'
  throw new VerificationError('token-invalid', `the issuer or token endpoint is not ${expected}`, {
    subject: 'oidc',
    remedy,
  })
}

function failure(why: string, url: string): TransportError {
  const { host } = new URL(url)
  return new TransportError('oidc-error', `${host}: ${why}`, { subject: host, remedy })
}
