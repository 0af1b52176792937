import { SealwrightError, TransportError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import type { Session } from './session.ts'

/** The `Link: <…>; rel="next"` of a paged answer (RFC 8288), on the same host only. */
export function nextPage(response: Response, asked: string | URL, session: Session): URL | null {
  const link = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(response.headers.get('link') ?? '')
  if (link === null) return null
  const from = response.url === '' ? String(asked) : response.url
  const next = URL.canParse(link[1] ?? '', from) ? new URL(link[1] ?? '', from) : null
  // A registry behind a proxy that ends TLS may call itself http.
  if (next?.protocol === 'http:' && next.host === new URL(from).host) next.protocol = new URL(from).protocol
  if (next === null || next.origin !== new URL(from).origin || next.href === from) {
    throw new TransportError('registry-error', `${session.host} names ${JSON.stringify(link[1])} as its next page`, {
      subject: session.host,
    })
  }
  return next
}

/** A response's bytes; a connection that breaks is a transport error, not an end. */
export async function* bodyOf(response: Response, host: string): AsyncGenerator<Uint8Array> {
  if (response.body === null) return
  try {
    yield* response.body as ByteSource
  } catch (cause) {
    if (cause instanceof SealwrightError) throw cause
    const late = cause instanceof Error && cause.name === 'TimeoutError'
    throw new TransportError(late ? 'timeout' : 'unreachable', `${host} broke off while sending`, {
      subject: host,
      cause,
      remedy: 'Try again.',
    })
  }
}

/** The media type of a response's body, without parameters. */
export function mediaTypeIn(response: Response): string {
  return (response.headers.get('content-type') ?? '').split(';')[0]?.trim() ?? ''
}
