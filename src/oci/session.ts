import { SealwrightError, TransportError } from '../base/errors.ts'
import { isLoopback } from '../base/loopback.ts'
import { isObject, type JsonValue } from '../base/json.ts'
import type { HttpRequest, HttpResponse, Ports } from '../base/ports.ts'
import { certificateError, openEndpoint } from './endpoint.ts'
import { unauthorized } from './auth.ts'
import { wholeBody, type Pace } from './responses.ts'
import { repositoryScope } from './scopes.ts'
import { openSignIn } from './sign-in.ts'
import { inSlot } from './slots.ts'
import { attemptsOf, type Attempts } from './attempts.ts'

export interface SessionRequest extends Omit<HttpRequest, 'redirect' | 'socketPath' | 'tls'> {
  /** The body is a stream: it can be sent once only, so neither retried nor redirected. */
  readonly once?: boolean | undefined
  /** A connection that breaks or a gateway that fails ends it: the caller asks first how much has arrived. Only "later" (429, 503) is waited for. */
  readonly stops?: boolean | undefined
  /** A GET that belongs to a push: the right to pull alone does not open an upload. */
  readonly push?: boolean | undefined
  /** What the request needs beside its own repository: `repository:NAME:pull` of a mount's source. */
  readonly scopes?: readonly string[] | undefined
}

/** Requests to one repository of one registry: signs in when asked to, follows redirects by hand, waits and retries. */
export interface Session {
  readonly host: string
  readonly repository: string
  /** How fast the bodies of its answers have to come. Default: `usualPace`. */
  readonly pace?: Pace | undefined
  /** @param target path below `/v2/NAME/`, or an absolute URL (an upload's `Location`) */
  send(target: string | URL, request?: SessionRequest): Promise<HttpResponse>
  /** Waits before the given attempt is made again (1 for the first). */
  pause(attempt: number): Promise<void>
}

export interface SessionOptions {
  /** registries.conf allows plain http and an unchecked certificate. */
  readonly insecure?: boolean | undefined
  /** Attempts of a request in all. Default: 5. */
  readonly attempts?: number | undefined
  readonly pace?: Pace | undefined
}

const redirects = 5
const retried = new Set([408, 429, 500, 502, 503, 504])
const redirected = new Set([301, 302, 303, 307, 308])
const reading = new Set([undefined, 'GET', 'HEAD'])
/** Most time until a registry begins to answer, in milliseconds. A cache that first fetches a blob itself takes longer. */
const answerMs = 50_000
/** Answers by which a registry says that it did nothing: such a request may be sent again whatever it was. */
const untouched = new Set([429, 503])

/**
 * @throws from `send`: TransportError `unauthorized` (401, 403), `unreachable`, `timeout`, `registry-error` (still failing after 5 attempts).
 * Every other status is the caller's to judge.
 */
export function openSession(host: string, repository: string, ports: Ports, options: SessionOptions = {}): Session {
  const endpoint = openEndpoint(host, options.insecure === true, ports)
  const { base } = endpoint
  const signIn = openSignIn(host, repository, base, ports)

  /** One request, with redirects followed and without retries. Our headers of authority never leave the registry's own origin. */
  const exchange = async (
    start: URL,
    request: SessionRequest,
    authorization: string | undefined,
    again: boolean,
  ): Promise<HttpResponse> => {
    let url = start
    for (let hop = 0; hop <= redirects; hop++) {
      const { once, scopes: _, stops: _stops, push: _push, headers, ...plain } = request
      const own = authorization === undefined || url.origin !== base().origin ? {} : { authorization }
      // Node's own client names the alert by which a server wants a certificate; `fetch` says only that the connection was closed.
      const tls = (await endpoint.tls(url)) ?? (again && url.protocol === 'https:' ? plainTls : undefined)
      const response = await ports.http.request(url.href, {
        ...plain,
        headers: { ...headers, ...own },
        redirect: 'manual',
        answerMs: reading.has(request.method) && !url.pathname.includes('/blobs/') ? answerMs : undefined,
        tls,
      })
      const location = response.headers.get('location')
      if (!redirected.has(response.status) || location === null) return response
      await response.body?.cancel()
      const next = URL.canParse(location, url.href) ? new URL(location, url.href) : null
      const keepsMethod = response.status === 307 || response.status === 308 || reading.has(request.method)
      if (next === null || !safeStep(url, next) || !keepsMethod || once === true) {
        throw new TransportError(
          'registry-error',
          `${url.host} redirects to ${JSON.stringify(location)}, which is not followed`,
          {
            subject: host,
            remedy:
              'Name the registry by the address to which it leads, if that is trusted: https never goes on as http.',
          },
        )
      }
      url = next
    }
    throw new TransportError('registry-error', `${host} redirects more than ${redirects} times`, {
      subject: host,
      remedy: "Ask the registry's operator: its redirects must lead to an end.",
    })
  }

  const send = async (target: string | URL, request: SessionRequest = {}): Promise<HttpResponse> => {
    await endpoint.ready()
    const { method = 'GET', once = false } = request
    const address = (): URL =>
      typeof target === 'string' ? new URL(`/v2/${repository}/${target}`, base()) : onward(base(), target, host)
    const scopes = [
      repositoryScope(repository, reading.has(method) && request.push !== true ? 'pull' : 'push'),
      ...(request.scopes ?? []),
    ]
    // A second PATCH would append its bytes again.
    const repeatable = !once && method !== 'PATCH' && request.stops !== true
    const attempts: Attempts = attemptsOf(host, options.attempts, ports)
    /** Signing in again helps once, and once more where the registry then names what is still lacking. */
    let signedIn = 0
    for (let url = address(); ;) {
      const own = url.origin === base().origin
      const used = own ? await signIn.authorization(scopes, once) : undefined
      let response: HttpResponse
      try {
        const run = (): Promise<HttpResponse> => exchange(url, request, used, attempts.made > 0)
        // A streamed body may come from a request to the same host.
        response = await (once ? run() : inSlot(ports.http, url.host, run))
      } catch (error) {
        if (!(error instanceof TransportError) || error.code !== 'unreachable') throw error
        if (!once && (await endpoint.turnsToTls(url, null))) url = address()
        else {
          const told = certificateError(error, url.host === base().host ? host : url.host, ports)
          if (told !== null) throw told
          if (!repeatable) throw error
          await attempts.wait(null, () => error)
        }
        continue
      }
      const { status, headers } = response
      if (!once && (await endpoint.turnsToTls(url, status)) && status === 400) {
        await response.body?.cancel()
        url = address()
        continue
      }
      if (status === 401 && !once && own && signedIn < (insufficient(response) ? 2 : 1)) {
        await response.body?.cancel()
        await signIn.answer(headers.get('www-authenticate'), scopes, used)
        signedIn++
        continue
      }
      if (status === 401 && once && own && used !== undefined) {
        // Whoever can open the stream again goes on with the new token.
        const why = await explain(response, host)
        await signIn.answer(headers.get('www-authenticate'), scopes, used)
        throw new TransportError('registry-error', `${host} stopped accepting its token during ${method} (${why})`, {
          subject: host,
          remedy: 'Try again: the token was renewed.',
        })
      }
      if (status === 401 || status === 403) {
        const what = `${host} refuses ${method} for ${repository} (${await explain(response, host)})`
        throw unauthorized(host, await signIn.credential(), what, ports)
      }
      if (!retried.has(status)) return response
      const giveUp = (): Promise<TransportError> => failed(response, host, `${method} for ${repository}`)
      if (once || !(repeatable || untouched.has(status))) throw await giveUp()
      await attempts.wait(headers.get('retry-after'), giveUp, `answered ${status}`)
      await response.body?.cancel()
    }
  }
  const { pace } = options
  return { host, repository, pace, send, pause: (attempt) => attemptsOf(host, undefined, ports).pause(attempt) }
}

const plainTls = {}

/** RFC 6750 §3.1: the token is good, but not for this. */
function insufficient(response: HttpResponse): boolean {
  return /error="?insufficient_scope/i.test(response.headers.get('www-authenticate') ?? '')
}

/** An error of a status that nobody expected, with what the registry says about it. The body is used up. */
export async function failed(response: HttpResponse, host: string, what: string): Promise<TransportError> {
  return new TransportError('registry-error', `${host} answered ${await explain(response, host)} to ${what}`, {
    subject: host,
    remedy:
      response.status === 429
        ? 'The registry limits requests: wait, or log in.'
        : "Try again; if it stays, ask the registry's operator.",
  })
}

/** An error document larger than this says nothing to a reader. */
const errorLimit = 64 << 10

/** The status and the registry's error codes (distribution-spec 1.1, "Error Codes"); the body may as well be anything else. */
async function explain(response: HttpResponse, host: string): Promise<string> {
  const text = await wholeBody(response, { host }, errorLimit, 'an error').then(String, (error: unknown) => {
    // A run that was ended.
    if (error instanceof SealwrightError && error.subject === 'timeout') throw error
    return ''
  })
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

/** From https one goes on only by https; from http by http on the same host, or from this machine to itself. */
function safeStep(from: URL, to: URL): boolean {
  if (to.protocol === 'https:') return true
  if (to.protocol !== 'http:' || from.protocol !== 'http:') return false
  return to.host === from.host || (isLoopback(from.host) && isLoopback(to.host))
}
