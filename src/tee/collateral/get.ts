import { InputError, TransportError } from '../../base/errors.ts'
import type { HttpHeaders, HttpResponse, Ports } from '../../base/ports.ts'
import { requestPatiently } from '../../base/retry.ts'
import { collect } from '../../base/streams.ts'

const mostBytes = 4 << 20
const patience = { attempts: 5, mostMs: 60_000 } as const

export interface Answer {
  body: Buffer
  headers: HttpHeaders
}

/**
 * Gets one document of AMD's or Intel's service. Both throttle: an answer that says "later" is waited for as long as it asks (a minute at
 * most) or twice as long each time, five times in all.
 *
 * @param what names the document, for errors
 * @throws InputError `not-found` for 404 and 410; TransportError `collateral-error`, `unreachable`, `timeout`
 */
export async function getDocument(url: string, what: string, ports: Ports): Promise<Answer> {
  const { host } = new URL(url)
  const response = await requestPatiently(url, { timeoutMs: 60_000 }, patience, ports)
  const { status, headers } = response
  if (status === 200) return { body: await bodyOf(response, host, what), headers }
  await response.body?.cancel()
  if (status === 404 || status === 410) {
    throw new InputError('not-found', `${host} has no ${what} (it answered ${status})`, {
      subject: url,
      remedy: 'Compare chip, TCB or FMSPC with the evidence; "sealwright tee show" prints them.',
    })
  }
  throw new TransportError('collateral-error', `${host} answered ${status} to the request for ${what}`, {
    subject: url,
    remedy:
      status === 429 ? 'It throttles: try again later, or use collateral that lies in the folder.' : 'Try again later.',
  })
}

async function bodyOf(response: HttpResponse, host: string, what: string): Promise<Buffer> {
  const length = response.headers.get('content-length')
  try {
    const body = response.body === null ? Buffer.alloc(0) : await collect(response.body, mostBytes, what)
    // A body that was packed on the way is not as long as its header says.
    if (length === null || response.headers.has('content-encoding') || Number(length) === body.length) return body
    throw new Error(`${body.length} of ${length} bytes came`)
  } catch (cause) {
    if (cause instanceof TransportError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new TransportError('collateral-error', `${host} broke off while sending ${what}: ${why}`, {
      subject: host,
      cause,
      remedy: 'Try again.',
    })
  }
}

/** An answer that is not what was asked for. */
export function wrongAnswer(url: string, what: string, cause: unknown): TransportError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new TransportError('collateral-error', `${new URL(url).host} answered something else than ${what}: ${why}`, {
    subject: url,
    cause,
    remedy: 'Check the address of the service; a proxy may have answered in its place.',
  })
}
