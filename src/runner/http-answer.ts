import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { ByteReader, ByteStream, HttpHeaders, HttpResponse } from '../base/ports.ts'

/** A body that is not wanted is read to its end when it is this small, in bytes, so that its connection can be used again. */
const worthReading = 16_384
/** Longest time for that, in milliseconds. */
const drainMs = 1000

/** What a response to one request is made of. */
export interface Answer {
  readonly message: IncomingMessage
  /** Where the request went. */
  readonly url: string
  /** The body after its content encoding was undone; null: there is none. */
  readonly body: Readable | null
  /** Ends the body too; its reason is what the reader gets. */
  readonly signal: AbortSignal | undefined
}

/**
 * A response of Node's own client in the shape of `Response`. Web streams, which `Response` is made of, cost more time than everything else in a
 * small request, and their buffers were a fifth of the memory of a promotion.
 */
export function httpAnswer({ message, url, body, signal }: Answer): HttpResponse {
  const status = message.statusCode ?? 500
  const stream = body === null ? null : new BodyStream(body, lengthOf(message), signal)
  const bytes = async (): Promise<Buffer> => {
    const parts: Uint8Array[] = []
    if (stream !== null) for await (const part of stream) parts.push(part)
    return Buffer.concat(parts)
  }
  // `TextDecoder` drops a byte order mark, as the Fetch standard says.
  const text = async (): Promise<string> => new TextDecoder().decode(await bytes())
  return {
    status,
    ok: status >= 200 && status < 300,
    url,
    headers: headersOf(message),
    body: stream,
    text,
    json: async (): Promise<unknown> => JSON.parse(await text()) as unknown,
    arrayBuffer: async () => Uint8Array.from(await bytes()).buffer,
  }
}

function headersOf({ headersDistinct }: IncomingMessage): HttpHeaders {
  const get = (name: string): string | null => headersDistinct[name.toLowerCase()]?.join(', ') ?? null
  return { get, has: (name) => get(name) !== null }
}

function lengthOf({ headers }: IncomingMessage): number {
  return Number(headers['content-length'] ?? Number.POSITIVE_INFINITY)
}

class BodyStream implements ByteStream {
  readonly #readable: Readable
  readonly #length: number
  readonly #signal: AbortSignal | undefined

  constructor(readable: Readable, length: number, signal: AbortSignal | undefined) {
    this.#readable = readable
    this.#length = length
    this.#signal = signal
    // An error that nobody is there to read: a body that was given up.
    readable.on('error', () => {})
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for await (const part of this.#readable) yield part as Uint8Array
    } catch (cause) {
      throw this.#reason(cause)
    }
  }

  getReader(): ByteReader {
    const parts = this.#readable[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
    return {
      read: async () => {
        try {
          const next = await parts.next()
          return next.done === true ? { done: true } : { done: false, value: next.value }
        } catch (cause) {
          throw this.#reason(cause)
        }
      },
      cancel: () => {
        this.#readable.destroy()
        return Promise.resolve()
      },
    }
  }

  cancel(): Promise<void> {
    if (this.#length > worthReading || this.#readable.readableDidRead) this.#readable.destroy()
    else {
      this.#readable.resume()
      setTimeout(() => this.#readable.destroy(), drainMs).unref()
    }
    return Promise.resolve()
  }

  /** Node says "aborted" of a request that was told to end. */
  #reason(cause: unknown): unknown {
    return this.#signal?.aborted === true ? this.#signal.reason : cause
  }
}
