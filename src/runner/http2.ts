import { connect, type IncomingHttpHeaders } from 'node:http2'
import type { HttpRequest, HttpResponse } from '../base/ports.ts'
import { collect } from '../base/streams.ts'

/** Largest answer, in bytes: it is read whole, because its trailers come after it. */
const answerLimit = 4 << 20
const headerLimit = 64 << 10

/**
 * One request over HTTP/2 and a connection of its own: without TLS to http URLs ("prior knowledge", RFC 9113 §3.3). The answer is read whole, and its
 * trailers stand among its headers, since gRPC puts its status there.
 *
 * @param signal ends the request; its reason is what is thrown
 * @throws the error of the connection, VerificationError `format-invalid`
 */
export async function exchangeHttp2(url: URL, options: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
  const session = connect(url.origin, { maxSessionMemory: 16, settings: { maxHeaderListSize: headerLimit } })
  const broken = new Promise<never>((_, reject) => {
    session.on('error', reject)
    session.on('goaway', (code: number) => reject(new Error(`the server ended the connection (${code})`)))
    signal.addEventListener('abort', () => reject(new Error('the request was ended')), { once: true })
  })
  // It also rejects when nobody waits any more.
  broken.catch(() => {})
  try {
    return await Promise.race([answerOf(session, url, options), broken])
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    session.destroy()
  }
}

async function answerOf(
  session: ReturnType<typeof connect>,
  url: URL,
  { method = 'POST', headers, body }: HttpRequest,
): Promise<HttpResponse> {
  const stream = session.request({ ':method': method, ':path': url.pathname + url.search, ...headers })
  const fields = new Map<string, string>()
  const keep = (more: IncomingHttpHeaders): void => {
    for (const [name, value] of Object.entries(more)) fields.set(name, String(value))
  }
  stream.on('response', keep)
  stream.on('trailers', keep)
  stream.end(body)
  const bytes = await collect(stream, answerLimit, url.href)
  const status = Number(fields.get(':status'))
  if (!Number.isInteger(status)) throw new Error('the server ended the stream without an answer')
  const get = (name: string): string | null => fields.get(name.toLowerCase()) ?? null
  return {
    status,
    ok: status >= 200 && status < 300,
    url: url.href,
    headers: { get, has: (name) => get(name) !== null },
    body: null,
    text: async () => bytes.toString('utf8'),
    json: async () => {
      const value: unknown = JSON.parse(bytes.toString('utf8'))
      return value
    },
    arrayBuffer: async () => Uint8Array.from(bytes).buffer,
  }
}
