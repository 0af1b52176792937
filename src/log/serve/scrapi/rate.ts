import type { Clock } from '../../../base/ports.ts'

/** Counts requests of all clients together: behind a proxy all of them come from one address. */
export class Rate {
  readonly #perMinute: number
  readonly #clock: Pick<Clock, 'monotonic'>
  #left: number
  #since: number

  /** @param perMinute requests that are let through a minute; as many may come at once */
  constructor(perMinute: number, clock: Pick<Clock, 'monotonic'>) {
    this.#perMinute = perMinute
    this.#clock = clock
    this.#left = perMinute
    this.#since = clock.monotonic()
  }

  /** Takes one request. @returns 0, or the seconds after which the next one is let through */
  take(): number {
    const now = this.#clock.monotonic()
    this.#left = Math.min(this.#perMinute, this.#left + ((now - this.#since) / 60_000) * this.#perMinute)
    this.#since = now
    if (this.#left < 1) return Math.max(1, Math.ceil(((1 - this.#left) * 60) / this.#perMinute))
    this.#left--
    return 0
  }
}
