import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** Statuses whose response has no body at all (Fetch standard, "null body status"). */
const bodiless = new Set([204, 205, 304])

/**
 * A request whose body is a stream. `fetch` takes one only as a web stream, which costs twice the time and memory of Node's own for a layer.
 * Redirects are not followed: the body is gone by then. An answer that comes before the body's end stops the body.
 *
 * @throws what the body throws, or the socket's error
 */
export function upload(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const open = url.startsWith('https:') ? httpsRequest : httpRequest
    const request = open(url, { method, headers: { ...headers }, signal })
    request.once('response', (answer) => resolve(responseOf(answer)))
    // The first error is the reason; what follows from it, such as a broken pipe after an early answer, is not heard any more.
    const fail = (error: unknown): void => reject((signal.aborted ? signal.reason : error) as Error)
    request.on('error', fail)
    pipeline(body, request).catch(fail)
  })
}

function responseOf(answer: IncomingMessage): Response {
  const status = answer.statusCode ?? 500
  const headers = new Headers()
  for (const [name, values] of Object.entries(answer.headersDistinct))
    for (const value of values ?? []) headers.append(name, value)
  if (!bodiless.has(status)) return new Response(Readable.toWeb(answer) as ReadableStream, { status, headers })
  answer.resume()
  return new Response(null, { status, headers })
}
