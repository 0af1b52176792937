import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Ports } from '../base/ports.ts'
import { digestSchema } from '../journal/event.ts'
import { technologies } from '../base/technology.ts'

/** What the starting step writes to the agent's standard input. */
export const startMessageSchema = z.strictObject({
  directory: z.string(),
  entry: z.string(),
  technology: z.enum(['auto', ...technologies]),
  nonce: z.string().max(1024),
  /** Seconds. */
  lifetime: z.int().min(1).max(86_400),
  run: digestSchema,
  /** The job's worker process: the agent ends with it. `start` is its start time, since process ids are used again. */
  watch: z.strictObject({ pid: z.int(), start: z.string() }).nullable(),
  environment: z.record(z.string(), z.string()),
})
export type StartMessage = z.infer<typeof startMessageSchema>

/**
 * The worker of a job on GitHub's runner: our parent, if it is called so. A shell or another runner's process may end before the job does,
 * so nothing else is watched.
 */
export async function parentWatch(ports: Ports): Promise<StartMessage['watch']> {
  const pid = process.ppid
  const name = await readFile(join(ports.roots.proc, String(pid), 'comm'), 'latin1').catch(() => '')
  if (name.trim() !== 'Runner.Worker') return null
  const start = await startTime(pid, ports)
  return start === null ? null : { pid, start }
}

/** Start time of a process in clock ticks since boot (proc(5), `stat` field 22), or null when it is gone. */
export async function startTime(pid: number, ports: Ports): Promise<string | null> {
  const text = await readFile(join(ports.roots.proc, String(pid), 'stat'), 'latin1').catch(() => null)
  // The second field holds the name in parentheses, which may hold anything.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null
}
