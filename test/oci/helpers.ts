import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { collect } from '../../src/base/streams.ts'
import type { Ports } from '../../src/base/ports.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { testPorts } from '../../testkit/ports.ts'

export { putImage, storeOf } from './store.ts'

export async function readAll(store: Store, blob: { digest: Digest; size: number }): Promise<string> {
  return (await collect(await store.openBlob(blob), 1 << 24, 'blob')).toString('utf8')
}

/** Code of the error that a promise ends with. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error as { code?: unknown }).code ?? error,
  )
}

export function codeOfSync(fn: () => unknown): unknown {
  try {
    fn()
    return 'none'
  } catch (error) {
    return (error as { code?: unknown }).code ?? error
  }
}

/** Ports whose sleeps are counted and not slept. */
export function hastyPorts(overrides: Partial<Ports> = {}): Ports & { slept: number[] } {
  const slept: number[] = []
  const ports = testPorts(overrides)
  return { ...ports, slept, clock: { ...ports.clock, sleep: async (ms) => void slept.push(ms) } }
}

export type Handler = (request: IncomingMessage, response: ServerResponse, url: string) => void

/** A server for faults that no real registry shows on demand. */
export async function fakeServer(handler: Handler): Promise<{ host: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => handler(request, response, request.url ?? ''))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    host: `127.0.0.1:${address.port}`,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
