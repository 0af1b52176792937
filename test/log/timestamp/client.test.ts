import type { ServerResponse } from 'node:http'
import { TransportError, VerificationError } from '../../../src/base/errors.ts'
import { requestTimestamp, timestampUrl } from '../../../src/log/timestamp/client.ts'
import { isSelfTimed, openTimeStamper } from '../../../src/log/timestamp/time-stamper.ts'
import { verifyTimestamp } from '../../../src/log/timestamp/verify.ts'
import { testPorts } from '../../../testkit/ports.ts'
import { makeAuthority } from '../../../testkit/timestamp/authority.ts'
import { reply, startTimestampServer, type ServerOptions, type TestServer } from '../../../testkit/timestamp/server.ts'
import { makeRefusal, makeResponse, makeToken } from '../../../testkit/timestamp/token.ts'

const bytes = Buffer.from('the raw bytes of a signature')
const authority = makeAuthority()
const pinned = [{ name: 'test', chain: authority.chain }]
const base = testPorts()
/** Waits take no time, and are counted. */
const waits: number[] = []
const ports = {
  ...base,
  clock: {
    ...base.clock,
    sleep: (ms: number): Promise<void> => {
      waits.push(ms)
      return Promise.resolve()
    },
  },
}

async function served<T>(options: ServerOptions, run: (server: TestServer) => Promise<T>): Promise<T> {
  const server = await startTimestampServer(authority, options)
  waits.length = 0
  try {
    return await run(server)
  } finally {
    await server.close()
  }
}

const ask = ({ url }: TestServer): ReturnType<typeof requestTimestamp> => requestTimestamp(new URL(url), bytes, ports)

test('an answer is a stamp of the bytes that readers accept', async () => {
  const answer = await served({}, ask)
  const stamped = verifyTimestamp(answer.response, bytes, pinned)
  expect(stamped.time).toEqual(answer.time)
  expect(stamped.key).toEqual(answer.key)
  expect(Math.abs(answer.time.getTime() - Date.now())).toBeLessThan(60_000)
})

test('the service sees no more than a digest and a nonce that is new each time', async () => {
  const seen: string[] = []
  const stamp: ServerOptions['stamp'] = ({ digest, nonce }) => {
    seen.push(`${digest.length} ${nonce?.length ?? 0} ${nonce?.toString('hex')}`)
    return {}
  }
  await served({ stamp }, async (server) => [await ask(server), await ask(server)])
  expect(new Set(seen).size).toBe(2)
  expect(seen[0]).toMatch(/^32 1[67] /)
})

describe('an answer is refused', () => {
  const other = makeAuthority()
  const raw = (body: Buffer, status?: number): ServerOptions => ({
    answer: (response) => (reply(response, body, status), true),
  })

  test.each<[string, ServerOptions, string]>([
    ['with another nonce', { stamp: () => ({ nonce: Buffer.from([1]) }) }, 'nonce of the request'],
    ['without a nonce', raw(makeResponse(makeToken(authority, bytes))), 'nonce of the request'],
    ['for other bytes', { stamp: () => ({ digest: Buffer.alloc(32) }) }, 'stamps other bytes'],
    ['without its certificate', { stamp: () => ({ certificates: [] }) }, 'certificate of its signer'],
    ['with another certificate', { stamp: () => ({ certificates: [other.leaf] }) }, 'certificate of its signer'],
    ['with a wrong signature', { stamp: () => ({ signingKey: other.key.privateKey }) }, 'does not verify'],
    [
      'that grants nothing',
      raw(makeRefusal(2, 'no', 2)),
      'was not granted: rejection, the request is not permitted, no',
    ],
    ['that is not DER', raw(Buffer.from('<html>')), 'is not DER'],
    ['that is too large', raw(Buffer.alloc(65_537, 0x30)), 'larger than the limit of 65536 bytes'],
  ])('%s', async (_title, options, why) => {
    const found = served(options, ask)
    await expect(found).rejects.toThrow(VerificationError)
    await expect(found).rejects.toThrow(why)
  })

  test('when its signer is not for time stamps', async () => {
    const server = await startTimestampServer(makeAuthority({ purposes: null }))
    await expect(ask(server)).rejects.toThrow('has no extended key usage')
    await server.close()
  })
})

describe('a service that fails', () => {
  const status =
    (code: number, headers: Record<string, string> = {}) =>
    (response: ServerResponse): boolean => {
      response.writeHead(code, headers).end()
      return true
    }

  test.each([429, 500, 503])('with %i is asked again', async (code) => {
    await served({ answer: (response, number) => number < 3 && status(code)(response) }, async (server) => {
      expect((await ask(server)).response.length).toBeGreaterThan(300)
      expect(server.requests()).toBe(3)
    })
    expect(waits.length).toBe(2)
  })

  test('is waited for as long as it asks, and no longer than 30 s', async () => {
    await served(
      {
        answer: (response, number) =>
          number < 3 && status(503, { 'retry-after': number === 1 ? '7' : '900' })(response),
      },
      ask,
    )
    expect(waits).toEqual([7000, 30_000])
  })

  test.each<[string, number, Record<string, string>, string, number]>([
    ['four times', 503, {}, 'answered 503', 4],
    ['by a redirect', 302, { location: 'http://127.0.0.1:1/' }, 'redirects (302), which is not followed', 1],
    ['as nobody knows it', 404, {}, 'answered 404', 1],
    ['with a page', 200, { 'content-type': 'text/html' }, 'answered text/html, not a time stamp', 1],
  ])('%s is a fault of the transport', async (_title, code, headers, why, requests) => {
    await served({ answer: status(code, headers) }, async (server) => {
      const found = ask(server)
      await expect(found).rejects.toThrow(TransportError)
      await expect(found).rejects.toThrow(why)
      await expect(found).rejects.toMatchObject({ code: 'timestamp-error', remedy: expect.any(String) })
      expect(server.requests()).toBe(requests)
    })
  })

  test('because nobody listens is unreachable', async () => {
    const server = await startTimestampServer(authority)
    await server.close()
    await expect(ask(server)).rejects.toMatchObject({ code: 'unreachable' })
  })
})

describe('a stamper', () => {
  test('keeps four requests open at most, and stamps all', async () => {
    await served({ delayMs: 20 }, async (server) => {
      const stamper = openTimeStamper(new URL(server.url), [], ports)
      const all = Array.from({ length: 11 }, (_, i) => Buffer.from(`signature ${i}`))
      const stamps = await Promise.all(all.map((one) => stamper.stamp(one)))
      for (const [i, stamp] of stamps.entries()) expect(verifyTimestamp(stamp, all[i]!, pinned).authority).toBe('test')
      expect([server.requests(), server.most()]).toEqual([11, 4])
    })
  })

  test('goes on after a failure', async () => {
    await served(
      { stamp: (_request, number) => (number === 1 ? { digest: Buffer.alloc(32) } : {}) },
      async (server) => {
        const stamper = openTimeStamper(new URL(server.url), [], ports)
        const first = await Promise.allSettled([stamper.stamp(bytes)])
        expect(first[0].status).toBe('rejected')
        expect((await Promise.all(Array.from({ length: 6 }, () => stamper.stamp(bytes)))).length).toBe(6)
      },
    )
  })

  test('refuses a service that stamps with the key of the signer', async () => {
    const key = authority.key.publicKey.export({ type: 'spki', format: 'der' })
    await served({}, async (server) => {
      const stamper = openTimeStamper(new URL(server.url), [key], ports)
      await expect(stamper.stamp(bytes)).rejects.toMatchObject({ code: 'self-timed' })
    })
  })
})

describe('the address of a service', () => {
  test.each(['', 'tsa.example', 'ftp://tsa.example/', 'https://user:secret@tsa.example/', 'file:///etc/passwd'])(
    'is not %j',
    (text) => {
      expect(() => timestampUrl(text)).toThrow('is not the address of a time stamp service')
    },
  )

  test.each([
    ['http://127.0.0.1:3000/', true],
    ['http://localhost/', true],
    ['http://[::1]/', true],
    ['http://0x7f000001/', true],
    ['http://tsa.localhost/', true],
    ['https://tsa.example/', false],
    ['http://timestamp.example/tsr', false],
  ])('%s is self-timed: %s', (text, expected) => {
    expect(isSelfTimed(timestampUrl(text))).toBe(expected)
  })
})
