import { request as httpRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import { InputError, TransportError } from '../base/errors.ts'
import { isObject, textOf, type JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { collect } from '../base/streams.ts'
import { findCredential } from '../oci/credentials.ts'
import { layoutOperation } from '../oci/remote-layout.ts'
import type { Caller } from './caller.ts'
import { sealFor } from './channel/sealed.ts'
import { Peer, type Handler } from './channel/peer.ts'
import { taskProtocol } from './socket-server.ts'
import type { TaskName } from './worker/table.ts'

const connectMs = 30_000

/** Hands a task to the agent and serves what its worker asks of this step until it has ended. */
export async function runTask(
  socketPath: string,
  name: TaskName,
  request: JsonValue,
  caller: Caller,
  ports: Ports,
): Promise<JsonValue> {
  const connection = await connect(socketPath, name)
  const peer = new Peer(connection, { first: 1, handle: stepHandler(caller, ports), note: (note) => tell(note, ports) })
  const { ending } = ports
  // The agent ends the worker of a caller that went away.
  const end = (): void => void connection.destroy()
  ending?.addEventListener('abort', end)
  try {
    ending?.throwIfAborted()
    return (await peer.call('task', request)).value
  } catch (error) {
    throw ending?.aborted === true ? ending.reason : error
  } finally {
    ending?.removeEventListener('abort', end)
    end()
  }
}

function connect(socketPath: string, name: TaskName): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const lost = (why: string, cause?: unknown): void =>
      reject(
        new TransportError('agent-error', `the agent did not take the task ${name}: ${why}`, { subject: name, cause }),
      )
    const request = httpRequest({
      socketPath,
      path: `/v1/tasks/${name}`,
      method: 'POST',
      headers: { connection: 'Upgrade', upgrade: taskProtocol },
      timeout: connectMs,
    })
    request.on('upgrade', (_response, socket, head) => {
      socket.setTimeout(0)
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    request.on('response', (response) => {
      response.resume()
      lost(`it answered ${response.statusCode ?? 0}`)
    })
    request.on('timeout', () => request.destroy(new Error('no answer in time')))
    request.on('error', (cause) => lost(cause.message, cause))
    request.end()
  })
}

/** What a worker may ask of the step. Nothing else is served. */
function stepHandler(caller: Caller, ports: Ports): Handler {
  return async (op, { value, body }) => {
    const args = isObject(value) ? value : {}
    const name = textOf(args['name'] ?? '')
    switch (op) {
      case 'fetch':
        return { value: null, body: await caller.fetch(name) }
      case 'secret': {
        const secret = await caller.secret(name)
        return { value: secret === null ? null : sealFor(textOf(args['to'] ?? ''), secret, ports.random) }
      }
      case 'deliver':
        await caller.deliver(name, body)
        return { value: null }
      case 'credential': {
        const found = await findCredential(textOf(args['host'] ?? ''), textOf(args['repository'] ?? ''), ports)
        const text = found === null ? null : Buffer.from(JSON.stringify(found))
        return { value: text === null ? null : sealFor(textOf(args['to'] ?? ''), text, ports.random) }
      }
      case 'layout':
        return layoutOperation(args, body, ports)
      default:
        throw new InputError('not-found', 'a step serves no such operation', { subject: op })
    }
  }
}

/** A line of the worker's log, a secret to mask, or the hosts that it contacted. */
function tell(note: JsonValue, { log, http }: Ports): void {
  if (!isObject(note)) return
  const { level, text, hosts } = note
  if (Array.isArray(hosts)) http.also?.(hosts.filter((host) => typeof host === 'string'))
  if (typeof text !== 'string') return
  if (level === 'mask') log.mask(text)
  else if (level === 'debug' || level === 'warn' || level === 'progress') log[level](text)
  else log.info(text)
}

/** A caller that serves nothing: for tasks whose request says all. */
export const noCaller: Caller = {
  fetch: (name) => Promise.reject(notServed(name)),
  secret: () => Promise.resolve(null),
  deliver: async (name, bytes) => {
    await collect(bytes, 0, name)
  },
}

function notServed(name: string): InputError {
  return new InputError('not-found', `nothing is served as "${name}"`, { subject: name })
}
