import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { duplexPair, type Duplex } from 'node:stream'
import type { Agent } from '../../src/agent/agent.ts'
import { frameBytes, frameKinds, readFrames, type Frame } from '../../src/agent/channel/frames.ts'
import { sealedEnd } from '../../src/agent/channel/sealed.ts'
import { Peer, type Handler } from '../../src/agent/channel/peer.ts'
import { mostTasks, serveTask } from '../../src/agent/worker/serve-task.ts'
import type { StartWorker } from '../../src/agent/worker/start.ts'
import { agentCalls, taskTable, type TaskName } from '../../src/agent/worker/table.ts'
import { serve } from '../../src/agent/server.ts'
import { taskProtocol } from '../../src/agent/socket-server.ts'
import { runTask, noCaller } from '../../src/agent/task-client.ts'
import { isObject, textOf, type JsonValue } from '../../src/base/json.ts'
import { parseJournal, type JournalEvent } from '../../src/journal/event.ts'
import { buildEvent } from '../../testkit/agent.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { agentAlone } from '../../testkit/task-agent.ts'

/** What a worker does with its task, in a test's words. */
type Work = (ask: Peer['call'], peer: Peer) => Promise<JsonValue>

let agent: Agent
beforeEach(async () => {
  ;({ agent } = await agentAlone())
})
const events = (): JournalEvent[] => parseJournal(agent.journal()).slice(1)
const { kind, inputs, outputs, result } = buildEvent()
const built = { facts: { kind, inputs, outputs, result }, isolation: { steps: 'no-steps', network: 'none' } }
const outcome: JsonValue = JSON.parse(JSON.stringify({ result: 'done', events: [built] })) as JsonValue

interface Scene {
  /** The step's end, and what came out of the whole. */
  caller: Duplex
  served: Promise<void>
  /** The worker's own end, and whether it was killed. */
  worker: { raw: Duplex; killed: boolean; started: number; errors: Error[] }
}

/** One task between a step and a worker of the test. @param well how the worker's process ends */
function scene(name: string, work: Work, well: boolean | Promise<boolean> = true): Scene {
  const [caller, callerSide] = duplexPair()
  const [agentSide, raw] = duplexPair()
  const worker: Scene['worker'] = { raw, killed: false, started: 0, errors: [] }
  agentSide.on('error', (error: Error) => worker.errors.push(error))
  const start: StartWorker = async () => {
    worker.started++
    let over: (value: boolean | Promise<boolean>) => void = () => {}
    const ended = new Promise<boolean>((resolve) => {
      over = resolve
    })
    const peer: Peer = new Peer(raw, {
      first: 2,
      handle: async (op) => {
        if (op !== 'task') throw new Error('a second task')
        return { value: await work((...args) => peer.call(...args), peer) }
      },
      answered: () => {
        peer.note({ done: true })
        // As a worker does: the agent closes first.
        void peer.closed.then(() => peer.end())
        over(well)
      },
    })
    const kill = (): void => {
      worker.killed = true
      agentSide.destroy()
    }
    return { duplex: agentSide, ended, kill }
  }
  return { caller, served: serveTask(name, callerSide, { agent, start, queue: (run) => run() }), worker }
}

function step(caller: Duplex, handle: Handler = async () => ({ value: null })): Promise<JsonValue> {
  return new Peer(caller, { first: 1, handle }).call('task', {}).then(({ value }) => value)
}

test('a result and a worker that ended well: the event stands as the agent’s own work, then the step has its answer', async () => {
  const { caller, served, worker } = scene('build', async (ask) => {
    expect((await ask('fetch', { name: 'context' })).value).toBe('context of the step')
    return outcome
  })
  const asked: JsonValue[] = []
  const answer = step(caller, async (op, { value }) => {
    asked.push([op, value])
    return { value: 'context of the step' }
  })
  expect(await answer).toBe('done')
  await served
  expect(asked).toEqual([['fetch', { name: 'context' }]])
  expect(events()).toMatchObject([{ kind: 'build', performer: 'agent', isolation: { worker: 'same-user' } }])
  expect([worker.started, worker.killed]).toEqual([1, true])
})

test.each([false, Promise.resolve(false)])('a result, then an exit code that is not 0: no event', async (well) => {
  const { caller, served } = scene('build', async () => outcome, well)
  await expect(step(caller)).rejects.toMatchObject({ code: 'agent-error' })
  await served
  expect(events()).toEqual([])
})

test('what the step sends after the result breaks nothing: the worker has ended well all the same', async () => {
  let late: () => void = () => {}
  const sent = new Promise<boolean>((resolve) => {
    late = () => resolve(true)
  })
  const { caller, served, worker } = scene(
    'build',
    async (ask) => {
      const { body } = await ask('fetch', { name: 'context' })
      for await (const chunk of body) expect(chunk).toBeDefined()
      return outcome
    },
    sent,
  )
  const answer = step(caller)
  while (!worker.raw.readableEnded) await new Promise((resolve) => setImmediate(resolve))
  // Credits and ends of a stream that the worker had opened.
  const credit = Buffer.from([0, 0, 1, 0])
  for (let i = 0; i < 100; i++) caller.write(frameBytes(frameKinds.credit, 2, credit))
  caller.write(frameBytes(frameKinds.end, 2, Buffer.alloc(0)))
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
  late()
  expect(await answer).toBe('done')
  await served
  expect(worker.errors).toEqual([])
  expect(events()).toHaveLength(1)
})

test('a worker that fails: its error reaches the step with its class, and there is no event', async () => {
  const { caller, served } = scene('build', async () => {
    const { VerificationError } = await import('../../src/base/errors.ts')
    throw new VerificationError('source-mismatch', 'another commit', { subject: 'HEAD' })
  })
  await expect(step(caller)).rejects.toMatchObject({ code: 'source-mismatch', exitCode: 1, subject: 'HEAD' })
  await served
  expect(events()).toEqual([])
})

test('a worker that goes away before its result: no event, an error for the step', async () => {
  const { caller, served, worker } = scene('build', async () => {
    worker.raw.destroy()
    return outcome
  })
  await expect(step(caller)).rejects.toMatchObject({ code: 'agent-error' })
  await served
  expect(events()).toEqual([])
})

test('a step that goes away: its worker is killed, and there is no event', async () => {
  let begun: () => void = () => {}
  const working = new Promise<void>((resolve) => {
    begun = resolve
  })
  const { caller, served, worker } = scene('build', async () => {
    begun()
    return new Promise(() => {})
  })
  const asked = step(caller)
  asked.catch(() => {})
  await working
  caller.destroy()
  await served
  expect(worker.killed).toBe(true)
  expect(events()).toEqual([])
})

describe('what a worker may ask of its agent', () => {
  const uri = 'kbs:///default/image/key'
  const kbs = 'https://kbs.example'
  const args: Partial<Record<string, JsonValue>> = {
    'create-key': { uri, kbs, serverKey: null },
    'take-key': { uri, kbs },
  }

  test.each(
    Object.entries(taskTable).flatMap(([task, { calls }]) => {
      const allowed: readonly string[] = calls
      return agentCalls.map((name) => [task, name, allowed.includes(name)] as const)
    }),
  )('%s asks for %s: %s', async (task, name, allowed) => {
    agent.keks.create(uri, kbs, null)
    let answer: unknown = null
    const { caller, served } = scene(task, async (ask) => {
      answer = await ask(`agent/${name}`, args[name] ?? {}).then(
        () => 'answered',
        (error: unknown) => (error as { code: string }).code,
      )
      return { result: null, events: [] }
    })
    const asked: string[] = []
    await step(caller, async (op) => {
      asked.push(op)
      return { value: {} }
    })
    await served
    if (allowed) expect(answer).not.toBe('role-mismatch')
    else expect(answer).toBe('role-mismatch')
    // Nothing of it is shown to the step.
    expect(asked).toEqual([])
  })

  test('the key leaves for publish alone, and there for its KBS alone', async () => {
    agent.keks.create(uri, kbs, null)
    const own = sealedEnd()
    const take = async (task: TaskName, where: string): Promise<JsonValue> => {
      const { caller, served } = scene(task, async (ask) => {
        const key = await ask('agent/take-key', { uri, kbs: where, to: own.to }).then(
          ({ value }) => value,
          (error: unknown) => (error as { code: string }).code,
        )
        return { result: key, events: [] }
      })
      const given = await step(caller)
      await served
      return given
    }
    const given = await take('publish', kbs)
    expect(given).toEqual({ sealed: expect.any(String) as string, serverKey: null })
    const sealed = isObject(given) ? textOf(given['sealed'] ?? '') : ''
    expect(own.open(sealed)).toEqual(agent.keks.takeFor(uri, kbs).key)
    expect(() => sealedEnd().open(sealed)).toThrow('was not sealed for this end')
    expect(await take('publish', 'https://other.example')).toBe('role-mismatch')
    expect(await take('sbom', kbs)).toBe('role-mismatch')
    expect(await take('build', kbs)).toBe('role-mismatch')
  })

  test.each(['agent/nothing', 'agent/', 'agent/constructor'])('%s is no call', async (op) => {
    const { caller, served } = scene('publish', async (ask) => {
      await expect(ask(op, {})).rejects.toMatchObject({ code: 'role-mismatch' })
      return { result: null, events: [] }
    })
    await step(caller)
    await served
  })

  test('an event of another kind than the task’s: no event at all', async () => {
    const foreign = { ...built, facts: { ...built.facts, kind: 'verify' } }
    const given = JSON.parse(JSON.stringify({ result: 1, events: [built, foreign] })) as JsonValue
    const { caller, served } = scene('build', async () => given)
    await expect(step(caller)).rejects.toMatchObject({ code: 'role-mismatch' })
    await served
    expect(events()).toEqual([])
  })
})

describe('a hostile step', () => {
  const open = (stream: number, op: string): Buffer =>
    frameBytes(frameKinds.open, stream, Buffer.from(JSON.stringify({ op, value: {} })))
  const ofTask = async (caller: Duplex): Promise<Frame> => {
    for await (const frame of readFrames(caller))
      if (frame.stream === 1 && (frame.kind === frameKinds.reply || frame.kind === frameKinds.fail)) return frame
    throw new Error('the connection ended')
  }

  test('its second task, its calls and its notes are dropped: the worker sees the first alone', async () => {
    const seen: unknown[] = []
    const { caller, served, worker } = scene('build', async (_ask, peer) => {
      void peer
      await new Promise((resolve) => setImmediate(resolve))
      return outcome
    })
    worker.raw.on('data', (chunk: Buffer) => seen.push(chunk.toString('latin1')))
    caller.write(open(1, 'task'))
    for (const stream of [1, 2, 3, 4, 5, 99]) caller.write(open(stream, 'task-again'))
    caller.write(open(7, 'agent/take-key'))
    caller.write(frameBytes(frameKinds.note, 0, Buffer.from('{"text":"a note of the step"}')))
    caller.write(frameBytes(frameKinds.reply, 1, Buffer.from('"forged"')))
    expect((await ofTask(caller)).payload.toString()).toBe('"done"')
    await served
    expect(seen.join()).toContain('"op":"task"')
    for (const word of ['task-again', 'take-key', 'a note', 'forged']) expect(seen.join()).not.toContain(word)
  })

  test('it cannot answer in the agent’s place, neither before the worker asks nor after', async () => {
    let told: JsonValue = null
    const { caller, served } = scene('build', async (ask) => {
      // Build has no right to it: whatever else comes is the step's.
      told = await ask('agent/status', {}).then(
        ({ value }) => value,
        (error: unknown) => (error as { code: string }).code,
      )
      return outcome
    })
    caller.write(open(1, 'task'))
    for (let stream = 2; stream < 100; stream += 2)
      caller.write(frameBytes(frameKinds.reply, stream, Buffer.from('"forged"')))
    expect((await ofTask(caller)).payload.toString()).toBe('"done"')
    await served
    expect(told).toBe('role-mismatch')
  })

  test.each([
    ['no task', open(1, 'other')],
    ['another stream', open(3, 'task')],
    ['an answer', frameBytes(frameKinds.reply, 1, Buffer.from('{"op":"task","value":{}}'))],
    ['a task without a request', frameBytes(frameKinds.open, 1, Buffer.from('{"op":"task"}'))],
  ])('a connection that begins with %s starts no worker', async (_what, bytes) => {
    const { caller, served, worker } = scene('build', async () => outcome)
    caller.write(bytes)
    const answer = await ofTask(caller)
    expect(answer.kind).toBe(frameKinds.fail)
    expect(JSON.parse(answer.payload.toString())).toMatchObject({ code: 'format-invalid' })
    await served
    expect([worker.started, events()]).toEqual([0, []])
  })

  test.each(['take-key', 'constructor', 'toString'])('the task %s is not there', async (name) => {
    const { caller, served, worker } = scene(name, async () => outcome)
    await expect(step(caller)).rejects.toMatchObject({ code: 'not-found' })
    await served
    expect(worker.started).toBe(0)
  })

  test('more tasks at a time than allowed are refused, and one that ended makes room', async () => {
    const socket = join(scratch('s'), 'a.sock')
    const release: (() => void)[] = []
    const start: StartWorker = async () => {
      const [duplex, raw] = duplexPair()
      let over: (well: boolean) => void = () => {}
      const ended = new Promise<boolean>((resolve) => {
        over = resolve
      })
      const handle: Handler = async () => {
        await new Promise<void>((resolve) => release.push(resolve))
        return { value: { result: null, events: [] } }
      }
      const answered = (): void => {
        peer.note({ done: true })
        void peer.closed.then(() => peer.end())
        over(true)
      }
      const peer: Peer = new Peer(raw, { first: 2, handle, answered })
      peer.closed.catch(() => {})
      return { duplex, ended, kill: () => void duplex.destroy() }
    }
    const ports = testPorts()
    const stop = { forget: () => Promise.resolve(), end: () => {}, jobHasEnded: () => Promise.resolve(false) }
    const server = await serve(agent, socket, ports.log, stop, start)
    const task = (): Promise<JsonValue> => runTask(socket, 'build', {}, noCaller, ports)
    // Connections that send nothing hold no place.
    const idle = await Promise.all(Array.from({ length: mostTasks }, () => upgraded(socket)))
    const running = Array.from({ length: mostTasks }, task)
    while (release.length < mostTasks) await new Promise((resolve) => setImmediate(resolve))
    await expect(task()).rejects.toMatchObject({ code: 'state-conflict' })
    release.shift()?.()
    await Promise.race(running)
    const next = task()
    while (release.length < mostTasks) await new Promise((resolve) => setImmediate(resolve))
    for (const one of release) one()
    expect(await Promise.all([...running, next])).toEqual(Array.from({ length: mostTasks + 1 }, () => null))
    for (const connection of idle) connection.destroy()
    const many = await Promise.all(Array.from({ length: 80 }, () => upgraded(socket)))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(many.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length).toBeGreaterThanOrEqual(16)
    for (const connection of many) connection.destroy()
    server.close()
    server.closeAllConnections()
  })

  test.each([
    ['an unknown kind of frame', Buffer.from([99, 0, 0, 0, 1, 0, 0, 0, 0])],
    ['a frame over the limit', Buffer.from([1, 0, 0, 0, 1, 255, 255, 255, 255])],
    ['a task that is not JSON', frameBytes(frameKinds.open, 1, Buffer.from('{'))],
    ['a frame that belongs to no task', frameBytes(frameKinds.credit, 1, Buffer.alloc(4))],
  ])('%s as first word: the caller gets a reason, and no worker starts', async (_name, bytes) => {
    const { caller, served, worker } = scene('build', async () => outcome)
    caller.write(bytes)
    const frames: Frame[] = []
    for await (const frame of readFrames(caller)) frames.push(frame)
    await served
    expect(frames.map(({ kind }) => kind)).toEqual([frameKinds.fail])
    expect(JSON.parse(frames[0]?.payload.toString() ?? '')).toMatchObject({ code: 'format-invalid' })
    expect(worker.started).toBe(0)
  })
})

/** A connection that the agent has handed over to tasks, and that sends none. */
async function upgraded(socketPath: string): Promise<Duplex> {
  const headers = { connection: 'Upgrade', upgrade: taskProtocol }
  const request = httpRequest({ socketPath, path: '/v1/tasks/build', method: 'POST', headers }).end()
  const [, connection] = (await once(request, 'upgrade')) as [unknown, Duplex]
  return connection
}
