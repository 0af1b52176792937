import { InputError, TransportError } from '../base/errors.ts'
import { isLoopback } from '../base/loopback.ts'
import type { Http, HttpRequest, HttpResponse } from '../base/ports.ts'
import { exchange } from './exchange.ts'
import { httpAnswer } from './http-answer.ts'
import { proxyFor } from './proxy.ts'
import { failure } from './unreached.ts'

const defaultTimeoutMs = 120_000
const mostRedirects = 5
const redirected = new Set([301, 302, 303, 307, 308])
/** Of a request that a redirect takes to another origin, only these headers go along. */
const harmless = new Set(['accept', 'accept-encoding', 'accept-language', 'range', 'user-agent'])

/**
 * HTTP over Node's own client, and over a Unix socket where one is named.
 *
 * @param env whose proxy variables count: those of this process, never those of a task
 */
export function makeHttp(env: Readonly<Record<string, string | undefined>> = {}): Http {
  const hosts = new Set<string>()
  return {
    hosts: () => [...hosts].sort(),
    also: (more) => more.forEach((host) => hosts.add(host)),
    serverKey: (url) => serverKey(new URL(url), env, hosts),
    request: (url, options = {}) =>
      options.http2 === true
        ? overHttp2(new URL(url), options, env, hosts)
        : options.socketPath === undefined
          ? overNetwork(url, options, env, hosts)
          : overSocket(url, options, options.socketPath),
  }
}

/** One request, and where redirects are to be followed those after it: all hosts are noted, credentials stay with the first origin. */
async function overNetwork(
  start: string,
  options: HttpRequest,
  env: Readonly<Record<string, string | undefined>>,
  hosts: Set<string>,
): Promise<HttpResponse> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
  const answerMs = Math.min(timeoutMs, options.answerMs ?? timeoutMs)
  const whole = endingWith(AbortSignal.timeout(timeoutMs), options.signal)
  const follows = options.redirect !== 'manual' && !isAsync(options.body)
  let url = new URL(start)
  let method = options.method ?? 'GET'
  let headers = { ...options.headers }
  let { body, tls } = options
  for (let hop = 0; hop <= mostRedirects; hop++) {
    hosts.add(url.host)
    const proxy = proxyFor(url, env)
    if (proxy !== null) hosts.add(proxy.host)
    const { serverKey: key } = options
    if (url.protocol === 'https:') await trustNamed(env['SSL_CERT_FILE'])
    const silent = new AbortController()
    const timer = setTimeout(() => silent.abort(new DOMException('no answer', 'TimeoutError')), answerMs)
    const signal = endingWith(silent.signal, whole)
    const response = await exchange(url.href, { method, headers, body, signal, proxy, serverKey: key, tls })
      .catch((cause: unknown) => {
        throw failure(url, cause, answerMs, proxy)
      })
      .finally(() => clearTimeout(timer))
    const location = response.headers.get('location')
    if (!follows || !redirected.has(response.status) || location === null) return response
    await response.body?.cancel()
    const next = nextStep(url, location, body !== undefined && response.status > 303)
    // RFC 9110 §15.4: as all clients do, a POST becomes a GET but for 307 and 308.
    if (response.status <= 303 && method !== 'GET' && method !== 'HEAD') method = 'GET'
    if (response.status <= 303) body = undefined
    if (next.origin !== url.origin) tls = undefined
    if (next.origin !== url.origin)
      headers = Object.fromEntries(Object.entries(headers).filter(([name]) => harmless.has(name.toLowerCase())))
    else if (body === undefined)
      headers = Object.fromEntries(Object.entries(headers).filter(([name]) => !/^content-/i.test(name)))
    url = next
  }
  throw new TransportError('unreachable', `${new URL(start).host} redirects more than ${mostRedirects} times`, {
    subject: new URL(start).host,
    remedy: 'Name the address to which it leads in the end.',
  })
}

async function serverKey(
  url: URL,
  env: Readonly<Record<string, string | undefined>>,
  hosts: Set<string>,
): Promise<string> {
  const proxy = proxyFor(url, env)
  hosts.add(url.host)
  if (proxy !== null) hosts.add(proxy.host)
  await trustNamed(env['SSL_CERT_FILE'])
  const { readServerKey } = await import('./server-key.ts')
  return readServerKey(url, proxy, AbortSignal.timeout(defaultTimeoutMs)).catch((cause: unknown) => {
    throw failure(url, cause, defaultTimeoutMs, proxy)
  })
}

/** From https one goes on only by https; by http only where one was, or on this machine. @param carries the body goes along */
function nextStep(from: URL, location: string, carries: boolean): URL {
  const next = URL.canParse(location, from.href) ? new URL(location, from.href) : null
  const safe =
    next?.protocol === 'https:' ||
    (next?.protocol === 'http:' &&
      from.protocol === 'http:' &&
      (next.origin === from.origin || (isLoopback(next.host) && isLoopback(from.host))))
  if (next !== null && safe && !(carries && next.origin !== from.origin)) return next
  throw new TransportError(
    'unreachable',
    `${from.host} redirects to ${JSON.stringify(location)}, which is not followed`,
    {
      subject: from.host,
      remedy: 'Name the address to which it leads, if that is trusted: https never goes on as http.',
    },
  )
}

async function overHttp2(
  url: URL,
  options: HttpRequest,
  env: Readonly<Record<string, string | undefined>>,
  hosts: Set<string>,
): Promise<HttpResponse> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
  hosts.add(url.host)
  if (proxyFor(url, env) !== null) {
    throw new InputError('unsupported', `${url.host} is reached by a proxy, but gRPC goes by none`, {
      subject: url.host,
      remedy: `List ${url.hostname} in no_proxy, if it is reached directly.`,
    })
  }
  if (url.protocol === 'https:') await trustNamed(env['SSL_CERT_FILE'])
  const { exchangeHttp2 } = await import('./http2.ts')
  return exchangeHttp2(url, options, endingWith(AbortSignal.timeout(timeoutMs), options.signal)).catch(
    (cause: unknown) => {
      throw failure(url, cause, timeoutMs)
    },
  )
}

async function overSocket(url: string, options: HttpRequest, socketPath: string): Promise<HttpResponse> {
  const { request: httpRequest } = await import('node:http')
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
  return new Promise((resolve, reject) => {
    const { pathname, search } = new URL(url)
    const request = httpRequest(
      {
        socketPath,
        path: pathname + search,
        method: options.method ?? 'GET',
        headers: { ...options.headers },
        timeout: timeoutMs,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      (response) => {
        const none = response.statusCode === 204
        if (none) response.resume()
        resolve(httpAnswer({ message: response, url: '', body: none ? null : response, signal: options.signal }))
      },
    )
    request.on('timeout', () => request.destroy(new Error('timeout')))
    request.on('error', (cause) => reject(failure(new URL(url), ended(options.signal) ?? cause, timeoutMs)))
    request.end(options.body as string | Uint8Array | undefined)
  })
}

function isAsync(body: HttpRequest['body']): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && !(body instanceof Blob) && Symbol.asyncIterator in body
}

/** What was told to end, if it was: it is the reason, whatever a client makes of it. */
function ended(signal: AbortSignal | undefined): unknown {
  return signal?.aborted === true ? signal.reason : undefined
}

function endingWith(timeout: AbortSignal, signal: AbortSignal | undefined): AbortSignal {
  return signal === undefined ? timeout : AbortSignal.any([timeout, signal])
}

const trusted = new Set<string>()

/**
 * `SSL_CERT_FILE`, by which OpenSSL, Go and curl are told of an authority; Node.js reads only `NODE_EXTRA_CA_CERTS`. Its certificates count for the
 * whole process, beside those of Node.js.
 */
async function trustNamed(path: string | undefined): Promise<void> {
  if (path === undefined || path === '' || trusted.has(path)) return
  const { trustFile } = await import('./authorities.ts')
  await trustFile(path)
  trusted.add(path)
}
