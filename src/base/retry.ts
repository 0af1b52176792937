import type { HttpRequest, HttpResponse, Ports } from './ports.ts'

/** Answers that mean "later": a service is busy, throttles, or something before it failed. */
export const retriedStatuses: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])

export interface RetryWait {
  /** `Retry-After` of the answer: seconds or a date (RFC 9110 §10.2.3). */
  retryAfter: string | null
  /** Counted from 1. */
  attempt: number
  now: Date
  /** A random byte, 0 to 255, so that many clients that were turned away together do not come again together. */
  chance: number
  /** Milliseconds after the first attempt, doubled each time. Default: 1000. */
  firstMs?: number
  /** Milliseconds that a wait has at most. */
  mostMs: number
  /**
   * What chance does: `added` waits at least that long, and up to half a second more; `full` draws between nothing and that long (full jitter), which
   * suits many short requests, adds up to `firstMs` to what a service asks for, and does not shorten that.
   */
  spread?: 'added' | 'full'
}

/** Milliseconds that a `Retry-After` asks for: seconds or a date (RFC 9110 §10.2.3). Null where it is missing or says neither. */
export function askedWait(retryAfter: string | null, now: Date): number | null {
  if (retryAfter === null) return null
  const asked = /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Number(now)
  return Number.isNaN(asked) ? null : Math.max(asked, 0)
}

/** Milliseconds until the next attempt: as long as the service asks, else twice as long each time. */
export function retryWait({ retryAfter, attempt, now, chance, firstMs = 1000, mostMs, spread }: RetryWait): number {
  const asked = askedWait(retryAfter, now)
  const grown = firstMs * 2 ** (attempt - 1)
  if (spread !== 'full') return Math.min(asked ?? grown + chance * 2, mostMs)
  const part = (chance + 1) / 256
  return asked === null ? part * Math.min(grown, mostMs) : asked + part * firstMs
}

export interface Patience {
  /** Attempts in all. */
  attempts: number
  /** As of {@link RetryWait}. */
  firstMs?: number
  mostMs: number
}

/**
 * Asks a service, and asks again while it answers "later" ({@link retriedStatuses}).
 *
 * @returns its last answer, whatever it is, with the body unread
 * @throws TransportError as `Http.request` does; such an error is not retried
 */
export async function requestPatiently(
  url: string,
  request: HttpRequest,
  { attempts, ...waits }: Patience,
  { http, clock, random, log }: Pick<Ports, 'http' | 'clock' | 'random' | 'log'>,
): Promise<HttpResponse> {
  for (let attempt = 1; ; attempt++) {
    const response = await http.request(url, request)
    const { status, headers } = response
    if (!retriedStatuses.has(status) || attempt === attempts) return response
    await response.body?.cancel()
    const retryAfter = headers.get('retry-after')
    const waitMs = retryWait({ retryAfter, attempt, now: clock.now(), chance: random(1)[0] ?? 0, ...waits })
    log.debug(`${new URL(url).host} answered ${status}; trying again in ${Math.round(waitMs)} ms`)
    await clock.sleep(waitMs)
  }
}
