import type { Duplex } from 'node:stream'
import { errorRecord, TransportError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonValue } from '../../base/json.ts'
import { errorFromRecord } from '../error-record.ts'
import { frameKinds, readFrames, writeFrame, type Frame } from '../channel/frames.ts'
import { rightsOf, type AgentCall, type TaskName } from './table.ts'

/** Stream of the task itself, on both connections. */
export const taskStream = 1
const callPrefix = 'agent/'

export interface RelayOptions {
  task: TaskName
  caller: Duplex
  /** What the caller sends, from after the request on. */
  frames: AsyncIterable<Frame>
  worker: Duplex
  /** Answers a call of the worker to its agent. */
  call: (name: AgentCall, args: JsonValue) => Promise<unknown>
}

/**
 * Stands between the step and the worker while a task runs. Calls to the agent are answered here, by the task's rights; all else that the
 * worker asks goes to the step, byte for byte, with its own flow control. The step can ask nothing: it only answers.
 *
 * @returns `result`: what the worker gave, or TransportError `agent-error` when step or worker goes away before; `done`: whether the worker
 * said after its result that it has done everything, known when its side of the connection has ended
 */
export function relay(options: RelayOptions): { result: Promise<JsonValue>; done: Promise<boolean> } {
  const theirs = new Set<number>()
  let done: Promise<boolean> = Promise.resolve(false)
  const result = new Promise<JsonValue>((resolve, reject) => {
    const lost = (who: string): TransportError =>
      new TransportError('agent-error', `the ${who} of the task went away before it ended`, { subject: options.task })
    done = fromWorker(options, theirs, resolve, reject).then(
      (said) => {
        reject(lost('worker'))
        return said
      },
      (error: unknown) => {
        // A pipe or socket that broke says less than that the worker is gone.
        reject(error instanceof VerificationError ? error : lost('worker'))
        return false
      },
    )
    void fromCaller(options, theirs).then(
      () => reject(lost('caller')),
      () => reject(lost('caller')),
    )
  })
  return { result, done }
}

async function fromWorker(
  { task, caller, worker, call }: RelayOptions,
  theirs: Set<number>,
  resolve: (result: JsonValue) => void,
  reject: (error: Error) => void,
): Promise<boolean> {
  const mine = new Set<number>()
  let [given, done] = [false, false]
  let result: JsonValue | undefined
  const { calls } = rightsOf(task)
  for await (const frame of readFrames(worker)) {
    const { kind, stream } = frame
    if (stream === taskStream) {
      if (kind === frameKinds.reply) result = parseJson(text(frame), 'result')
      // Whole only with its end.
      if (kind === frameKinds.end && result !== undefined) {
        resolve(result)
        given = true
      }
      if (kind === frameKinds.fail) reject(errorFromRecord(parseJson(text(frame), 'result')))
      continue
    }
    if (kind === frameKinds.note && isDone(frame)) {
      done = given
      // It ends when its input does: nothing that is under way to it can then break the connection.
      worker.end()
      continue
    }
    if (mine.has(stream)) continue
    const request = kind === frameKinds.open ? parseJson(text(frame), 'call') : null
    const op = isObject(request) && typeof request['op'] === 'string' ? request['op'] : ''
    if (!op.startsWith(callPrefix)) {
      if (kind === frameKinds.open) theirs.add(stream)
      await write(caller, frame)
      continue
    }
    mine.add(stream)
    const name = calls.find((item) => item === op.slice(callPrefix.length))
    const args = isObject(request) ? (request['value'] ?? null) : null
    void answer(worker, stream, async () => {
      if (name !== undefined) return call(name, args)
      throw new VerificationError('role-mismatch', `a worker of ${task} may not ask for ${op}`, { subject: op })
    })
  }
  return done
}

/** The last word of a worker (src/tasks/worker.ts). A listener's connection shows no exit code. */
function isDone(frame: Frame): boolean {
  const note = parseJson(text(frame), 'note')
  return isObject(note) && note['done'] === true
}

async function answer(worker: Duplex, stream: number, run: () => Promise<unknown>): Promise<void> {
  try {
    const value = Buffer.from(JSON.stringify(await run()))
    await write(worker, { kind: frameKinds.reply, stream, payload: value })
    await write(worker, { kind: frameKinds.end, stream, payload: Buffer.alloc(0) })
  } catch (error) {
    await write(worker, { kind: frameKinds.fail, stream, payload: Buffer.from(JSON.stringify(errorRecord(error))) })
  }
}

/**
 * A step that opens a stream of its own would hand the worker a second task; one that answers a stream which was not opened to it would
 * answer in the agent's place.
 */
async function fromCaller({ frames, worker }: RelayOptions, theirs: ReadonlySet<number>): Promise<void> {
  for await (const frame of frames) {
    if (frame.kind === frameKinds.open || frame.kind === frameKinds.note || !theirs.has(frame.stream)) continue
    // The worker has given its result, and wants nothing more of the step.
    if (worker.writableEnded) continue
    await write(worker, frame)
  }
}

function write(to: Duplex, frame: Frame): Promise<void> | undefined {
  // A worker whose result is there reads no more: a late credit would only break its connection.
  if (to.writableEnded || to.destroyed) return undefined
  if (writeFrame(to, frame)) return undefined
  return new Promise((resolve) => {
    const done = (): void => {
      to.off('drain', done).off('close', done)
      resolve()
    }
    to.on('drain', done).on('close', done)
  })
}

function text({ payload }: Frame): string {
  return payload.toString('utf8')
}
