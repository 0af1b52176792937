import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { InputError, toSealwrightError, VerificationError } from '../../base/errors.ts'
import { isLoopback } from '../../base/loopback.ts'
import { collect } from '../../base/streams.ts'
import type { Ports } from '../../base/ports.ts'

/** What is answered. */
export interface Reply {
  status: number
  type: string
  body: string | Buffer
  headers?: Readonly<Record<string, string>> | undefined
}

export interface Listening {
  url: string
  close(): Promise<void>
}

const bodyLimit = 1 << 20

/** Answers a request, or null where there is nothing at this place. */
export type Answer = (method: string, path: string, body: Buffer, headers: Headers) => Promise<Reply | null>

/** Asks several answers in their order. */
export function firstOf(answers: readonly (Answer | undefined)[]): Answer {
  return async (...request) => {
    for (const answer of answers) {
      const reply = (await answer?.(...request)) ?? null
      if (reply !== null) return reply
    }
    return null
  }
}

/** An error in the form that the API at a path has; null for the form of the others. */
export type ErrorForm = (path: string, thrown: unknown) => Reply | null

/**
 * Serves over plain HTTP on this machine; a proxy with TLS stands before it where others read.
 *
 * @param listen `HOST:PORT` on loopback; port 0 takes a free one
 * @param errorForm form of what goes wrong before the answer is asked, as a body that is too long
 * @throws InputError `input-invalid`
 */
export async function listenOn(
  listen: string,
  answer: Answer,
  ports: Ports,
  errorForm: ErrorForm = () => null,
): Promise<Listening> {
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(listen) ?? []
  const bad = (cause?: unknown): InputError =>
    new InputError('input-invalid', `"${listen}" is not a free address on this machine`, {
      subject: 'listen',
      cause,
      remedy: 'Use an address such as 127.0.0.1:8080, and put a proxy with TLS before it where others read.',
    })
  if (!isLoopback(host) || Number(port) > 65_535) throw bad()
  const server = createServer((request, response) => {
    void respond(request, answer, ports, errorForm).then((reply) => send(response, reply))
  })
  const started = once(server, 'listening').catch((cause: unknown) => {
    throw bad(cause)
  })
  server.listen(Number(port), host.replace(/^\[|\]$/g, ''))
  await started
  const address = server.address()
  const taken = address !== null && typeof address === 'object' ? address.port : 0
  return {
    url: `http://${host}:${taken}`,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function respond(request: IncomingMessage, answer: Answer, ports: Ports, errorForm: ErrorForm): Promise<Reply> {
  const target = request.url ?? '/'
  const pathname = URL.canParse(target, 'http://log') ? new URL(target, 'http://log').pathname : '/'
  try {
    const body = await collect(request, bodyLimit, 'the request')
    const headers = new Headers(
      Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
        typeof value === 'string' ? [[name, value]] : [],
      ),
    )
    return (
      (await answer(request.method ?? 'GET', pathname, body, headers)) ?? problem(404, 'not-found', 'nothing is here')
    )
  } catch (thrown) {
    const formed = errorForm(pathname, thrown)
    if (formed !== null) return formed
    const { code, message } = toSealwrightError(thrown)
    if (thrown instanceof VerificationError) return problem(code === 'denied' ? 403 : 400, code, message)
    if (thrown instanceof InputError) return problem(400, code, message)
    ports.log.warn(`a request failed: ${message}`)
    return problem(503, code, 'the log cannot take this now')
  }
}

/** An error as JSON (RFC 9457, problem details). */
export function problem(status: number, code: string, detail: string): Reply {
  return {
    status,
    type: 'application/problem+json',
    body: JSON.stringify({ type: 'about:blank', title: code, status, detail, message: detail }),
  }
}

function send(response: ServerResponse, { status, type, body, headers = {} }: Reply): void {
  response.writeHead(status, { ...headers, 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body)
}
