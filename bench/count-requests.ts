import { createServer, request } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

/** A proxy on loopback that counts what passes. */
export interface Counter {
  /** `127.0.0.1:PORT` */
  readonly host: string
  /** Requests since the last call. */
  take(): number
  close(): Promise<void>
}

/**
 * Forwards every request to a registry on loopback and counts it. The `Host` header passes unchanged, so that the registry's `Location`
 * leads back here.
 */
export async function countRequests(registry: string): Promise<Counter> {
  const [hostname = '', port = ''] = registry.split(':')
  let count = 0
  const server = createServer((incoming, answer) => {
    count += 1
    const { method, url: path, headers } = incoming
    const onward = request({ hostname, port, method, path, headers }, (response) => {
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
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
