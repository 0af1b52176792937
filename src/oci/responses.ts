import type { HttpResponse } from '../base/ports.ts'
import { SealwrightError, TransportError } from '../base/errors.ts'
import { collect, tooLarge } from '../base/streams.ts'
import type { Session } from './session.ts'

/** The `Link: <…>; rel="next"` of a paged answer (RFC 8288), on the same host only. */
export function nextPage(response: HttpResponse, asked: string | URL, session: Session): URL | null {
  const link = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(response.headers.get('link') ?? '')
  if (link === null) return null
  const from = response.url === '' ? String(asked) : response.url
  const next = URL.canParse(link[1] ?? '', from) ? new URL(link[1] ?? '', from) : null
  // A registry behind a proxy that ends TLS may call itself http.
  if (next?.protocol === 'http:' && next.host === new URL(from).host) next.protocol = new URL(from).protocol
  if (next === null || next.origin !== new URL(from).origin || next.href === from) {
    throw new TransportError('registry-error', `${session.host} names ${JSON.stringify(link[1])} as its next page`, {
      subject: session.host,
      remedy: "Ask the registry's operator: its `Link` headers must lead to an end.",
    })
  }
  return next
}

/** The slowest body that is read: so many bytes, or the end, within so much time of waiting for them. */
export interface Pace {
  readonly bytes: number
  readonly waitMs: number
}

/** A thousand bytes a second; no link that carries layers is slower, and half a minute outlasts a pause of storage behind a registry. */
export const usualPace: Pace = { bytes: 30_000, waitMs: 30_000 }

/** Who answers, and how fast it has to. */
export interface Sender {
  readonly host: string
  readonly pace?: Pace | undefined
}

/**
 * A response's bytes. A connection that breaks is a transport error, not an end; so is one that is held open by a byte now and then. The time that
 * the reader takes for itself does not count.
 *
 * @throws TransportError `timeout` (too slow, or the request's time is over), `unreachable` (broken off)
 */
export async function* bodyOf(response: HttpResponse, { host, pace = usualPace }: Sender): AsyncGenerator<Uint8Array> {
  if (response.body === null) return
  // An iterator cannot be ended while it waits for its next piece.
  const reader = response.body.getReader()
  let total = 0
  let recent = 0
  let waitedMs = 0
  let sinceMs = 0
  let ended = false
  const broken = (code: 'timeout' | 'unreachable', what: string, cause?: unknown): TransportError =>
    new TransportError(code, `${host} ${what}: ${total} bytes of ${placeOf(response, host)} in ${seconds(sinceMs)} s`, {
      subject: host,
      cause,
      remedy: 'Try again.',
    })
  try {
    for (;;) {
      const start = performance.now()
      const next = await within(reader.read(), pace.waitMs - waitedMs)
      const tookMs = performance.now() - start
      sinceMs += tookMs
      waitedMs += tookMs
      if (next === null) throw broken('timeout', `sends less than ${pace.bytes} bytes in ${seconds(pace.waitMs)} s`)
      if (next.done) {
        ended = true
        return
      }
      total += next.value.length
      recent += next.value.length
      if (recent >= pace.bytes) recent = waitedMs = 0
      yield next.value
    }
  } catch (cause) {
    if (cause instanceof SealwrightError) throw cause
    const late = cause instanceof Error && cause.name === 'TimeoutError'
    throw broken(late ? 'timeout' : 'unreachable', 'broke off while sending', cause)
  } finally {
    if (!ended) reader.cancel().catch(() => {})
  }
}

/** @returns null where the time is over first */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<null>((resolve) => (timer = setTimeout(resolve, Math.max(0, ms), null)))
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * A small body as a whole. One that says to be larger is refused before any of it is read.
 *
 * @param limit most bytes
 * @param subject names the document in errors
 * @throws VerificationError `format-invalid` above the limit, and as {@link bodyOf}
 */
export async function wholeBody(
  response: HttpResponse,
  sender: Sender,
  limit: number,
  subject: string,
): Promise<Buffer> {
  const length = lengthOf(response)
  if (length !== null && length > limit) {
    await response.body?.cancel()
    throw tooLarge(subject, limit, length)
  }
  return collect(bodyOf(response, sender), limit, subject)
}

/** `Content-Length` of a body that comes as it is; null where it says nothing of the bytes that will be read. */
export function lengthOf({ headers }: HttpResponse): number | null {
  const length = headers.get('content-length')
  if (length === null || !/^\d{1,15}$/.test(length)) return null
  return (headers.get('content-encoding') ?? 'identity') === 'identity' ? Number(length) : null
}

/** The media type of a response's body, without parameters. */
export function mediaTypeIn(response: HttpResponse): string {
  return (response.headers.get('content-type') ?? '').split(';')[0]?.trim() ?? ''
}

/** Where a response came from; the query may be a key to a storage. */
function placeOf(response: HttpResponse, host: string): string {
  if (!URL.canParse(response.url)) return host
  const { origin, pathname } = new URL(response.url)
  return `${origin}${pathname}`
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
