import { duplexPair, type Duplex } from 'node:stream'
import { frameBytes, frameKinds, readFrames, type Frame } from '../../../src/agent/channel/frames.ts'
import { relay, taskStream } from '../../../src/agent/worker/relay.ts'
import { serveTask } from '../../../src/agent/worker/serve-task.ts'
import type { RunningWorker } from '../../../src/agent/worker/start.ts'
import type { JournalEvent } from '../../../src/journal/event.ts'
import { buildEvent } from '../../../testkit/agent.ts'

const json = (kind: Frame['kind'], value: object, stream = taskStream): Buffer =>
  frameBytes(kind, stream, Buffer.from(JSON.stringify(value)))
const end = frameBytes(frameKinds.end, taskStream, Buffer.alloc(0))
const done = json(frameKinds.note, { done: true }, 0)

const { kind, inputs, outputs, result } = buildEvent()
const outcome = {
  result: { built: true },
  events: [{ facts: { kind, inputs, outputs, result }, isolation: { steps: 'no-steps', network: 'none' } }],
}
const reply = json(frameKinds.reply, outcome)

/** A worker behind a listener, as the agent sees it: its exit code is not known. */
function workerOf(act: (side: Duplex, frames: Frame[]) => Promise<void>): { worker: RunningWorker; frames: Frame[] } {
  const [agentSide, side] = duplexPair()
  const frames: Frame[] = []
  const ended = new Promise<boolean>((resolve) => {
    agentSide.once('close', () => resolve(true))
  })
  void act(side, frames)
  return { worker: { duplex: agentSide, ended, kill: () => void agentSide.destroy() }, frames }
}

/** Reads until the agent ends its side. */
async function take(side: Duplex, frames: Frame[]): Promise<void> {
  for await (const frame of readFrames(side)) frames.push(frame)
}

async function one(
  act: (side: Duplex, frames: Frame[]) => Promise<void>,
  step: (side: Duplex) => void = () => {},
): Promise<{ events: unknown[]; answers: Frame[]; frames: Frame[] }> {
  const events: unknown[] = []
  const agent = {
    instance: 'ab'.repeat(16),
    perform: async (facts: unknown) => {
      events.push(facts)
      return {} as JournalEvent
    },
  }
  const [agentSide, caller] = duplexPair()
  const { worker, frames } = workerOf(act)
  caller.write(json(frameKinds.open, { op: 'task', value: {} }))
  step(caller)
  const answers: Frame[] = []
  const read = take(caller, answers).catch(() => {})
  await serveTask('build', agentSide, {
    agent: agent as never,
    start: async () => worker,
    queue: (run) => run(),
    endMs: 300,
  })
  await read
  return { events, answers, frames }
}

const last = ({ answers }: { answers: Frame[] }): [number, unknown] => {
  const frame = answers.find(({ stream, kind: of }) => stream === taskStream && of !== frameKinds.end)
  return [frame?.kind ?? 0, JSON.parse(frame?.payload.toString() ?? 'null')]
}

test('a worker that gives its result, says that it is done and closes makes the event', async () => {
  const told = await one(async (side, frames) => {
    side.write(Buffer.concat([reply, end, done]))
    side.end()
    await take(side, frames)
  })
  expect(last(told)).toEqual([frameKinds.reply, { built: true }])
  expect(told.events).toEqual([outcome.events[0]?.facts])
})

test.each<[string, Buffer, string?]>([
  ['is killed before its last word', Buffer.concat([reply, end])],
  ['is killed within its result', reply.subarray(0, reply.length - 1), 'format-invalid'],
  ['is killed before it gives a result', Buffer.alloc(0)],
  ['says that it is done before its result, and no more', Buffer.concat([done, reply, end])],
  ['says something else last', Buffer.concat([reply, end, json(frameKinds.note, { done: 1 }, 0)])],
])('a worker that %s makes no event', async (_title, bytes, code = 'agent-error') => {
  const told = await one(async (side) => {
    side.write(bytes)
    side.end()
    side.resume()
  })
  expect(last(told)).toEqual([frameKinds.fail, expect.objectContaining({ code })])
  expect(told.events).toEqual([])
})

test('a second task of the caller does not reach the worker, nor do its notes', async () => {
  let credit: NodeJS.Timeout | undefined
  const { frames, events } = await one(
    async (side, seen) => {
      const reading = take(side, seen)
      // An answer reaches it on a stream that it opened itself.
      side.write(json(frameKinds.open, { op: 'fetch', value: {} }, 9))
      while (!seen.some(({ stream }) => stream === 9)) await new Promise((resolve) => setTimeout(resolve, 5))
      side.write(Buffer.concat([reply, end, done]))
      side.end()
      await reading
    },
    (caller) => {
      caller.write(json(frameKinds.open, { op: 'task', value: {} }, 3))
      caller.write(json(frameKinds.open, { op: 'task', value: {} }))
      caller.write(json(frameKinds.note, { done: true }, 0))
      caller.write(json(frameKinds.reply, outcome))
      credit = setInterval(() => caller.write(frameBytes(frameKinds.credit, 9, Buffer.alloc(4))), 10)
    },
  )
  clearInterval(credit)
  expect(frames.filter(({ kind: of }) => of === frameKinds.open)).toHaveLength(1)
  expect(frames.filter(({ kind: of }) => of === frameKinds.note || of === frameKinds.reply)).toEqual([])
  expect(events).toHaveLength(1)
})

test('a step that goes away before the result takes the task with it; after the result it cannot', async () => {
  const gone = await one(
    async (side) => {
      side.resume()
    },
    (caller) => void caller.destroy(),
  )
  expect(gone.events).toEqual([])

  const [agentSide, caller] = duplexPair()
  const [side, workerSide] = duplexPair()
  const frames = readFrames(agentSide)
  const call = (): Promise<never> => Promise.reject(new Error('no call'))
  const running = relay({ task: 'build', caller: agentSide, frames, worker: side, call })
  workerSide.write(Buffer.concat([reply, end]))
  expect(await running.result).toEqual(outcome)
  caller.destroy()
  workerSide.end(done)
  expect(await running.done).toBe(true)
})
