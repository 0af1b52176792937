import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { root } from './cli.ts'

/** A time stamp service that runs beside the jobs of the demo, not in them. */
export interface TimeService {
  url: string
  /** Chain of its authority, PEM. */
  pem: string
  end(): void
}

const startedSchema = z.object({ url: z.string(), pem: z.string() })

/**
 * Starts the service. Jobs with a TPM refuse one on loopback, since that is inside of the machine whose time it would state: it then listens on the
 * machine's own address, and stands for another party's.
 *
 * @returns null where this machine has no such address
 */
export async function startTimeService(technology: string): Promise<TimeService | null> {
  const host = technology === 'sample' ? '127.0.0.1' : ownAddress()
  if (host === null) return null
  const child = spawn(process.execPath, [join(root, 'testkit/timestamp/main.ts'), host], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {},
  })
  const lines = createInterface(child.stdout)
  const ended = once(child, 'exit').then(() => {
    throw new Error('the time stamp service of the demo did not start')
  })
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string]
  ended.catch(() => {})
  const { url, pem } = startedSchema.parse(JSON.parse(line))
  // A signal ends the demo by `exit`: the service goes with it.
  const end = (): void => void child.kill()
  process.once('exit', end)
  return { url, pem, end }
}

function ownAddress(): string | null {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? null
}
