import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readDer } from '../../src/encoding/der.ts'
import { readHash, type Hash } from '../../src/log/timestamp/algorithms.ts'
import type { TestAuthority } from './authority.ts'
import { makeRefusal, makeResponse, makeToken, type StampOptions } from './token.ts'

/** What a TimeStampReq asks for (RFC 3161 §2.4.1); a server of tests trusts its clients. */
export interface ReadRequest {
  hash: Hash
  digest: Buffer
  nonce: Buffer | null
  certificates: boolean
}

export interface TestServer {
  /** `http://HOST:PORT/`. */
  url: string
  /** Number of requests so far. */
  requests(): number
  /** Most requests that were open at a time. */
  most(): number
  close(): Promise<void>
}

export interface ServerOptions {
  /** Address to listen on; loopback by default. */
  host?: string
  port?: number
  /** Options of each stamp, by the request and its number from 1; what is given here wins over what was asked for. */
  stamp?: (request: ReadRequest, number: number) => StampOptions
  /** Answers in place of a stamp; false to go on. */
  answer?: (response: ServerResponse, number: number) => boolean
  /** Milliseconds before each answer. */
  delayMs?: number
}

/** An RFC 3161 service of a test authority, by the clock of this machine. */
export async function startTimestampServer(authority: TestAuthority, options: ServerOptions = {}): Promise<TestServer> {
  let [number, open, most] = [0, 0, 0]
  const server: Server = createServer((request, response) => {
    number += 1
    open += 1
    most = Math.max(most, open)
    response.on('close', () => (open -= 1))
    const own = number
    const answer = async (): Promise<void> => {
      const body = await bodyOf(request)
      if (options.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, options.delayMs))
      if (options.answer?.(response, own) === true) return
      reply(response, stampFor(authority, body, own, options))
    }
    answer().catch(() => response.destroy())
  })
  const { host = '127.0.0.1', port = 0 } = options
  server.listen(port, host)
  await once(server, 'listening')
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/`,
    requests: () => number,
    most: () => most,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Answers with a TimeStampResp. */
export function reply(response: ServerResponse, body: Buffer, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/timestamp-reply', 'content-length': body.length }).end(body)
}

function stampFor(authority: TestAuthority, body: Buffer, number: number, { stamp }: ServerOptions): Buffer {
  let request: ReadRequest
  try {
    request = readRequest(body)
  } catch {
    return makeRefusal(2, 'the request cannot be read', 5)
  }
  const { hash, digest, nonce, certificates } = request
  const token = makeToken(authority, Buffer.alloc(0), {
    at: new Date(),
    serial: Date.now() * 16 + (number % 16),
    imprint: hash,
    digest,
    ...(nonce === null ? {} : { nonce }),
    ...(certificates ? {} : { certificates: [] }),
    ...stamp?.(request, number),
  })
  return makeResponse(token)
}

/** Reads a request. @throws VerificationError for what is no request */
export function readRequest(body: Buffer): ReadRequest {
  const [, imprint, ...rest] = readDer(body, 'a time stamp request').children
  const [algorithm, digest] = imprint?.children ?? []
  if (algorithm === undefined || digest === undefined) throw new Error('a request has an imprint')
  return {
    hash: readHash(algorithm, 'a time stamp request'),
    digest: digest.content,
    nonce: rest.find(({ tag }) => tag === 0x02)?.content ?? null,
    certificates: rest.some(({ tag, content }) => tag === 0x01 && content[0] !== 0),
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
