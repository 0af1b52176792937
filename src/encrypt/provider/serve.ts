import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { connect } from 'node:net'
import { once } from 'node:events'
import { chmod, lstat, rm } from 'node:fs/promises'
import { InputError, toSealwrightError, type SealwrightError } from '../../base/errors.ts'
import { isLoopback } from '../../base/loopback.ts'
import type { Log } from '../../base/ports.ts'
import { collect } from '../../base/streams.ts'
import { messageLimit, type ProviderRequest } from './messages.ts'
import { bytesFieldMessage, readBytesField } from './protobuf.ts'

/** Answers the JSON of a request, whose operation is that of the method. */
export type AnswerJson = (request: Buffer, op: ProviderRequest['op']) => Promise<string>

const service = '/keyprovider.KeyProviderService/'
const methods: Readonly<Record<string, ProviderRequest['op']>> = {
  [`${service}WrapKey`]: 'keywrap',
  [`${service}UnWrapKey`]: 'keyunwrap',
}

/** Status codes of gRPC. */
const status = {
  ok: 0,
  invalid: 3,
  notFound: 5,
  denied: 7,
  exhausted: 8,
  precondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
}
/** Flag and length before a message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const prefixBytes = 5
/** A caller sends its few bytes at once. */
const requestMs = 30_000

/**
 * Serves `keyprovider.KeyProviderService` by gRPC over HTTP/2 without TLS, to this machine alone: who may connect may use the keys. A unix socket is open
 * to this user only (0600); a port of loopback to every user of the machine.
 *
 * @param listen `unix:/PATH` or `HOST:PORT` on loopback; port 0 takes a free one
 * @returns the address as ocicrypt's configuration names it
 * @throws InputError `input-invalid`, `exists` for a path that is taken
 */
export async function serveProvider(
  listen: string,
  answer: AnswerJson,
  log: Pick<Log, 'info' | 'warn'>,
): Promise<{ address: string; close(): Promise<void> }> {
  const place = placeOf(listen)
  if ('path' in place) await freeSocket(place.path)
  const server = createServer({ settings: { maxConcurrentStreams: 64 }, maxSessionMemory: 8 })
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => session.destroy())
    session.on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => stream.close())
    stream.setTimeout(requestMs, () => stream.close())
    void respond(stream, headers, answer, log)
  })
  const started = once(server, 'listening').catch((cause: unknown) => {
    throw notFree(listen, cause)
  })
  const before = process.umask(0o177)
  try {
    if ('path' in place) server.listen(place.path)
    else server.listen(place.port, place.host)
    await started
  } finally {
    process.umask(before)
  }
  if ('path' in place) await chmod(place.path, 0o600)
  const bound = server.address()
  return {
    address:
      'path' in place
        ? `unix:${place.path}`
        : `${listen.replace(/:\d+$/, '')}:${typeof bound === 'object' ? bound?.port : place.port}`,
    close: async () => {
      const closed = once(server, 'close')
      for (const session of sessions) session.destroy()
      server.close()
      await closed
      if ('path' in place) await rm(place.path, { force: true })
    },
  }
}

async function respond(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  answer: AnswerJson,
  log: Pick<Log, 'info' | 'warn'>,
): Promise<void> {
  const op = methods[String(headers[':path'])]
  const fail = (code: number, message: string): void => {
    if (stream.destroyed || stream.headersSent) return
    const fields = {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': code,
      'grpc-message': encodeURIComponent(message),
    }
    stream.respond(fields, { endStream: true })
  }
  try {
    if (
      headers[':method'] !== 'POST' ||
      !/^application\/grpc\b/.test(headers['content-type'] ?? '') ||
      op === undefined
    )
      return fail(status.unimplemented, `${String(headers[':path']).slice(0, 200)} is not a method of the key provider`)
    const body = await collect(stream.iterator({ destroyOnReturn: false }), messageLimit + prefixBytes, 'the request')
    if (body.length < prefixBytes || body.readUInt32BE(1) !== body.length - prefixBytes)
      return fail(status.invalid, 'the request is not one whole message')
    if (body[0] !== 0) return fail(status.unimplemented, 'compressed messages are not read')
    const text = await answer(readBytesField(body.subarray(prefixBytes)), op)
    const message = bytesFieldMessage(Buffer.from(text))
    const prefix = Buffer.alloc(prefixBytes)
    prefix.writeUInt32BE(message.length, 1)
    if (stream.destroyed) return
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status.ok }))
    stream.end(Buffer.concat([prefix, message]))
    log.info(`${op}: done`)
  } catch (thrown) {
    const error = toSealwrightError(thrown)
    log.warn(`${op ?? 'request'}: ${error.message}`)
    fail(codeOf(error), error.message)
  }
}

function codeOf({ code, exitCode }: SealwrightError): number {
  if (code === 'not-found') return status.notFound
  if (code === 'denied') return status.denied
  return (
    [status.internal, status.precondition, status.invalid, status.unavailable, status.internal][exitCode] ??
    status.internal
  )
}

type Place = { path: string } | { host: string; port: number }

function placeOf(listen: string): Place {
  const path = /^unix:(?:\/\/)?(\/.+)$/.exec(listen)?.[1]
  // sockaddr_un(7): 108 bytes with the zero at the end.
  if (path !== undefined && Buffer.byteLength(path) < 108) return { path }
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(listen) ?? []
  if (isLoopback(host) && Number(port) <= 65_535) return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
  throw new InputError(
    'input-invalid',
    `listen: "${listen}" is neither unix:/PATH (under 108 bytes) nor an address of loopback`,
    {
      subject: 'listen',
      remedy: 'Use unix:/run/sealwright/keys.sock, or 127.0.0.1:50000.',
    },
  )
}

/** Removes the socket of a provider that was killed; one that answers stays. */
async function freeSocket(path: string): Promise<void> {
  const info = await lstat(path).catch(() => null)
  if (info === null) return
  const alive = !info.isSocket() || (await answers(path))
  if (!alive) return rm(path, { force: true })
  throw new InputError('exists', `"${path}" exists already${info.isSocket() ? ', and a process listens on it' : ''}`, {
    subject: 'listen',
    remedy: 'End that process, or name a new path.',
  })
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

function notFree(listen: string, cause?: unknown): InputError {
  return new InputError('input-invalid', `listen: "${listen}" is not free on this machine`, {
    subject: 'listen',
    cause,
    remedy: 'Use unix:/PATH (under 108 bytes) or an address of loopback such as 127.0.0.1:50000.',
  })
}
