import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { Duplex } from 'node:stream'
import { z } from 'zod'
import { InputError, InternalError, VerificationError } from '../base/errors.ts'
import { parseJson, type JsonValue } from '../base/json.ts'
import type { Log, Ports } from '../base/ports.ts'
import type { Caller } from '../agent/caller.ts'
import { asJson, type TaskContext, type WorkFolder } from './context.ts'
import { tasks } from './tasks.ts'
import { sealedEnd, type SealedEnd } from '../agent/channel/sealed.ts'
import { Peer } from '../agent/channel/peer.ts'
import { taskAgent } from '../agent/worker/calls.ts'
import { taskTable, type TaskName } from '../agent/worker/table.ts'

/** Milliseconds that an agent may take to close its end after a result. */
const lingerMs = 10_000
const instanceForm = /^[0-9a-f]{32}$/
const names = Object.keys(taskTable) as [TaskName, ...TaskName[]]
const taskSchema = z.strictObject({
  task: z.enum(names),
  /** Names the job: its tasks share a folder. */
  instance: z.string().regex(instanceForm),
  /** Public key of the agent's end: what it alone shall read is sealed for it. */
  to: z.string(),
  request: z.json(),
})

/**
 * A worker's process: does one task for the agent that it is connected to, and ends. Standard input and output are the connection, whether a
 * pipe of the agent or the socket that a listener took; its log goes to standard error.
 */
export async function main(made: Ports): Promise<void> {
  const well = await serveWorker(Duplex.from({ readable: process.stdin, writable: process.stdout }), made)
  process.exit(well ? 0 : 1)
}

/**
 * Does one task over a connection, until the agent ends it.
 *
 * @returns whether it ended well: the result is written, and nothing was left undone
 */
export async function serveWorker(duplex: Duplex, made: Ports): Promise<boolean> {
  let started = false
  let well = false
  let over = false
  return new Promise((resolve) => {
    const peer: Peer = new Peer(duplex, {
      first: 2,
      handle: async (op, { value }) => {
        if ((op !== 'task' && op !== 'forget') || started)
          throw new VerificationError('role-mismatch', 'a worker does one task', { subject: op })
        started = true
        try {
          const outcome = op === 'task' ? await work(value, made, peer) : await forget(value, made)
          peer.note({ hosts: [...made.http.hosts()] })
          well = true
          return { value: outcome }
        } finally {
          over = true
        }
      },
      answered: () => {
        if (over) void finish()
      },
    })
    const finish = async (): Promise<void> => {
      // The last word: who sees no exit code believes no result without it.
      if (well) peer.note({ done: true })
      // Whoever ends first could break what is still under way to it, so the agent closes first.
      await Promise.race([peer.closed, new Promise<void>((late) => setTimeout(late, lingerMs).unref())])
      await peer.end()
      resolve(well)
    }
    // An agent that goes away takes its worker with it; what the task started dies with this process or its namespace. One that had no task
    // for a worker started ahead ends it so.
    void peer.closed.then(() => {
      if (!over) resolve(!started)
    })
  })
}

/** Removes what the tasks of a job that has ended left: only their own user can. */
async function forget(value: JsonValue, made: Ports): Promise<JsonValue> {
  const { instance } = taskSchema.pick({ instance: true }).parse(value)
  await rm(join(workRoot(made), instance), { recursive: true, force: true })
  return null
}

async function work(value: JsonValue, made: Ports, peer: Peer): Promise<JsonValue> {
  const { task: name, instance, to, request } = taskSchema.parse(value)
  const own = sealedEnd()
  const work = await workFolder(made, instance)
  const temp = await work.path('temp', 'x').then(dirname)
  const ports: Ports = {
    ...made,
    log: remoteLog(peer),
    roots: { ...made.roots, cwd: work.directory, temp },
    remote: {
      layout: async (args, body) => {
        const answer = await peer.call('layout', args, body)
        return { value: answer.value, body: answer.body }
      },
      credential: async (host, repository) => {
        const { value } = await peer.call('credential', { host, repository, to: own.to })
        return typeof value === 'string' ? parseJson(own.open(value).toString('utf8'), 'credential') : null
      },
    },
  }
  const context: TaskContext = {
    ports,
    work,
    agent: taskAgent(async (call, args) => (await peer.call(`agent/${call}`, args)).value, own, to),
    caller: remoteCaller(peer, own),
  }
  const task = await tasks[name]()
  return asJson(await task.perform(request, context))
}

function remoteCaller(peer: Peer, own: SealedEnd): Caller {
  return {
    fetch: async (name) => (await peer.call('fetch', { name })).body,
    secret: async (name) => {
      const { value } = await peer.call('secret', { name, to: own.to })
      return typeof value === 'string' ? own.open(value) : null
    },
    deliver: async (name, bytes) => {
      await peer.call('deliver', { name }, bytes)
    },
  }
}

function remoteLog(peer: Peer): Log {
  const say = (level: string) => (text: string) => peer.note({ level, text })
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    progress: say('progress'),
    mask: say('mask'),
    group: (title, fn) => {
      peer.note({ level: 'info', text: title })
      return fn()
    },
  }
}

function workRoot({ env }: Ports): string {
  const root = env['SEALWRIGHT_WORKER_DIRECTORY'] ?? env['STATE_DIRECTORY']
  if (root !== undefined && isAbsolute(root)) return root
  throw new InternalError('no folder was named for the worker')
}

/** The folder that the tasks of one job share: below the one that the agent or the unit named. */
async function workFolder(ports: Ports, instance: string): Promise<WorkFolder & { directory: string }> {
  const root = workRoot(ports)
  const directory = join(root, instance)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  // A machine runs one job at a time: what another left is of no use to anyone.
  for (const name of await readdir(root))
    if (name !== instance && instanceForm.test(name)) await rm(join(root, name), { recursive: true, force: true })
  return {
    directory,
    path: async (...parts) => {
      const full = resolve(directory, ...parts)
      if (relative(directory, full).startsWith('..'))
        throw new InputError('input-invalid', `${parts.join('/')} leaves the folder`)
      await mkdir(dirname(full), { recursive: true, mode: 0o700 })
      return full
    },
  }
}
