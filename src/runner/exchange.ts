import { request as httpRequest, Agent as HttpAgent, type IncomingMessage } from 'node:http'
import { request as httpsRequest, Agent as HttpsAgent } from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { HttpRequest } from '../base/ports.ts'

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
}

const agents = new Map<string, { http: HttpAgent; https: HttpsAgent }>()

/** Connections by one proxy; which requests go by it is not Node's to judge, so it is told of no exceptions. */
function agentFor(url: URL, proxy: URL): HttpAgent {
  let found = agents.get(proxy.href)
  if (found === undefined) {
    const options = { keepAlive: true, proxyEnv: { http_proxy: proxy.href, https_proxy: proxy.href, no_proxy: '' } }
    found = { http: new HttpAgent(options), https: new HttpsAgent(options) }
    agents.set(proxy.href, found)
  }
  return url.protocol === 'https:' ? found.https : found.http
}

/**
 * What `fetch` cannot do: a body that is a stream (it takes one only as a web stream, which costs twice the time and memory for a layer), and a
 * proxy. Redirects are not followed. An answer that comes before the body's end stops the body.
 *
 * @throws what the body throws, or the socket's error
 */
export function exchange(target: string, { method, headers, body, signal, proxy }: Exchange): Promise<Response> {
  const url = new URL(target)
  return new Promise((resolve, reject) => {
    const open = url.protocol === 'https:' ? httpsRequest : httpRequest
    const agent = proxy === null ? {} : { agent: agentFor(url, proxy) }
    const request = open(url, { method, headers: { ...lengthOf(body), ...headers }, signal, ...agent })
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
