import type { Agent as HttpAgent, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { HttpRequest, HttpResponse, TlsOptions } from '../base/ports.ts'
import { httpAnswer } from './http-answer.ts'
import { byProxy } from './proxy.ts'

/** Statuses whose response has no body at all (Fetch standard, "null body status"). */
const bodiless = new Set([204, 205, 304])

/** Methods whose request may come twice (RFC 9110 §9.2.2). */
const repeatable = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])

/** One request by Node's own client. */
export interface Exchange {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: HttpRequest['body']
  readonly signal: AbortSignal
  /** Goes by this proxy; null: direct. */
  readonly proxy: URL | null
  /** The key that the server must show. */
  readonly serverKey?: string | undefined
  readonly tls?: TlsOptions | undefined
}

type Agents = Map<string, Promise<HttpAgent>>
const plain: TlsOptions = {}
const agents = new WeakMap<TlsOptions, Agents>()

/**
 * Connections by one proxy and with one TLS setting. Node gets no list of exceptions, because `proxyFor` has applied them already. Clients of Node
 * are loaded when they are used: `node:https` alone costs each process of ours a quarter of its start.
 */
function agentFor(secure: boolean, proxy: URL | null, tls: TlsOptions = plain): Promise<HttpAgent> {
  const ours: Agents = agents.get(tls) ?? new Map<string, Promise<HttpAgent>>()
  agents.set(tls, ours)
  const name = `${secure} ${proxy?.href ?? ''}`
  const found = ours.get(name) ?? makeAgent(secure, proxy, tls)
  ours.set(name, found)
  return found
}

async function makeAgent(secure: boolean, proxy: URL | null, tls: TlsOptions): Promise<HttpAgent> {
  const common = { keepAlive: true, ...(proxy === null ? {} : byProxy(proxy)) }
  if (!secure) return new (await import('node:http')).Agent(common)
  const { ca, certificate, key, unverified } = tls
  // A list of one's own replaces the usual authorities, which are to stay.
  const usual = ca === undefined ? [] : (await import('node:tls')).getCACertificates('default')
  return new (await import('node:https')).Agent({
    ...common,
    ...(ca === undefined ? {} : { ca: [...usual, ...ca] }),
    ...(certificate === undefined ? {} : { cert: certificate, key }),
    ...(unverified === true ? { rejectUnauthorized: false } : {}),
  })
}

/** The one place that says who asks. Some services refuse a request without a name. */
const usual = { accept: '*/*', 'user-agent': 'sealwright' }

/**
 * One request by Node's own client, which unlike `fetch` takes a body that is a stream, goes by a proxy, and needs no web streams, whose cost is
 * most of a small request. Redirects are not followed. An answer that comes before the body's end stops the body.
 *
 * A server may close an idle connection while a request is on its way: one that changes nothing when it comes twice is then sent once more.
 *
 * @throws what the body throws, or the socket's error
 */
export async function exchange(target: string, options: Exchange): Promise<HttpResponse> {
  const { method, body } = options
  const whole = body === undefined || typeof body === 'string' || body instanceof Uint8Array
  const again = whole && repeatable.has(method)
  return send(new URL(target), options, again)
}

async function send(url: URL, options: Exchange, again: boolean): Promise<HttpResponse> {
  const { method, headers, body, signal, proxy, serverKey, tls } = options
  const secure = url.protocol === 'https:'
  const { request: open } = secure ? await import('node:https') : await import('node:http')
  const agent = proxy === null && tls === undefined ? {} : { agent: await agentFor(secure, proxy, tls) }
  const connection = serverKey === undefined ? agent : (await import('./server-key.ts')).pinned(url, proxy, serverKey)
  return new Promise((resolve, reject) => {
    const request = open(url, { method, headers: { ...usual, ...about(body), ...headers }, signal, ...connection })
    request.once('response', (message) => {
      const none = method === 'HEAD' || bodiless.has(message.statusCode ?? 0)
      if (none) message.resume()
      resolve(httpAnswer({ message, url: url.href, body: none ? null : decoded(message), signal }))
    })
    // The first error is the reason; what follows from it, such as a broken pipe after an early answer, is not heard any more.
    const fail = (error: unknown): void => {
      if (again && request.reusedSocket && !signal.aborted && isClosed(error)) resolve(send(url, options, false))
      else reject((signal.aborted ? signal.reason : error) as Error)
    }
    request.on('error', fail)
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) request.end(body)
    else pipeline(body instanceof Blob ? body.stream() : body, request).catch(fail)
  })
}

function isClosed(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null
  return code === 'ECONNRESET' || code === 'EPIPE'
}

/** What `fetch` says of a body by itself. */
function about(body: HttpRequest['body']): Record<string, string> {
  if (typeof body === 'string') return { 'content-type': 'text/plain;charset=UTF-8' }
  return body instanceof Blob ? { 'content-length': String(body.size) } : {}
}

/** No encoding is asked for; a server that uses one all the same is understood, as `fetch` would. */
function decoded(answer: IncomingMessage): Readable {
  const encoding = answer.headers['content-encoding']?.trim().toLowerCase()
  const decoder =
    encoding === 'gzip' || encoding === 'x-gzip'
      ? createGunzip()
      : encoding === 'deflate'
        ? createInflate()
        : encoding === 'br'
          ? createBrotliDecompress()
          : null
  if (decoder === null) return answer
  pipeline(answer, decoder).catch(() => {})
  return decoder
}
