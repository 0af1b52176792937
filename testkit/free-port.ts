import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/** A TCP port that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Waits until nobody listens on a port of all addresses. @throws Error after a minute */
export async function portIsFree(port: number): Promise<void> {
  for (let left = 300; left > 0; left--) {
    const server = createServer()
    const free = await new Promise<boolean>((done) => {
      server.once('error', () => done(false)).listen(port, () => done(true))
    })
    if (free) {
      server.close()
      await once(server, 'close')
      return
    }
    await wait(200)
  }
  throw new Error(`port ${port} is busy`)
}
