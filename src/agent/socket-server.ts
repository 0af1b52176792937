import { chmod, rm, stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import { ZodError } from 'zod'
import { errorRecord, InputError, toSealwrightError, VerificationError } from '../base/errors.ts'
import { firstIssue } from '../base/first-issue.ts'
import { parseJson } from '../base/json.ts'
import type { Log } from '../base/ports.ts'
import { collect } from '../base/streams.ts'

/** HTTP status by exit code of the error; the record in the body says the rest. */
const statuses: Readonly<Record<number, number>> = { 1: 403, 2: 400, 3: 502, 4: 500 }

/** Name of the frames that a connection speaks once a task has taken it over. */
export const taskProtocol = 'sealwright-task'

/** One request: what is asked, its body within a limit, and what to do once the answer is out. */
export interface SocketRequest {
  operation: string
  body(limit: number): Promise<unknown>
  afterwards(done: () => void): void
}

/** Where to listen: a path with its mode, or a descriptor that systemd opened. */
export type Listen = { path: string; mode: number } | { fd: number }

/**
 * Serves JSON over HTTP on a Unix socket, `POST /v1/OPERATION`. What the handler throws is answered as an error record.
 *
 * @throws InputError `file-invalid` where the socket cannot be made
 */
export async function serveSocket(
  listen: Listen,
  log: Log,
  handle: (request: SocketRequest) => Promise<unknown>,
  /** Takes over the connection of `POST /v1/tasks/TASK` with `Upgrade: sealwright-task`. */
  upgrade?: (task: string, connection: Duplex) => Promise<void>,
): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(request, response)
  })
  // A caller that opens a request and falls silent must not keep the server.
  server.requestTimeout = 120_000
  server.headersTimeout = 10_000

  server.on('upgrade', (request, connection, head) => {
    // Node listens no more once a connection is taken over: a client that goes away would end this process.
    connection.on('error', () => connection.destroy())
    const task = /^\/v1\/tasks\/([a-z-]{1,32})$/.exec(request.url ?? '')?.[1]
    if (upgrade === undefined || task === undefined || request.headers.upgrade !== taskProtocol) {
      connection.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
      return
    }
    connection.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${taskProtocol}\r\n\r\n`)
    if (head.length > 0) connection.unshift(head)
    void upgrade(task, connection).catch((error: unknown) => {
      log.warn(`internal error: ${toSealwrightError(error).message}`)
      connection.destroy()
    })
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const operation = /^\/v1\/([a-z-]{1,32})$/.exec(request.url ?? '')?.[1] ?? ''
      if (request.method !== 'POST') throw new InputError('unsupported', 'only POST is served', { subject: 'method' })
      const value = await handle({
        operation,
        body: (limit) => readBody(request, limit),
        afterwards: (done) => response.once('close', done),
      })
      respond(response, 200, value)
    } catch (thrown) {
      const error = toSealwrightError(readable(thrown))
      if (error.exitCode === 4) log.warn(`internal error: ${error.message}`)
      respond(response, statuses[error.exitCode] ?? 500, { error: errorRecord(error) })
    }
  }

  try {
    if ('path' in listen) await rm(listen.path, { force: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen('path' in listen ? listen.path : { fd: listen.fd }, () => resolve())
    })
    if ('path' in listen) await chmod(listen.path, listen.mode)
  } catch (cause) {
    throw await noSocket(listen, cause as NodeJS.ErrnoException)
  }
  return server
}

async function noSocket(listen: Listen, cause: NodeJS.ErrnoException): Promise<InputError> {
  const subject = 'path' in listen ? listen.path : `descriptor ${listen.fd}`
  const folder = dirname(subject)
  // Node reports a missing folder as EACCES.
  const missing = 'path' in listen && (await stat(folder).catch(() => null)) === null
  const why = missing ? `there is no folder ${folder}` : (cause.code ?? cause.message)
  return new InputError('file-invalid', `no socket can be made at ${subject} (${why})`, {
    subject,
    cause,
    remedy: 'Name a path in a folder that exists and that this user may write to, and that is no folder itself.',
  })
}

export function noSuchOperation(name: string): InputError {
  return new InputError('not-found', 'there is no such operation', { subject: name })
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
    const { where, what } = firstIssue(thrown, 'the body')
    return new InputError('input-invalid', `${where}: ${what}`, { subject: where, cause: thrown })
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
