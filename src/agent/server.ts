import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Log } from '../base/ports.ts'
import type { Agent } from './agent.ts'
import { operations } from './operations.ts'
import { noSuchOperation, serveSocket, type SocketRequest } from './socket-server.ts'
import { mostTasks, serveTask } from './worker/serve-task.ts'
import type { StartWorker } from './worker/start.ts'
import { InputError, TransportError } from '../base/errors.ts'

/** Connections for tasks that have not sent one yet. */
const mostWaiting = 64

/** What stopping is made of: first nothing leads here any more, then the process ends. */
export interface StopSteps {
  forget(): Promise<void>
  end(): void
  /** The agent has outlived its job and only has not noticed yet: it does nothing more for anybody. */
  jobHasEnded(): Promise<boolean>
}

/**
 * Serves one agent on a Unix socket. Requests run one after another: the journal has one order.
 *
 * @param mode of the socket: 0600 for an agent of the job's own user, 0660 for the machine's, whose folder gives the group
 */
export async function serve(
  agent: Agent,
  socket: string,
  log: Log,
  stop: StopSteps,
  start: StartWorker,
  mode = 0o600,
): Promise<Server> {
  let last: Promise<unknown> = Promise.resolve()
  const queue = <T>(run: () => Promise<T>): Promise<T> => {
    const done = last.then(run)
    last = done.catch(() => {})
    return done
  }
  let [running, waiting] = [0, 0]
  const task = async (name: string, connection: Duplex): Promise<void> => {
    if (await stop.jobHasEnded()) {
      connection.destroy()
      await stop.forget()
      return stop.end()
    }
    // Connections that have sent no task yet hold no place of a worker, but each may hold a frame in memory.
    if (waiting >= mostWaiting) {
      connection.destroy()
      return
    }
    waiting += 1
    let [waits, counted] = [true, false]
    const arrived = (): void => {
      if (waits) waiting -= 1
      waits = false
    }
    const limited: StartWorker = () => {
      arrived()
      if (running < mostTasks) {
        counted = true
        running += 1
        return start()
      }
      throw new InputError('state-conflict', `${mostTasks} tasks of this job run already`, {
        subject: name,
        remedy: 'Wait until one has ended.',
      })
    }
    await serveTask(name, connection, { agent, start: limited, queue }).finally(() => {
      arrived()
      if (counted) running -= 1
    })
  }
  const operate = async ({ operation: name, body, afterwards }: SocketRequest): Promise<unknown> => {
    if (name !== 'stop' && (await stop.jobHasEnded())) {
      await stop.forget()
      afterwards(stop.end)
      throw new TransportError('agent-error', 'the job of this agent has ended, and the agent with it', {
        subject: 'agent',
        remedy: 'Run setup-cvm-runner in this job.',
      })
    }
    if (name === 'stop') {
      // Who asked may start another agent as soon as it has its answer: nothing must point here any more.
      await stop.forget()
      afterwards(stop.end)
      return {}
    }
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined
    if (operation === undefined) throw noSuchOperation(name)
    // Read before queueing: a slow body must not hold up the others.
    const read = await body(operation.limit)
    return queue(() => operation.run(read, agent))
  }
  return serveSocket({ path: socket, mode }, log, operate, task)
}
