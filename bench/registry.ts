import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** Starts our registry (in memory) on a free loopback port. */
export async function startRegistry(program: string): Promise<{ host: string; close(): Promise<void> }> {
  const child = spawn(program, ['-addr', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'close')
  for await (const line of createInterface(child.stdout)) {
    const host = /^listening on (\S+)$/.exec(line)?.[1]
    if (host === undefined) continue
    child.stdout.resume()
    return {
      host,
      close: async () => {
        child.kill()
        await ended
      },
    }
  }
  throw new Error(`${program} did not start`)
}
