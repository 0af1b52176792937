import { TransportError } from '../../src/base/errors.ts'
import { cancellable } from '../../src/base/cancel.ts'
import { askedWait } from '../../src/base/retry.ts'
import { openSession } from '../../src/oci/session.ts'
import { inSlot } from '../../src/oci/slots.ts'
import { fakeHttp, testPorts } from '../../testkit/ports.ts'
import { codeOf, fakeServer, hastyPorts, readAll, storeOf } from './helpers.ts'
import { sha256 } from '../../src/base/streams.ts'
import type { Digest } from '../../src/oci/types.ts'

type Step = number | null | [number, Record<string, string>]

/** A session with a registry that answers with these statuses in turn (null: the connection breaks), the last one for ever. */
function scripted(steps: readonly Step[], more: Partial<ReturnType<typeof hastyPorts>> = {}) {
  const asked: string[] = []
  const http = fakeHttp(async (url, { method = 'GET' } = {}) => {
    const step = steps[Math.min(asked.length, steps.length - 1)] ?? null
    asked.push(method)
    if (step === null) throw new TransportError('unreachable', `${new URL(url).host} cannot be reached: reset`)
    const [status, headers] = Array.isArray(step) ? step : [step, {}]
    return new Response('{"errors":[{"code":"X","message":"m"}]}', { status, headers })
  })
  const ports = hastyPorts({ http, ...more })
  return { asked, ports, session: openSession('r.example', 'a', ports) }
}

test.each<[string, readonly Step[]]>([
  ['answers 408', [408, 200]],
  ['answers 429', [429, 200]],
  ['answers 500 and 504', [500, 504, 200]],
  ['breaks off', [null, null, 200]],
])('a registry that %s is asked again', async (_name, steps) => {
  const { session, ports, asked } = scripted(steps)
  expect((await session.send('tags/list')).status).toBe(200)
  expect(asked).toHaveLength(steps.length)
  expect(ports.slept).toHaveLength(steps.length - 1)
})

test('the error says how often and how long it was tried', async () => {
  const all = scripted([503])
  await expect(all.session.send('tags/list')).rejects.toMatchObject({
    code: 'registry-error',
    message: expect.stringMatching(
      /^r\.example answered 503 X: m to GET for a; gave up after 5 attempts in \d+\.\d s$/,
    ),
    subject: 'r.example',
  })
  const gone = scripted([null])
  await expect(gone.session.send('tags/list')).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringMatching(/reset; gave up after 5 attempts in/),
  })
  expect([all.asked.length, gone.asked.length]).toEqual([5, 5])
})

test('an answer has to begin within a minute, but for a blob, which a cache may fetch first, and a write', async () => {
  const given: unknown[] = []
  const http = fakeHttp(async (_url, { answerMs } = {}) => {
    given.push(answerMs)
    return new Response()
  })
  const session = openSession('r.example', 'a', hastyPorts({ http }))
  await session.send('manifests/v1')
  await session.send('manifests/v1', { method: 'HEAD' })
  await session.send(`blobs/${sha256('x')}`)
  await session.send('manifests/v1', { method: 'PUT', body: 'x' })
  expect(given).toEqual([50_000, 50_000, undefined, undefined])
})

test('a registry that redirects without an end', async () => {
  const { session } = scripted([[307, { location: '/v2/a/tags/list' }]])
  await expect(session.send('tags/list')).rejects.toMatchObject({
    code: 'registry-error',
    remedy: expect.stringContaining('redirects'),
  })
})

test('waits are drawn between nothing and a bound that doubles', async () => {
  const drawn = async (byte: number): Promise<number[]> => {
    const { session, ports } = scripted([503], { random: () => Buffer.from([byte]) })
    await codeOf(session.send('tags/list'))
    return ports.slept
  }
  expect(await drawn(255)).toEqual([400, 800, 1600, 3200])
  expect(await drawn(0)).toEqual([400, 800, 1600, 3200].map((ms) => ms / 256))
})

describe('Retry-After', () => {
  const now = new Date('2026-01-01T00:00:00Z')

  test.each([
    ['7', 7000],
    ['Thu, 01 Jan 2026 00:00:09 GMT', 9000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', null],
    ['-1', 0],
    [null, null],
  ])('%s', (header, ms) => {
    expect(askedWait(header, now)).toBe(ms)
  })

  test('longer than there is time for is not waited for', async () => {
    const { session, ports, asked } = scripted([[429, { 'retry-after': '3600' }]])
    await expect(session.send('tags/list')).rejects.toMatchObject({
      message: expect.stringMatching(/gave up after 1 attempt in .* it asks to wait 36\d\d s$/),
    })
    expect([asked.length, ports.slept.length]).toEqual([1, 0])
    const base = testPorts()
    const deadline = base.clock.monotonic() + 10_000
    const short = scripted([[503, { 'retry-after': '20' }], 200], { deadline })
    expect(await codeOf(short.session.send('tags/list'))).toBe('registry-error')
    const enough = scripted([[503, { 'retry-after': '5' }], 200], { deadline })
    expect((await enough.session.send('tags/list')).status).toBe(200)
  })
})

describe('a request that the registry may have carried out already', () => {
  test('is not sent again when its connection broke: a PATCH would append twice', async () => {
    for (const steps of [[null], [500]] as const) {
      const { session, asked } = scripted(steps)
      expect(await codeOf(session.send('x', { method: 'PATCH', body: 'x' }))).not.toBe('none')
      expect(asked).toHaveLength(1)
    }
  })

  test('is sent again where the registry says that it did nothing', async () => {
    const { session, asked } = scripted([429, 503, 202])
    expect((await session.send('x', { method: 'PATCH', body: 'x' })).status).toBe(202)
    expect(asked).toHaveLength(3)
  })

  test('a stream is never sent again', async () => {
    const body = (async function* (): AsyncGenerator<Uint8Array> {})()
    const { session, asked } = scripted([429])
    expect(await codeOf(session.send('x', { method: 'PUT', body, once: true }))).toBe('registry-error')
    expect(asked).toHaveLength(1)
  })
})

describe('a run that ends', () => {
  const over = new TransportError('timeout', 'it did not end within 1 s', { subject: 'timeout' })

  test('ends the request that is under way, and the wait for the next', async () => {
    const server = await fakeServer(() => {})
    try {
      const ending = new AbortController()
      const ports = cancellable(testPorts(), ending.signal, 1000)
      const asked = storeOf(`${server.host}/a`, ports).tags()
      setTimeout(() => ending.abort(over), 50)
      await expect(asked).rejects.toBe(over)
      // Nothing more is sent.
      await expect(storeOf(`${server.host}/a`, ports).tags()).rejects.toBe(over)
    } finally {
      await server.close()
    }
    const ending = new AbortController()
    const base = testPorts({
      http: fakeHttp(async () => new Response(null, { status: 503 })),
      random: () => Buffer.from([255]),
    })
    const waiting = openSession('r.example', 'a', cancellable(base, ending.signal, 60_000)).send('tags/list')
    setTimeout(() => ending.abort(over), 20)
    const before = performance.now()
    await expect(waiting).rejects.toBe(over)
    expect(performance.now() - before).toBeLessThan(350)
  })

  test('ends the body of an answer and the body of a request', async () => {
    const size = 1_000_000
    const server = await fakeServer((_request, response) => {
      response.writeHead(200, { 'content-length': String(size) })
      response.write(Buffer.alloc(1000))
    })
    try {
      const ending = new AbortController()
      const ports = cancellable(testPorts(), ending.signal, 60_000)
      const read = readAll(storeOf(`${server.host}/a`, ports), { digest: sha256('x') as Digest, size })
      setTimeout(() => ending.abort(over), 100)
      await expect(read).rejects.toMatchObject({ code: 'timeout', subject: 'timeout' })
      const again = new AbortController()
      const stream = (async function* (): AsyncGenerator<Uint8Array> {
        yield Buffer.from('x')
        await new Promise((resolve) => setTimeout(resolve, 500))
      })()
      const session = openSession(server.host, 'a', cancellable(testPorts(), again.signal, 60_000))
      const sent = session.send('x', { method: 'PUT', body: stream, once: true })
      setTimeout(() => again.abort(over), 50)
      await expect(sent).rejects.toBe(over)
    } finally {
      await server.close()
    }
  })
})

test('at most 16 requests wait for one host; another host and bodies do not count', async () => {
  const http = fakeHttp(async () => new Response())
  const waiting: (() => void)[] = []
  let most = 0
  let now = 0
  const one = (host: string): Promise<void> =>
    inSlot(http, host, async () => {
      most = Math.max(most, ++now)
      await new Promise<void>((resolve) => waiting.push(resolve))
      now--
    })
  const all = Array.from({ length: 40 }, () => one('a'))
  await Promise.resolve()
  expect(waiting).toHaveLength(16)
  const other = one('b')
  await Promise.resolve()
  expect(waiting).toHaveLength(17)
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    next()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all([...all, other])
  expect(most).toBe(17)
  // One that fails gives its place on.
  await expect(inSlot(http, 'a', () => Promise.reject(new Error('x')))).rejects.toThrow('x')
  await Promise.all(Array.from({ length: 16 }, () => inSlot(http, 'a', async () => {})))
})
