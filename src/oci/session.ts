import { TransportError } from '../base/errors.ts'
import { isLoopback } from '../base/loopback.ts'
import { isObject, type JsonValue } from '../base/json.ts'
import type { HttpRequest, Ports } from '../base/ports.ts'
import { tlsOrigin } from './loopback-tls.ts'
import { basic, fetchToken, parseChallenge, unauthorized } from './auth.ts'
import { findCredential, type Credential } from './credentials.ts'

export interface SessionRequest extends Omit<HttpRequest, 'redirect' | 'socketPath'> {
  /** The body is a stream: it can be sent once only, so neither retried nor redirected. */
  readonly once?: boolean | undefined
  /** A connection that breaks or a gateway that fails ends it: the caller asks first how much has arrived. Only "later" (429, 503) is waited for. */
  readonly stops?: boolean | undefined
  /** A GET that belongs to a push: the right to pull alone does not open an upload. */
  readonly push?: boolean | undefined
}

/** Requests to one repository of one registry: signs in when asked to, follows redirects by hand, waits and retries. */
export interface Session {
  readonly host: string
  readonly repository: string
  /** @param target path below `/v2/NAME/`, or an absolute URL (an upload's `Location`) */
  send(target: string | URL, request?: SessionRequest): Promise<Response>
  /** Waits before the given attempt is made again (1 for the first). */
  pause(attempt: number): Promise<void>
}

const attempts = 5
const redirects = 5
const longestWaitMs = 30_000
const retried = new Set([408, 429, 500, 502, 503, 504])
const redirected = new Set([301, 302, 303, 307, 308])

/**
 * @throws from `send`: TransportError `unauthorized` (401, 403), `unreachable`, `timeout`, `registry-error` (still failing after 5 attempts).
 * Every other status is the caller's to judge.
 */
export function openSession(host: string, repository: string, ports: Ports): Session {
  let base = new URL(`${isLoopback(host) ? 'http' : 'https'}://${host === 'docker.io' ? 'registry-1.docker.io' : host}`)
  const plain = base
  /** A plain answer that is not a 400 settles that a registry on loopback speaks no TLS. */
  let isPlain = false
  let secure: Promise<URL | null> | null = null
  const authorizations = new Map<'pull' | 'push', string>()
  let credential: Promise<Credential | null> | null = null

  const signIn = async (header: string | null, action: 'pull' | 'push'): Promise<void> => {
    const found = await (credential ??= findCredential(host, repository, ports))
    const challenge = parseChallenge(header)
    if (challenge === null)
      throw unauthorized(host, found !== null, `${host} refuses and names no known way to sign in`, ports)
    if (found?.kind === 'registry') {
      authorizations.set(action, `Bearer ${found.token}`)
      return
    }
    if (challenge.scheme === 'basic') {
      if (found?.kind !== 'basic') throw unauthorized(host, false, `${host} wants a name and password`, ports)
      authorizations.set(action, basic(found))
      return
    }
    const own = `repository:${repository}:${action === 'pull' ? 'pull' : 'pull,push'}`
    const scopes = [...new Set([own, ...(challenge.scope ?? '').split(' ').filter((scope) => scope !== '')])]
    authorizations.set(action, `Bearer ${await fetchToken(challenge, scopes, found, host, ports)}`)
  }

  /** One request, with redirects followed and without retries. Our headers of authority never leave the registry's own origin. */
  const exchange = async (start: URL, request: SessionRequest, action: 'pull' | 'push'): Promise<Response> => {
    let url = start
    for (let hop = 0; hop <= redirects; hop++) {
      const authorization =
        url.origin === base.origin ? (authorizations.get(action) ?? authorizations.get('push')) : undefined
      const { once, stops: _stops, push: _push, ...plain } = request
      const headers = { ...request.headers, ...(authorization === undefined ? {} : { authorization }) }
      const response = await ports.http.request(url.href, { ...plain, headers, redirect: 'manual' })
      const location = response.headers.get('location')
      if (!redirected.has(response.status) || location === null) return response
      await response.body?.cancel()
      const next = URL.canParse(location, url.href) ? new URL(location, url.href) : null
      const keepsMethod =
        response.status === 307 ||
        response.status === 308 ||
        request.method === undefined ||
        request.method === 'GET' ||
        request.method === 'HEAD'
      if (next === null || !safeStep(url, next) || !keepsMethod || once === true) {
        throw new TransportError(
          'registry-error',
          `${url.host} redirects to ${JSON.stringify(location)}, which is not followed`,
          { subject: host },
        )
      }
      url = next
    }
    throw new TransportError('registry-error', `${host} redirects more than ${redirects} times`, { subject: host })
  }

  /** Whether a request that went to a registry on loopback in the clear is to be sent again over TLS. It is found out once for all requests. */
  const turnsToTls = async (url: URL, request: SessionRequest): Promise<boolean> => {
    if (isPlain || url.protocol === 'https:' || url.origin !== plain.origin || request.once === true) return false
    const origin = await (secure ??= tlsOrigin(host, ports))
    if (origin === null) return false
    base = origin
    return true
  }

  const send = async (target: string | URL, request: SessionRequest = {}): Promise<Response> => {
    const address = (): URL =>
      typeof target === 'string' ? new URL(`/v2/${repository}/${target}`, base) : onward(base, target, host)
    let url = address()
    const action =
      (request.method === undefined || request.method === 'GET' || request.method === 'HEAD') && request.push !== true
        ? 'pull'
        : 'push'
    let signedIn = false
    for (let attempt = 1; ; attempt++) {
      const last = attempt === attempts || request.once === true
      let response: Response
      try {
        response = await exchange(url, request, action)
      } catch (error) {
        if (!(error instanceof TransportError) || error.code !== 'unreachable') throw error
        if (await turnsToTls(url, request)) {
          url = address()
          continue
        }
        if (last || request.stops === true) throw error
        await ports.clock.sleep(waitMs(attempt, null, ports))
        continue
      }
      if (response.status === 400 && (await turnsToTls(url, request))) {
        await response.body?.cancel()
        url = address()
        continue
      }
      isPlain ||= url.protocol === 'http:' && response.status !== 400
      if (response.status === 401 && !signedIn && request.once !== true && url.origin === base.origin) {
        await response.body?.cancel()
        await signIn(response.headers.get('www-authenticate'), action)
        signedIn = true
        attempt--
        continue
      }
      if (response.status === 401 || response.status === 403) {
        const had = (await (credential ?? Promise.resolve(null))) !== null
        throw unauthorized(
          host,
          had,
          `${host} refuses ${request.method ?? 'GET'} for ${repository} (${await explain(response)})`,
          ports,
        )
      }
      if (!retried.has(response.status)) return response
      const stops = request.stops === true && response.status !== 429 && response.status !== 503
      if (last || stops) throw await failed(response, host, `${request.method ?? 'GET'} for ${repository}`)
      const wait = waitMs(attempt, response.headers.get('retry-after'), ports)
      await response.body?.cancel()
      ports.log.debug(`${host} answered ${response.status}; trying again in ${Math.round(wait)} ms`)
      await ports.clock.sleep(wait)
    }
  }
  return { host, repository, send, pause: (attempt) => ports.clock.sleep(waitMs(attempt, null, ports)) }
}

/** An error of a status that nobody expected, with what the registry says about it. The body is used up. */
export async function failed(response: Response, host: string, what: string): Promise<TransportError> {
  return new TransportError('registry-error', `${host} answered ${await explain(response)} to ${what}`, {
    subject: host,
    remedy:
      response.status === 429
        ? 'The registry limits requests: wait, or log in.'
        : "Try again; if it stays, ask the registry's operator.",
  })
}

/** The status and the registry's error codes (distribution-spec 1.1, "Error Codes"); the body may as well be anything else. */
async function explain(response: Response): Promise<string> {
  const text = await response.text().catch(() => '')
  let errors: JsonValue | undefined
  try {
    const body = JSON.parse(text) as JsonValue
    errors = isObject(body) ? body['errors'] : undefined
  } catch {
    // No registry error document: the status has to do.
  }
  const told = Array.isArray(errors)
    ? errors.filter(isObject).map((e) => `${String(e['code'])}: ${String(e['message'])}`)
    : []
  // oxlint-disable-next-line no-control-regex
  return [String(response.status), ...told.slice(0, 3)]
    .join(' ')
    .replace(/[\u0000-\u001f\u007f]/g, ' ')
    .slice(0, 300)
}

/**
 * An address that the registry named (an upload's `Location`), as the registry itself is reached: one behind a proxy that ends TLS may call
 * itself http without knowing.
 *
 * @throws TransportError `registry-error` for plain http to anywhere else
 */
function onward(base: URL, named: URL, host: string): URL {
  const url = new URL(named)
  if (url.protocol === 'http:' && base.protocol === 'https:' && url.host === base.host) url.protocol = base.protocol
  if (safeStep(base, url)) return url
  throw new TransportError('registry-error', `${host} goes on at ${url.origin}, which is not https`, {
    subject: host,
    remedy: "Ask the registry's operator to have it name https addresses (X-Forwarded-Proto, or its own host setting).",
  })
}

/** From https one goes on only by https. */
function safeStep(from: URL, to: URL): boolean {
  return to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:' && isLoopback(to.host))
}

/** `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), else growing; jitter keeps many clients apart. At most 30 s. */
function waitMs(attempt: number, retryAfter: string | null, ports: Ports): number {
  const jitter = ((ports.random(1)[0] ?? 0) / 256) * 200
  let wait = 200 * 2 ** (attempt - 1)
  if (retryAfter !== null) {
    const asked = /^[0-9]+$/.test(retryAfter)
      ? Number(retryAfter) * 1000
      : Date.parse(retryAfter) - ports.clock.now().getTime()
    if (Number.isFinite(asked)) wait = Math.max(0, asked)
  }
  return Math.min(wait, longestWaitMs) + jitter
}
