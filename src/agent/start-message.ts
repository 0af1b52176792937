import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Ports } from '../base/ports.ts'
import { digestSchema } from '../journal/event.ts'
import { technologies } from '../base/technology.ts'
import { defaultChoice, teeChoiceSchema } from '../tee/choice.ts'

/** A job's worker process. `start` is its start time (proc(5)), since process ids are used again. */
export const watchSchema = z.strictObject({ pid: z.int(), start: z.string() })
export type Watch = z.infer<typeof watchSchema>

/** What the starting step writes to the agent's standard input. */
export const startMessageSchema = z.strictObject({
  directory: z.string(),
  entry: z.string(),
  technology: z.enum(['auto', ...technologies]),
  nonce: z.string().max(1024),
  /** Seconds. */
  lifetime: z.int().min(1).max(86_400),
  run: digestSchema,
  /** The job's worker process: the agent ends with it. */
  watch: watchSchema.nullable(),
  environment: z.record(z.string(), z.string()),
  /** What the machine's admin or the workflow chose of the TEE. */
  tee: teeChoiceSchema.default(defaultChoice),
  /** Set by the machine's agent alone: which job of this boot this is, where its own socket lies, and where its program came from. */
  machine: z
    .strictObject({
      jobs: z.int().min(1),
      socket: z.string(),
      source: z.enum(['image', 'download']),
      /** Socket of the listener that starts workers under a user of their own, or '' for children of the agent. */
      workers: z.string().default(''),
    })
    .nullable()
    .default(null),
})
export type StartMessage = z.infer<typeof startMessageSchema>

/** Between a step's or hook's program and the worker stand a shell or two. */
const mostAncestors = 8

/**
 * The worker of a job on GitHub's runner: the next of our ancestors that is called so. A shell or another runner's process may end before the
 * job does, so nothing else is watched.
 */
export async function parentWatch(ports: Ports, from: number = process.ppid): Promise<Watch | null> {
  let pid = from
  for (let step = 0; step < mostAncestors && pid > 1; step++) {
    const name = await readFile(join(ports.roots.proc, String(pid), 'comm'), 'latin1').catch(() => '')
    if (name.trim() === 'Runner.Worker') {
      const start = await startTime(pid, ports)
      return start === null ? null : { pid, start }
    }
    pid = Number((await statFields(pid, ports))?.[1] ?? 0)
  }
  return null
}

/** Whether the worker that an agent serves has ended; never where none is known. */
export async function hasEnded(watch: Watch | null, ports: Ports): Promise<boolean> {
  return watch !== null && (await startTime(watch.pid, ports)) !== watch.start
}

/** Start time of a process in clock ticks since boot (proc(5), `stat` field 22), or null when it is gone. */
export async function startTime(pid: number, ports: Ports): Promise<string | null> {
  return (await statFields(pid, ports))?.[19] ?? null
}

/** Fields of `stat` from the third on (state, parent …). */
async function statFields(pid: number, ports: Ports): Promise<string[] | null> {
  const text = await readFile(join(ports.roots.proc, String(pid), 'stat'), 'latin1').catch(() => null)
  // The second field holds the name in parentheses, which may hold anything.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? null
}
