import type { Http } from '../base/ports.ts'

/** Requests to one host that wait for their answer at a time, over all repositories of a process. */
const mostWaiting = 16

interface Slots {
  free: number
  readonly queue: (() => void)[]
}

const slots = new WeakMap<Http, Map<string, Slots>>()

/**
 * Runs a request to a host as soon as fewer than 16 others wait there for their answer. A body that is read after that does not count: whoever copies
 * opens the second before the first has ended, and would wait for ever.
 */
export async function inSlot<T>(http: Http, host: string, run: () => Promise<T>): Promise<T> {
  const hosts = slots.get(http) ?? new Map<string, Slots>()
  slots.set(http, hosts)
  const mine = hosts.get(host) ?? { free: mostWaiting, queue: [] }
  hosts.set(host, mine)
  if (mine.free > 0) mine.free--
  else await new Promise<void>((resolve) => mine.queue.push(resolve))
  try {
    return await run()
  } finally {
    const next = mine.queue.shift()
    if (next === undefined) mine.free++
    else next()
  }
}
