import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Agent } from '../src/agent/agent.ts'
import { Keks } from '../src/agent/keks.ts'
import { journalFileName } from '../src/agent/files.ts'
import type { AgentClient, TaskAgent } from '../src/agent/protocol.ts'
import { noCaller } from '../src/agent/task-client.ts'
import { sealedEnd } from '../src/agent/channel/sealed.ts'
import { callHandlers, taskAgent } from '../src/agent/worker/calls.ts'
import { isObject, textOf, type JsonObject } from '../src/base/json.ts'
import type { Ports } from '../src/base/ports.ts'
import { sha256 } from '../src/base/streams.ts'
import type { EventFacts } from '../src/journal/event.ts'
import type { Digest } from '../src/oci/types.ts'
import type { WorkFolder } from '../src/tasks/context.ts'
import { tasks } from '../src/tasks/tasks.ts'
import { chooseCollector } from '../src/tee/collect/index.ts'
import { publishEvent } from './agent.ts'
import { performed } from './performed.ts'
import { testPorts } from './ports.ts'

/** A real agent behind no socket, and what its workers may ask of it. */
export async function agentAlone(): Promise<{ agent: Agent; calls: TaskAgent }> {
  const ports = testPorts()
  const agent = await Agent.start(
    {
      collector: await chooseCollector('sample', ports, {}),
      nonce: '',
      code: { digest: sha256('code') as Digest, source: 'download' },
      journalPath: join(ports.roots.temp, journalFileName),
    },
    ports,
  )
  const end = sealedEnd()
  return { agent, calls: taskAgent(async (name, args) => callHandlers[name](args, agent, end), sealedEnd(), end.to) }
}

/** JCS bytes of an agent's open binding and its evidence, as `setup-cvm-runner` gets them. */
export async function openReportOf(client: AgentClient): Promise<{ binding: Buffer; evidence: Buffer }> {
  const found = await client.task('attest', { trustee: null }, noCaller)
  const report: JsonObject = isObject(found) ? found : {}
  const bytes = (name: string): Buffer => Buffer.from(textOf(report[name] ?? ''), 'base64')
  return { binding: bytes('binding'), evidence: bytes('evidence') }
}

/**
 * Stands in for an agent where a test looks at what tasks do with one: real keys, a list for a journal, and every task in this process with a
 * folder that later ones find again.
 */
export class AgentDouble {
  readonly keks = new Keks(randomBytes)
  readonly events: EventFacts[] = []
  /** Ends before the event of a task is written. */
  killed = false
  readonly client: AgentClient
  readonly #technology: string

  constructor(work: WorkFolder, ports: Ports, technology = 'sample') {
    this.#technology = technology
    const calls = this.#calls()
    const client: Partial<AgentClient> = {
      status: calls.status,
      task: async (name, request, caller) => {
        const task = await tasks[name]()
        const { result, events } = await task.perform(request, { ports, work, agent: calls, caller })
        if (this.killed) throw new Error('killed')
        for (const { facts } of events) this.#record(facts)
        return result
      },
    }
    // What these tasks do not ask is not there.
    this.client = client as AgentClient
  }

  /** As if a KBS had taken the key over. */
  release(uri: string): void {
    const { kind, inputs, outputs, result } = publishEvent(uri)
    this.keks.release({ kind, inputs, outputs, result, ...performed, v: 1, seq: 0, prev: null })
  }

  #record(facts: EventFacts): void {
    const texts = this.events.map((event) => JSON.stringify(event))
    if (!texts.includes(JSON.stringify(facts))) this.events.push(facts)
    this.keks.release({ ...facts, ...performed, v: 1, seq: 0, prev: null })
  }

  #calls(): TaskAgent {
    const keks = this.keks
    const calls: Partial<TaskAgent> = {
      status: async () =>
        ({ keys: keks.uris(), technology: this.#technology, instance: 'ab'.repeat(16) }) as unknown as Awaited<
          ReturnType<TaskAgent['status']>
        >,
      createKey: async (uri, { name, serverKey }) => keks.create(uri, name, serverKey),
      wrap: async (uri, plaintext) => keks.wrap(uri, plaintext),
      unwrap: async (uri, wrapped, iv) => keks.unwrap(uri, wrapped, iv),
      takeKey: async (uri, kbs) => {
        const { key, serverKey } = keks.takeFor(uri, kbs)
        return { bytes: Buffer.from(key), serverKey }
      },
      openReport: async () => ({ binding: Buffer.from('{}'), evidence: Buffer.from('{}') }),
    }
    return calls as TaskAgent
  }
}
