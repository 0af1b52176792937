import type { Server } from 'node:http'
import { TransportError } from '../base/errors.ts'
import type { Log } from '../base/ports.ts'
import type { Agent } from './agent.ts'
import { operations } from './operations.ts'
import { noSuchOperation, serveSocket } from './socket-server.ts'

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
export async function serve(agent: Agent, socket: string, log: Log, stop: StopSteps, mode = 0o600): Promise<Server> {
  let queue: Promise<unknown> = Promise.resolve()
  return serveSocket({ path: socket, mode }, log, async ({ operation: name, body, afterwards }) => {
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
    const done = queue.then(() => operation.run(read, agent))
    queue = done.catch(() => {})
    return done
  })
}
