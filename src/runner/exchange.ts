import type { Agent as HttpAgent, IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { HttpRequest, TlsOptions } from '../base/ports.ts'
import { byProxy } from './proxy.ts'

/** Statuses whose response has no body at all (Fetch standard, "null body status"). */
const bodiless = new Set([204, 205, 304])

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

/**
 * What `fetch` cannot do: a body that is a stream (it takes one only as a web stream, which costs twice the time and memory for a layer), and a
 * proxy. Redirects are not followed. An answer that comes before the body's end stops the body.
 *
 * @throws what the body throws, or the socket's error
 */
export async function exchange(target: string, options: Exchange): Promise<Response> {
  const { method, headers, body, signal, proxy, serverKey, tls } = options
  const url = new URL(target)
  const secure = url.protocol === 'https:'
  const { request: open } = secure ? await import('node:https') : await import('node:http')
  const agent = proxy === null && tls === undefined ? {} : { agent: await agentFor(secure, proxy, tls) }
  const connection = serverKey === undefined ? agent : (await import('./server-key.ts')).pinned(url, proxy, serverKey)
  return new Promise((resolve, reject) => {
    const request = open(url, { method, headers: { ...lengthOf(body), ...headers }, signal, ...connection })
    request.once('response', (answer) => resolve(responseOf(answer, url)))
    // The first error is the reason; what follows from it, such as a broken pipe after an early answer, is not heard any more.
    const fail = (error: unknown): void => reject((signal.aborted ? signal.reason : error) as Error)
    request.on('error', fail)
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) request.end(body)
    else pipeline(body instanceof Blob ? body.stream() : body, request).catch(fail)
  })
}

function lengthOf(body: HttpRequest['body']): Record<string, string> {
  return body instanceof Blob ? { 'content-length': String(body.size) } : {}
}

function responseOf(answer: IncomingMessage, url: URL): Response {
  const status = answer.statusCode ?? 500
  const headers = new Headers()
  for (const [name, values] of Object.entries(answer.headersDistinct))
    for (const value of values ?? []) headers.append(name, value)
  if (bodiless.has(status)) answer.resume()
  const body = bodiless.has(status) ? null : (Readable.toWeb(decoded(answer, headers)) as ReadableStream)
  // `Response` has no other way to say where it came from.
  return Object.defineProperty(new Response(body, { status, headers }), 'url', { value: url.href })
}

/** No encoding is asked for; a server that uses one all the same is understood, as `fetch` would. */
function decoded(answer: IncomingMessage, headers: Headers): Readable {
  const encoding = headers.get('content-encoding')?.trim().toLowerCase()
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
