import type { ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { collect, sha256 } from '../../src/base/streams.ts'
import { fallbackTag } from '../../src/oci/digest.ts'
import { openReferrersApi } from '../../src/oci/referrers-api.ts'
import { getManifestOf, listTags } from '../../src/oci/registry-reads.ts'
import { pullBlob } from '../../src/oci/pull.ts'
import { bodyOf, usualPace } from '../../src/oci/responses.ts'
import { openSession, type Session } from '../../src/oci/session.ts'
import { mediaTypes, type Digest } from '../../src/oci/types.ts'
import { codeOf, fakeServer, hastyPorts, storeOf, type Handler } from './helpers.ts'

const pace = { bytes: 1000, waitMs: 150 }
const bytes = Buffer.alloc(20_000, 'x')
const digest = sha256(bytes) as Digest

async function against(handler: Handler, run: (session: Session, host: string) => Promise<void>): Promise<void> {
  const server = await fakeServer(handler)
  try {
    await run(openSession(server.host, 'a', hastyPorts(), { pace }), server.host)
  } finally {
    await server.close()
  }
}

/** Sends pieces of a body one after the other, with pauses. */
async function send(response: ServerResponse, body: Uint8Array, piece: number, pauseMs: number): Promise<void> {
  for (let at = 0; at < body.length && !response.destroyed; at += piece) {
    response.write(body.subarray(at, at + piece))
    await wait(pauseMs)
  }
  response.end()
}

const drip: Handler = (_request, response, url) => {
  const type = /manifests|referrers/.test(url) ? mediaTypes.index : 'application/json'
  void send(response.writeHead(200, { 'content-type': type }), Buffer.from(`{${' '.repeat(5000)}`), 1, 10)
}
const reads: [string, string, (session: Session) => Promise<unknown>][] = [
  ['a manifest', `manifests/${digest}`, (session) => getManifestOf(session, digest, 'a')],
  ['a tag', 'manifests/v1', (session) => getManifestOf(session, 'v1', 'a')],
  ['the list of tags', 'tags/list', (session) => listTags(session)],
  ['a page of referrers', `referrers/${digest}`, (session) => openReferrersApi(session, 'a').list(digest)],
]

test.each(reads)('%s at a byte now and then ends, with address, bytes and seconds', async (_what, path, read) => {
  await against(drip, async (session, host) => {
    await expect(read(session)).rejects.toMatchObject({
      code: 'timeout',
      exitCode: 3,
      message: expect.stringMatching(
        new RegExp(`sends less than 1000 bytes in 0\\.[12] s: \\d+ bytes of http://${host}/v2/a/${path} in 0\\.\\d s$`),
      ),
    })
  })
})

test('a body that stops is as slow as one that drips, and the query of its address is not told', async () => {
  const signed: Handler = (_request, response, url) => {
    if (url.startsWith('/storage')) response.writeHead(200, { 'content-length': '20000' }).write('x')
    else response.writeHead(307, { location: '/storage/blob?signature=secret' }).end()
  }
  await against(signed, async (session, host) => {
    const stream = await pullBlob(session, digest, bytes.length, 'a')
    await expect(collect(stream, 1 << 20, 'blob')).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringMatching(new RegExp(`: 1 bytes of http://${host}/storage/blob in`)),
    })
  })
})

test('a blob that drips ends after four connections, though each brings some bytes', async () => {
  let connections = 0
  const handler: Handler = (request, response) => {
    connections++
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const head = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }
    void send(response.writeHead(start === 0 ? 200 : 206, head), bytes.subarray(start), 1, 10)
  }
  await against(handler, async (session) => {
    const stream = await pullBlob(session, digest, bytes.length, 'a')
    expect(await codeOf(collect(stream, 1 << 20, 'blob'))).toBe('timeout')
    expect(connections).toBe(4)
  })
})

test('a slow and steady blob comes whole by one connection, and a reader may be slower still', async () => {
  let connections = 0
  const handler: Handler = (_request, response) => {
    connections++
    void send(response.writeHead(200), bytes, 1000, 20)
  }
  await against(handler, async (session) => {
    expect((await collect(await pullBlob(session, digest, bytes.length, 'a'), 1 << 20, 'blob')).equals(bytes)).toBe(
      true,
    )
    const pieces: Uint8Array[] = []
    for await (const piece of bodyOf(new Response(bytes), { host: 'h', pace: { bytes: 1 << 20, waitMs: 50 } })) {
      pieces.push(piece)
      await wait(80)
    }
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
    expect(connections).toBe(1)
  })
})

test('by default a line of 100 kB/s is a hundred times as fast as it has to be', () => {
  expect(usualPace.bytes / (usualPace.waitMs / 1000)).toBe(1000)
  expect(usualPace.waitMs).toBeLessThanOrEqual(30_000)
})

describe('a body that says to be larger than it may be is refused before it is read', () => {
  const large = 200 << 20
  test.each([
    ...reads.slice(0, 3),
    [
      'a fallback index that is extended',
      `manifests/${fallbackTag(digest)}`,
      (session: Session) => storeOf(`${session.host}/a`, hastyPorts()).listing?.entries(digest) ?? Promise.resolve(),
    ] as (typeof reads)[number],
  ])('%s', async (_what, _path, read) => {
    let sent = 0
    const handler: Handler = (_request, response) => {
      response.writeHead(200, { 'content-type': mediaTypes.index, 'content-length': String(large) })
      const more = (): void => {
        while (!response.destroyed && sent < large) {
          sent += 1 << 16
          if (!response.write(Buffer.alloc(1 << 16, ' '))) return void response.once('drain', more)
        }
      }
      more()
    }
    await against(handler, async (session) => {
      await expect(read(session)).rejects.toMatchObject({
        code: 'format-invalid',
        message: expect.stringMatching(/limit of 4194304 bytes: it has 209715200$/),
      })
    })
    expect(sent).toBeLessThan(8 << 20)
  })

  test('a blob that is longer than its descriptor', async () => {
    const handler: Handler = (_request, response) => response.end(bytes)
    await against(handler, async (session) => {
      await expect(pullBlob(session, digest, 100, 'r.example/a')).rejects.toMatchObject({
        code: 'digest-mismatch',
        message: `${digest} in r.example/a should have 100 bytes, but 20000 are sent`,
      })
    })
  })
})
