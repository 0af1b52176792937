import { TransportError } from './errors.ts'
import type { Http, HttpRequest, Ports } from './ports.ts'

/**
 * Ports of a run that can be ended: every request and every wait through them ends with the signal, whose reason they throw.
 *
 * @param deadlineMs time that the run has left, in ms: a service that asks for a longer wait is not waited for
 */
export function cancellable(ports: Ports, signal: AbortSignal, deadlineMs: number): Ports {
  const { http, clock } = ports
  const joined = (other: AbortSignal | undefined): AbortSignal =>
    other === undefined ? signal : AbortSignal.any([signal, other])
  const ending: Http = {
    ...http,
    request: (url: string, options: HttpRequest = {}) =>
      http.request(url, { ...options, signal: joined(options.signal) }),
  }
  return {
    ...ports,
    http: ending,
    clock: {
      ...clock,
      sleep: (ms, other) =>
        clock.sleep(ms, joined(other)).catch((error: unknown) => {
          throw signal.aborted ? signal.reason : error
        }),
    },
    deadline: clock.monotonic() + deadlineMs,
    ending: signal,
  }
}

/**
 * Runs `run` for at most so many seconds. When they are over, requests and waits that are under way end too, so that the process can.
 *
 * @param name of what runs, for the message
 * @throws TransportError `timeout`; whatever `run` throws
 */
export async function withinTime<T>(
  name: string,
  seconds: number,
  ports: Ports,
  run: (ports: Ports) => Promise<T>,
): Promise<T> {
  const ending = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new TransportError('timeout', `${name} did not end within ${seconds} s`, {
        subject: 'timeout',
        remedy: 'Give a larger timeout; a run that was cut off may simply be started again.',
      })
      ending.abort(error)
      reject(error)
    }, seconds * 1000)
  })
  try {
    return await Promise.race([run(cancellable(ports, ending.signal, seconds * 1000)), late])
  } finally {
    clearTimeout(timer)
  }
}
