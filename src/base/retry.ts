import type { HttpRequest, Ports } from './ports.ts'

/** Answers that mean "later": a service is busy, throttles, or something before it failed. */
export const retriedStatuses: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])

export interface RetryWait {
  /** `Retry-After` of the answer: seconds or a date (RFC 9110 §10.2.3). */
  retryAfter: string | null
  /** Counted from 1. */
  attempt: number
  now: Date
  /** 0 to 255, so that many clients do not come again at once. */
  chance: number
  /** Milliseconds after the first attempt, doubled each time. Default: 1000. */
  firstMs?: number
  mostMs: number
}

/** Milliseconds that a `Retry-After` asks for: seconds or a date (RFC 9110 §10.2.3). Null where it is missing or says neither. */
export function askedWait(retryAfter: string | null, now: Date): number | null {
  if (retryAfter === null) return null
  const asked = /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Number(now)
  return Number.isNaN(asked) ? null : Math.max(asked, 0)
}

/** Milliseconds until the next attempt: as long as the service asks, else twice as long each time; never longer than `mostMs`. */
export function retryWait({ retryAfter, attempt, now, chance, firstMs = 1000, mostMs }: RetryWait): number {
  const wait = askedWait(retryAfter, now) ?? firstMs * 2 ** (attempt - 1) + chance * 2
  return Math.min(wait, mostMs)
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
): Promise<Response> {
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
