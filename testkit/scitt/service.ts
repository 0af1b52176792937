import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { CborValue } from '../../src/encoding/cbor/types.ts'
import { encodeCbor } from '../../src/encoding/cbor/write.ts'
import { leafHash, nodeHash } from '../../src/log/merkle.ts'
import { registeredForm } from '../../src/log/scitt/verify.ts'
import { coseKeyOf, coseKeyThumbprint } from '../../src/sign/cose/key.ts'
import { parseSign1 } from '../../src/sign/cose/sign1.ts'
import { coseSigner, writeSign1, type CoseSigner } from '../../src/sign/cose/write.ts'

/** How a test service behaves. */
export interface ServiceOptions {
  /** `sync` answers 201; `async` 303, then 302 as often as `polls` says, then 200. Default: sync. */
  flow?: 'sync' | 'async'
  polls?: number
  /** Tree of its log. Default: rfc9162. */
  tree?: 'rfc9162' | 'ccf'
  /** What its log hashes as the entry of a statement. Default: statement. */
  entry?: 'statement' | 'statement-sha256'
  /** Answers of its own, by the number of the request from 1; true when it answered. */
  answer?: (request: IncomingMessage, response: ServerResponse, number: number) => boolean
  /** Seconds in `Retry-After` of a running registration. */
  retryAfter?: string
}

/** A SYNTHETIC transparency service on loopback with a key that was made anew. It registers everything. */
export interface TestService {
  url: string
  key: KeyObject
  /** `METHOD PATH` of each request. */
  requests: string[]
  /** Statements that were registered. */
  registered: Buffer[]
  close(): Promise<void>
}

const issuer = 'https://transparency.example'
const receiptType = 'application/cose'

export async function startScittService(options: ServiceOptions = {}): Promise<TestService> {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer = coseSigner(pair.privateKey, pair.publicKey)
  const registered: Buffer[] = []
  const requests: string[] = []
  let polls = 0
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push(`${request.method} ${request.url}`)
    const body = await bodyOf(request)
    if (options.answer?.(request, response, requests.length) === true) return
    const retry = { 'retry-after': options.retryAfter ?? '0' }
    const receipt = async (index: number): Promise<Buffer> =>
      receiptFor(registered[index] ?? Buffer.alloc(0), signer, options)
    if (request.method === 'GET' && request.url === '/.well-known/scitt-keys') {
      const key = new Map<CborValue, CborValue>([...coseKeyOf(pair.publicKey), [2, coseKeyThumbprint(pair.publicKey)]])
      response.writeHead(200, { 'content-type': 'application/cbor' }).end(encodeCbor([key]))
    } else if (request.method === 'POST' && request.url === '/entries') {
      registered.push(body)
      const location = `/entries/${registered.length - 1}`
      if (options.flow === 'async') response.writeHead(303, { location, ...retry }).end()
      else response.writeHead(201, { location, 'content-type': receiptType }).end(await receipt(registered.length - 1))
    } else if (request.method === 'GET' && request.url?.startsWith('/entries/') === true) {
      if (polls++ < (options.polls ?? 1)) response.writeHead(302, { location: request.url, ...retry }).end()
      else
        response
          .writeHead(200, { 'content-type': receiptType })
          .end(await receipt(Number(request.url.slice('/entries/'.length))))
    } else problem(response, 404, 'Operation Not Found', 'there is no such operation')
  }
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    key: pair.publicKey,
    requests,
    registered,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Answers with concise problem details (RFC 9290). */
export function problem(response: ServerResponse, status: number, title: string, detail: string): void {
  const body = encodeCbor(
    new Map<CborValue, CborValue>([
      [-1, title],
      [-2, detail],
    ]),
  )
  response.writeHead(status, { 'content-type': 'application/concise-problem-details+cbor' }).end(body)
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks)
}

/** A receipt of a log in which the statement is the first of two entries. */
async function receiptFor(
  statement: Buffer,
  signer: CoseSigner,
  { tree = 'rfc9162', entry: form }: ServiceOptions,
): Promise<Buffer> {
  const entry = registeredForm(parseSign1(statement, 'statement'))
  const sibling = createHash('sha256').update('another entry').digest()
  const sha256 = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest()
  const transaction = sha256(Buffer.from('transaction'))
  const hashed = form === 'statement-sha256' ? sha256(entry) : entry
  const leaf = sha256(transaction, sha256(Buffer.from('ce:1.2')), sha256(entry))
  const [root, proof] =
    tree === 'rfc9162'
      ? [nodeHash(leafHash(hashed), sibling), [2, 0, [sibling]]]
      : [
          sha256(leaf, sibling),
          new Map<CborValue, CborValue>([
            [1, [transaction, 'ce:1.2', sha256(entry)]],
            [2, [[false, sibling]]],
          ]),
        ]
  const claims = new Map<CborValue, CborValue>([
    [1, issuer],
    [6, 1_780_000_000],
  ])
  return writeSign1(
    {
      protected: new Map<CborValue, CborValue>([
        [4, coseKeyThumbprint(signer.publicKey)],
        [15, claims],
        [395, tree === 'rfc9162' ? 1 : 2],
      ]),
      unprotected: new Map<CborValue, CborValue>([[396, new Map<CborValue, CborValue>([[-1, [encodeCbor(proof)]]])]]),
      payload: root,
      detached: true,
    },
    signer,
  )
}
