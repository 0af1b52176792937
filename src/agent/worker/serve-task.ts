import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { errorRecord, InputError, TransportError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonValue } from '../../base/json.ts'
import { eventFactsSchema } from '../protocol.ts'
import { isolationSchema } from '../../journal/event.ts'
import type { Agent } from '../agent.ts'
import { frameBytes, frameKinds, readFrames, type Frame } from '../channel/frames.ts'
import { sealedEnd } from '../channel/sealed.ts'
import { callHandlers } from './calls.ts'
import { relay, taskStream } from './relay.ts'
import type { RunningWorker, StartWorker } from './start.ts'
import { isTaskName, rightsOf, type TaskName } from './table.ts'

/** What a worker gives when its task is done. */
export const outcomeSchema = z.strictObject({
  result: z.json(),
  events: z.array(
    z.strictObject({ facts: eventFactsSchema, isolation: isolationSchema.pick({ steps: true, network: true }) }),
  ),
})

const usualEndMs = 20_000
/** Milliseconds until the task must have arrived, and until a caller that has its answer must be gone. */
const callerMs = 30_000
/** Tasks of one job at a time: a caller must not fill the machine with processes. */
export const mostTasks = 8

export interface TaskServer {
  agent: Agent
  start: StartWorker
  /** Runs something on the journal in its turn. */
  queue<T>(run: () => Promise<T>): Promise<T>
  /** Milliseconds that a worker may take to end after it gave its result; 20 s by default. */
  endMs?: number
}

/**
 * Runs one task for a caller: a fresh worker, the relay between both, and the events of what it did. An event is written if and only if the
 * result is complete and the worker ended well (TRUST §3), whether the caller is still there or not.
 */
export async function serveTask(name: string, caller: Duplex, server: TaskServer): Promise<void> {
  let worker: RunningWorker | null = null
  // Not destroyed by a frame that cannot be read: its caller gets a reason.
  const frames = readFrames(caller.iterator({ destroyOnReturn: false }))
  caller.on('error', () => {})
  try {
    if (!isTaskName(name)) throw new InputError('not-found', 'there is no such task', { subject: name })
    const request = requestOf(await firstFrame(frames))
    worker = await server.start()
    worker.duplex.on('error', () => {})
    const end = sealedEnd()
    const task = { task: name, instance: server.agent.instance, to: end.to, request }
    send(worker.duplex, frameKinds.open, { op: 'task', value: task })
    send(worker.duplex, frameKinds.end, null)
    const { result, done } = relay({
      task: name,
      caller,
      frames: { [Symbol.asyncIterator]: () => frames },
      worker: worker.duplex,
      call: (call, args) => callHandlers[call](args, server.agent, end),
    })
    const outcome = outcomeSchema.parse(await result)
    await endedWell(worker, done, name, server.endMs ?? usualEndMs)
    await server.queue(() => record(name, outcome, server.agent))
    send(caller, frameKinds.reply, outcome.result)
    send(caller, frameKinds.end, null)
  } catch (error) {
    send(caller, frameKinds.fail, { ...errorRecord(error) })
  } finally {
    worker?.kill()
    caller.end()
    setTimeout(() => caller.destroy(), callerMs).unref()
  }
}

/** @throws TransportError `timeout` for a caller that says nothing */
async function firstFrame(frames: AsyncGenerator<Frame>): Promise<Frame | void> {
  const late = new AbortController()
  const silent = sleep(callerMs, null, { signal: late.signal, ref: false }).then(() => {
    throw new TransportError('timeout', `no task arrived within ${callerMs / 1000} s`, { subject: 'task' })
  })
  silent.catch(() => {})
  try {
    return (await Promise.race([frames.next(), silent])).value
  } finally {
    late.abort()
  }
}

function requestOf(frame: Frame | void): JsonValue {
  const value =
    frame?.kind === frameKinds.open && frame.stream === taskStream
      ? parseJson(frame.payload.toString('utf8'), 'the task')
      : null
  if (isObject(value) && value['op'] === 'task' && value['value'] !== undefined) return value['value']
  throw new VerificationError('format-invalid', 'the connection does not begin with a task', { subject: 'task' })
}

/** A worker that gave a result and then failed, or hangs, may have done less than it said. */
async function endedWell(
  { ended }: RunningWorker,
  done: Promise<boolean>,
  task: TaskName,
  endMs: number,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), endMs)
  })
  const both = Promise.all([ended, done]).then((said) => said.every(Boolean))
  const well = await Promise.race([both, late])
  clearTimeout(timer)
  if (!well) throw new TransportError('agent-error', `the worker of ${task} did not end well`, { subject: task })
}

async function record(task: TaskName, { events }: z.infer<typeof outcomeSchema>, agent: Agent): Promise<void> {
  const allowed = rightsOf(task).events
  const foreign = events.find(({ facts }) => !allowed.includes(facts.kind))
  if (foreign !== undefined) {
    throw new VerificationError('role-mismatch', `a worker of ${task} gives no ${foreign.facts.kind} event`, {
      subject: task,
    })
  }
  for (const { facts, isolation } of events) await agent.perform(facts, isolation)
}

function send(to: Duplex, kind: Frame['kind'], value: JsonValue | null): void {
  const payload = kind === frameKinds.end ? Buffer.alloc(0) : Buffer.from(JSON.stringify(value))
  to.write(frameBytes(kind, taskStream, payload))
}
