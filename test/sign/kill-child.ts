// Runs sign-attest in a process of its own and, over a registry, ends itself with SIGKILL around the N-th request that writes.
import { makePorts } from '../../src/runner/make-ports.ts'
import type { Ports } from '../../src/base/ports.ts'
import { runSign } from './job.ts'

interface Order {
  given: Record<string, string>
  cwd: string
  directory: string
  /** 0: never. */
  at: number
  when: 'before' | 'after'
}

const order = JSON.parse(process.argv[2] ?? '') as Order
const quiet = (): void => {}
const log: Ports['log'] = {
  debug: quiet,
  info: quiet,
  warn: quiet,
  progress: quiet,
  mask: quiet,
  group: (_title, fn) => fn(),
}
const base = makePorts({ env: process.env, cwd: order.cwd, temp: order.cwd, log })
let writes = 0
const http: Ports['http'] = {
  hosts: () => base.http.hosts(),
  serverKey: (url) => base.http.serverKey(url),
  request: async (url, options) => {
    const mine =
      ['PUT', 'POST', 'PATCH'].includes(options?.method ?? '') &&
      options?.socketPath === undefined &&
      ++writes === order.at
    if (mine && order.when === 'before') process.kill(process.pid, 'SIGKILL')
    const response = await base.http.request(url, options)
    if (mine) process.kill(process.pid, 'SIGKILL')
    return response
  },
}
await runSign(order.given, { ...base, http }, order.directory)
