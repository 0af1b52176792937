// A step of a hostile job: speaks to the agent's socket by itself, as the job's user. Prints one JSON value.
import { agentClient } from '../../../src/agent/client.ts'
import { isTaskName } from '../../../src/agent/worker/table.ts'
import { toSealwrightError } from '../../../src/base/errors.ts'
import { parseJson } from '../../../src/base/json.ts'
import type { EventFacts } from '../../../src/journal/event.ts'
import { makePorts } from '../../../src/runner/make-ports.ts'

const [how = '', socket = '', name = '', body = 'null'] = process.argv.slice(2)
const masked: string[] = []
const log = { debug() {}, info() {}, warn() {}, progress() {}, group: <T>(_: string, fn: () => Promise<T>) => fn() }
const ports = makePorts({
  env: process.env,
  cwd: '/',
  log: { ...log, mask: (text: string) => void masked.push(text) } as never,
})
const client = agentClient(socket, ports)
const said: unknown[] = []

const acts: Record<string, () => Promise<unknown>> = {
  append: async () => (await client.append(parseJson(body, 'body') as unknown as EventFacts)).performer,
  post: async () => {
    const response = await ports.http.request(`http://agent/v1/${name}`, { method: 'POST', body, socketPath: socket })
    return (await response.json()) as unknown
  },
  task: async () => {
    if (!isTaskName(name)) throw new Error(`${name} is no task`)
    const done = await client.task(name, parseJson(body, 'body'), {
      fetch: (what) => {
        process.stdout.write(`asked for ${what}\n`)
        return new Promise(() => {})
      },
      secret: async (what) => (what === 'admin-key' ? null : Buffer.from(what)),
      deliver: async (_what, bytes) => {
        for await (const _ of bytes);
      },
    })
    return { done }
  },
}
// A hold without a reason would let the process end.
const hold = setInterval(() => {}, 1000)
const result = await (acts[how] ?? (() => Promise.reject(new Error(how))))().catch((error: unknown) => {
  const { code, message } = toSealwrightError(error)
  return { error: { code, message } }
})
clearInterval(hold)
process.stdout.write(`${JSON.stringify({ result, masked, said })}\n`)
