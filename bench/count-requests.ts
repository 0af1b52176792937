import { createServer, request, Agent } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/** A proxy on loopback that counts what passes. */
export interface Counter {
  /** `127.0.0.1:PORT` */
  readonly host: string
  /** Requests since the last call. */
  take(): number
  /** Method and kind of target of each request since the last call, with their number: `GET manifest`, `HEAD blob`. */
  takeKinds(): Map<string, number>
  close(): Promise<void>
}

/**
 * Forwards every request to a registry on loopback and counts it. The `Host` header passes unchanged, so that the registry's `Location`
 * leads back here.
 *
 * @param latencyMs time that each request waits before it is passed on, as on a distant line
 */
export async function countRequests(registry: string, latencyMs = 0): Promise<Counter> {
  const [hostname = '', port = ''] = registry.split(':')
  const agent = new Agent({ keepAlive: true })
  let count = 0
  let kinds = new Map<string, number>()
  const server = createServer(async (incoming, answer) => {
    count += 1
    const { method, url: path, headers } = incoming
    const kind = `${method} ${kindOf(path ?? '')}`
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    if (latencyMs > 0) await wait(latencyMs)
    const onward = request({ hostname, port, method, path, headers, agent }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(answer)
    })
    onward.once('error', (error) => answer.destroy(error))
    incoming.pipe(onward)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    take: () => {
      const taken = count
      count = 0
      return taken
    },
    takeKinds: () => {
      const taken = kinds
      kinds = new Map()
      return taken
    },
    close: async () => {
      agent.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** What a path of the distribution API names. */
function kindOf(path: string): string {
  return /\/(manifests\/sha(?:256|512):|manifests|blobs\/uploads|blobs|referrers|tags)/.exec(path)?.[1] ?? 'ping'
}
