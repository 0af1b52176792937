import { TransportError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { askedWait, retryWait } from '../base/retry.ts'

const usual = 5
const firstMs = 400
const longestMs = 30_000
/** A service that asks for more time than this is not waited for, unless the run's own deadline allows it less. */
const mostAskedMs = 300_000

/** The attempts of one request. */
export interface Attempts {
  /** Those that have failed. */
  readonly made: number
  /**
   * Waits before the next attempt: as long as the registry asks, else at random between nothing and a bound that doubles.
   *
   * @param retryAfter the header of the answer
   * @param giveUp makes the error, where no attempt or not enough time is left; what was tried is added to it
   */
  wait(retryAfter: string | null, giveUp: () => TransportError | Promise<TransportError>, why?: string): Promise<void>
  /** The wait alone, before the given attempt is made again (1 for the first). */
  pause(attempt: number): Promise<void>
}

/** @param most attempts in all */
export function attemptsOf(host: string, most: number | undefined, ports: Ports): Attempts {
  const { clock, random, log, deadline = Infinity } = ports
  const start = clock.monotonic()
  let made = 0
  const waitMs = (attempt: number, retryAfter: string | null): number =>
    retryWait({
      retryAfter,
      attempt,
      now: clock.now(),
      chance: random(1)[0] ?? 0,
      firstMs,
      mostMs: longestMs,
      spread: 'full',
    })

  const wait: Attempts['wait'] = async (retryAfter, giveUp, why = 'broke off') => {
    made++
    const asked = askedWait(retryAfter, clock.now())
    const ms = waitMs(made, retryAfter)
    const left = Math.min(mostAskedMs, deadline - clock.monotonic())
    if (made < (most ?? usual) && ms <= left) {
      log.debug(`${host} ${why}; attempt ${made + 1} in ${Math.round(ms)} ms`)
      return clock.sleep(ms)
    }
    const error = await giveUp()
    const seconds = ((clock.monotonic() - start) / 1000).toFixed(1)
    const tried = `gave up after ${made} ${made === 1 ? 'attempt' : 'attempts'} in ${seconds} s`
    const tooLong = ms > left && asked !== null ? `; it asks to wait ${Math.ceil(ms / 1000)} s` : ''
    const { code, message, subject, remedy } = error
    throw new TransportError(code, `${message}; ${tried}${tooLong}`, { subject, remedy, cause: error.cause ?? error })
  }
  return {
    get made() {
      return made
    },
    wait,
    pause: (attempt) => clock.sleep(waitMs(attempt, null)),
  }
}
