import { chmod, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { ZodError } from 'zod'
import { errorRecord, InputError, toSealwrightError, VerificationError } from '../base/errors.ts'
import { parseJson } from '../base/json.ts'
import type { Log } from '../base/ports.ts'
import { collect } from '../base/streams.ts'
import type { Agent } from './agent.ts'
import { operations } from './operations.ts'

/** HTTP status by exit code of the error; the record in the body says the rest. */
const statuses: Readonly<Record<number, number>> = { 1: 403, 2: 400, 3: 502, 4: 500 }

/** What stopping is made of: first nothing leads here any more, then the process ends. */
export interface StopSteps {
  forget(): Promise<void>
  end(): void
}

/** Serves one agent on a Unix socket that only its own user can open. Requests run one after another: the journal has one order. */
export async function serve(agent: Agent, socket: string, log: Log, stop: StopSteps): Promise<Server> {
  let queue: Promise<unknown> = Promise.resolve()
  const server = createServer((request, response) => {
    void handle(request, response)
  })
  // A caller that opens a request and falls silent must not keep the agent.
  server.requestTimeout = 120_000
  server.headersTimeout = 10_000

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const name = /^\/v1\/([a-z-]{1,32})$/.exec(request.url ?? '')?.[1] ?? ''
      if (request.method !== 'POST') throw new InputError('unsupported', 'only POST is served', { subject: 'method' })
      if (name === 'stop') {
        // Who asked may start another agent as soon as it has its answer: nothing must point here any more.
        await stop.forget()
        response.once('close', stop.end)
        respond(response, 200, {})
        return
      }
      const operation = Object.hasOwn(operations, name) ? operations[name] : undefined
      if (operation === undefined) throw new InputError('not-found', 'there is no such operation', { subject: name })
      // Read before queueing: a slow body must not hold up the others.
      const body = await readBody(request, operation.limit)
      const done = queue.then(() => operation.run(body, agent))
      queue = done.catch(() => {})
      respond(response, 200, await done)
    } catch (thrown) {
      const error = toSealwrightError(readable(thrown))
      if (error.exitCode === 4) log.warn(`internal error: ${error.message}`)
      respond(response, statuses[error.exitCode] ?? 500, { error: errorRecord(error) })
    }
  }

  await rm(socket, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, () => resolve())
  })
  await chmod(socket, 0o600)
  return server
}

async function readBody(request: IncomingMessage, limit: number): Promise<unknown> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > limit)
    throw new VerificationError('format-invalid', `the body is larger than ${limit} bytes`, { subject: 'body' })
  const bytes = await collect(request as AsyncIterable<Uint8Array>, limit, 'the body')
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  return text === '' ? {} : parseJson(text, 'the body')
}

function readable(thrown: unknown): unknown {
  if (thrown instanceof ZodError) {
    const issue = thrown.issues[0]
    const where = issue === undefined || issue.path.length === 0 ? 'the body' : issue.path.join('.')
    return new InputError('input-invalid', `${where}: ${issue?.message ?? 'is refused'}`, {
      subject: where,
      cause: thrown,
    })
  }
  if (thrown instanceof TypeError && 'code' in thrown && thrown.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
    return new VerificationError('format-invalid', 'the body is not UTF-8', { subject: 'body', cause: thrown })
  }
  return thrown
}

function respond(response: ServerResponse, status: number, value: unknown): void {
  const text = JSON.stringify(value)
  response
    .writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...(status === 200 ? {} : { connection: 'close' }),
    })
    .end(text)
}
