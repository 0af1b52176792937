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
