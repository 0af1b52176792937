import { generateKeyPairSync } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import { createServer as createTcp, type AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { SealwrightError } from '../../src/base/errors.ts'
import type { JsonObject } from '../../src/base/json.ts'
import type { Ports } from '../../src/base/ports.ts'
import type { EarTrust } from '../../src/kbs/ear.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin } from '../../src/kbs/client.ts'
import { sampleGuest } from '../../src/kbs/keyed-attester.ts'
import { rcarSession } from '../../src/kbs/rcar.ts'
import { makeTeeKey } from '../../src/kbs/tee-key.ts'
import { lyingResource, startLyingKbs, type Lie, type LyingKbs } from '../../testkit/lying-kbs.ts'
import { testPorts } from '../../testkit/ports.ts'

// A KBS is reached over a network, and a server that is not the KBS may answer in its place. Each lie is refused by name, in bounded time and memory.

const path = ['default', 'key', 'one'] as const
/** Longest time of one request to a server that may never answer, in milliseconds. */
const patience = 400

/** Real ports that wait for {@link patience} only. */
function impatient(): Ports {
  const ports = testPorts()
  const { http } = ports
  const request: Ports['http']['request'] = (url, options) => http.request(url, { ...options, timeoutMs: patience })
  return { ...ports, http: { ...http, request, hosts: () => http.hosts() } }
}

async function told(
  lie: Lie,
  trust?: (kbs: LyingKbs) => EarTrust,
  ports: Ports = testPorts(),
): Promise<{ error: SealwrightError; kbs: LyingKbs }> {
  const kbs = await startLyingKbs(lie)
  const options = trust === undefined ? {} : { trust: trust(kbs) }
  const error = await rcarSession(kbs.url, sampleGuest(), ports, options)
    .resource(path)
    .then(
      () => new Error('nothing was refused') as unknown,
      (thrown: unknown) => thrown,
    )
  await kbs.close()
  return { error: error as SealwrightError, kbs }
}

/** Lies about one of the three requests; the others are answered honestly. */
const at =
  (end: 'auth' | 'attest' | 'resource', lie: Lie): Lie =>
  (heard, response) =>
    (end === 'resource' ? heard.path.includes('/resource/') : heard.path.endsWith(`/${end}`))
      ? lie(heard, response)
      : false

const plain =
  (status: number, body: string | Buffer, headers: Record<string, string | string[]> = {}): Lie =>
  (_, response) => {
    response.writeHead(status, headers)
    response.end(body)
  }

/** Sends pieces for ever, one each `everyMs`. */
const endless =
  (piece: Buffer, everyMs: number, headers: Record<string, string> = {}): Lie =>
  (_, response) => {
    response.writeHead(200, headers)
    const push = (): void => {
      if (response.destroyed) return
      if (everyMs > 0) {
        response.write(piece)
        setTimeout(push, everyMs).unref()
      } else if (response.write(piece)) setImmediate(push)
      else response.once('drain', push)
    }
    push()
  }

const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const withRuntime = (claims: JsonObject, change: JsonObject): JsonObject => {
  const copy = structuredClone(claims)
  const cpu = (copy['submods'] as { cpu0: Record<string, { runtime_data_claims: JsonObject }> }).cpu0
  Object.assign(cpu['ear.veraison.annotated-evidence']?.runtime_data_claims ?? {}, change)
  return copy
}

test('an honest KBS of the test is believed, with and without a pinned signer', async () => {
  const kbs = await startLyingKbs()
  for (const options of [{}, { trust: { keys: [kbs.publicKey] } }]) {
    const read = await rcarSession(kbs.url, sampleGuest(), testPorts(), options).resource(path)
    expect(read.toString()).toBe(lyingResource)
  }
  await kbs.close()
})

describe('a token that is not the one of this session', () => {
  test.each<[string, Lie, string, RegExp]>([
    [
      'another nonce',
      ({ claims, honest }) => honest({ claims: withRuntime(claims, { nonce: 'bm90IG91cnM=' }) }),
      'binding-mismatch',
      /another nonce/,
    ],
    [
      'no nonce',
      ({ claims, honest }) => honest({ claims: withRuntime(claims, { nonce: null }) }),
      'binding-mismatch',
      /another nonce/,
    ],
    [
      'another key',
      ({ claims, honest }) => honest({ claims: withRuntime(claims, { 'tee-pubkey': makeTeeKey().teePubkey }) }),
      'binding-mismatch',
      /another key/,
    ],
    ['no key', ({ claims, honest }) => honest({ claims: { ...claims, submods: {} } }), 'token-invalid', /names no key/],
    [
      'an old token',
      ({ claims, honest }) => honest({ claims: { ...claims, exp: Math.floor(Date.now() / 1000) - 61 } }),
      'token-expired',
      /expired at \d{4}-/,
    ],
    ['no end', ({ claims, honest }) => honest({ claims: { ...claims, exp: null } }), 'token-invalid', /no exp/],
    [
      'no signature',
      ({ claims }, response) => tokenOf(response, { alg: 'none' }, claims, ''),
      'token-invalid',
      /without a signature/,
    ],
    [
      'the algorithm none',
      ({ claims }, response) => tokenOf(response, { alg: 'none' }, claims, 'AAAA'),
      'token-invalid',
      /"none"/,
    ],
    [
      'a shared secret',
      ({ claims }, response) => tokenOf(response, { alg: 'HS256' }, claims, 'AAAA'),
      'token-invalid',
      /HS256/,
    ],
    ['no token', plain(200, '{"token":5}'), 'kbs-error', /gave no token/],
  ])('%s', async (_, lie, code, message) => {
    const { error, kbs } = await told(at('attest', lie))
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string })
    expect(error.remedy).toBeTruthy()
    // It was not used: no resource was asked for with it.
    expect(kbs.asked.filter((one) => one.includes('/resource/'))).toEqual([])
  })

  test.each<[string, Lie]>([
    ['by another issuer', ({ honest }) => honest({ key: other.privateKey })],
    [
      'by a key that stands in its own header',
      ({ honest }) =>
        honest({ key: other.privateKey, header: { jwk: other.publicKey.export({ format: 'jwk' }) as JsonObject } }),
    ],
  ])('a token %s, with a pinned signer', async (_, lie) => {
    const { error, kbs } = await told(at('attest', lie), ({ publicKey }) => ({ keys: [publicKey] }))
    expect(error).toMatchObject({
      code: 'token-invalid',
      message: expect.stringContaining('not signed by a key') as string,
    })
    expect(kbs.asked.filter((one) => one.includes('/resource/'))).toEqual([])
  })

  test('a token of an earlier session, given again', async () => {
    let first = ''
    const kbs = await startLyingKbs(
      at('attest', async (heard, response) => {
        if (first !== '') return void response.end(first)
        const end = response.end.bind(response)
        response.end = ((text: string) => end((first = text))) as typeof response.end
        await heard.honest()
      }),
    )
    const guest = sampleGuest()
    await rcarSession(kbs.url, guest, testPorts()).token()
    await expect(rcarSession(kbs.url, guest, testPorts()).token()).rejects.toMatchObject({ code: 'binding-mismatch' })
    await kbs.close()
  })
})

describe('a resource that is not for us', () => {
  test.each<[string, Lie, string, RegExp]>([
    [
      'for another key',
      ({ honest }) => honest({ sealedFor: makeTeeKey().teePubkey }),
      'decryption-failed',
      /not made for this key/,
    ],
    [
      'for a key of another kind',
      ({ honest }) => honest({ sealedFor: makeTeeKey('P-521').teePubkey }),
      'decryption-failed',
      /not made for this key/,
    ],
    ['in clear', plain(200, Buffer.from('a key in clear')), 'format-invalid', /not valid JSON/],
    ['JSON that is no JWE', plain(200, '{"key":"AAAA"}'), 'format-invalid', /no "protected"/],
    ['cut', plain(200, '{"protected":"e30","encr'), 'format-invalid', /not valid JSON/],
    ['without content', plain(200, ''), 'format-invalid', /not valid JSON/],
  ])('%s', async (_, lie, code, message) => {
    const { error } = await told(at('resource', lie))
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string })
  })
})

const html = '<!doctype html><title>Sign in</title>'
const session = `kbs-session-id=${'a'.repeat(32)}`
const challenge = JSON.stringify({ nonce: Buffer.alloc(32).toString('base64'), 'extra-params': '' })

describe('an answer that is none of a KBS', () => {
  test.each<[string, Lie, string, RegExp]>([
    ['a web page', plain(200, html, { 'content-type': 'text/html' }), 'kbs-error', /a web page, not with a challenge/],
    [
      'a web page that says it is JSON',
      plain(200, html, { 'content-type': 'application/json' }),
      'kbs-error',
      /a web page/,
    ],
    [
      'cut JSON',
      plain(200, '{"nonce":"AAAA', { 'set-cookie': session }),
      'kbs-error',
      /14 bytes that are not whole JSON/,
    ],
    ['JSON of another form', plain(200, '[1]', { 'set-cookie': session }), 'kbs-error', /a list, not with a challenge/],
    ['JSON without end of levels', plain(200, '['.repeat(100_000)), 'kbs-error', /more than 64 levels/],
    ['nothing', plain(200, ''), 'kbs-error', /0 bytes/],
    ['a nonce that is none', plain(200, '{"nonce":"x"}', { 'set-cookie': session }), 'kbs-error', /no nonce/],
    ['no session', plain(200, challenge), 'kbs-error', /no session/],
    [
      'a session that is none',
      plain(200, challenge, { 'set-cookie': 'kbs-session-id=../../etc' }),
      'kbs-error',
      /no session id/,
    ],
    [
      'two sessions',
      plain(200, challenge, { 'set-cookie': [session, session.replaceAll('a', 'b')] }),
      'kbs-error',
      /two different session/,
    ],
    [
      'very many cookies',
      plain(200, challenge, { 'set-cookie': [session, ...Array.from({ length: 9 }, (_, n) => `c${n}=1`)] }),
      'kbs-error',
      /more cookies/,
    ],
    ['a 401 without a body', plain(401, ''), 'kbs-error', /answered 401$/],
    ['a 401 with a page', plain(401, html), 'kbs-error', /answered 401 <!doctype/],
    [
      'an error of very many letters',
      plain(401, JSON.stringify({ type: 'x/y', detail: 'z'.repeat(1 << 20) })),
      'kbs-error',
      /^.{1000,1200}$/s,
    ],
    ['500 with an error of ours', plain(500, '{"type":"x/PolicyDeny","detail":{"toString":1}}'), 'denied', /an object/],
    ['a very large header', plain(200, '{}', { 'x-large': 'x'.repeat(100_000) }), 'unreachable', /Header overflow/],
    [
      'a redirect to another host',
      plain(302, '', { location: 'https://elsewhere.example/kbs/v0/auth' }),
      'kbs-error',
      /redirects to "https:\/\/elsewhere/,
    ],
    [
      'a redirect that keeps the method',
      plain(307, '', { location: 'http://elsewhere.example/' }),
      'kbs-error',
      /redirects to/,
    ],
    ['10 GB announced', plain(200, 'x', { 'content-length': '10000000000' }), 'kbs-error', /more than 4194304 bytes/],
    ['chunks without end', endless(Buffer.alloc(1 << 16, 0x20), 0), 'kbs-error', /more than 4194304 bytes/],
    [
      'a bomb',
      plain(200, gzipSync(Buffer.alloc(64 << 20)), { 'content-encoding': 'gzip' }),
      'kbs-error',
      /more than 4194304 bytes/,
    ],
    ['a broken encoding', plain(200, 'no gzip', { 'content-encoding': 'gzip' }), 'unreachable', /broke off its answer/],
    ['one byte now and then', endless(Buffer.from(' '), 50), 'timeout', /did not end its answer in time/],
    ['silence', () => {}, 'timeout', /no answer within 0\.4 s/],
    [
      'half an answer',
      (_, response) => (
        response.writeHead(200, { 'content-length': '100' }),
        response.write('{'),
        setTimeout(() => response.destroy(), 20),
        undefined
      ),
      'unreachable',
      /broke off its answer/,
    ],
  ])('%s', async (_, lie, code, message) => {
    const before = process.memoryUsage().rss
    const begun = performance.now()
    const { error, kbs } = await told(at('auth', lie), undefined, impatient())
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string })
    expect(error.remedy).toBeTruthy()
    // Two requests may have to end by their time.
    expect(performance.now() - begun).toBeLessThan(3 * patience + 2000)
    expect(process.memoryUsage().rss - before).toBeLessThan(256 << 20)
    // Nothing was attested to it.
    expect(kbs.asked.filter((one) => one.endsWith('/attest'))).toEqual([])
  })

  test('a closed connection while evidence is appraised is named', async () => {
    const { error } = await told(at('attest', ({ request }) => void request.socket.destroy()))
    expect(error).toMatchObject({
      code: 'kbs-error',
      message: expect.stringContaining('closed the connection while it appraised') as string,
    })
    expect(error.remedy).toContain('unknown claim name')
  })

  test('what is not HTTP at all', async () => {
    const server = createTcp((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await expect(rcarSession(url, sampleGuest(), impatient()).token()).rejects.toMatchObject({ code: 'unreachable' })
    server.close()
  })
})

describe('credentials stay where they belong', () => {
  test.each([301, 302, 303, 307, 308])(
    'a redirect %s takes neither evidence, cookie nor admin token along',
    async (status) => {
      const seen: string[] = []
      const elsewhere = createServer((request, response) => {
        seen.push(JSON.stringify([request.url, request.headers]))
        response.end('{}')
      })
      await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
      const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/kbs/v0/x`
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      for (const end of ['attest', 'resource'] as const) {
        const { error } = await told(at(end, plain(status, '', { location })))
        expect(error).toMatchObject({ code: 'kbs-error', message: expect.stringContaining('redirects to') as string })
      }
      const kbs = await startLyingKbs(plain(status, '', { location }))
      const admin = kbsAdmin(kbs.url, adminToken(key, testPorts().clock), testPorts())
      const work = [
        () => admin.setResource(path, Buffer.from('secret'), null),
        () => admin.setResourcePolicy('package policy'),
        () => admin.referenceValue('a'),
      ]
      for (const one of work) await expect(one()).rejects.toMatchObject({ code: 'kbs-error' })
      await kbs.close()
      elsewhere.closeAllConnections()
      elsewhere.close()
      expect(seen).toEqual([])
    },
  )

  test('cookies go back as they came, the newest of a name, and none to the next session', async () => {
    const kbs = await startLyingKbs(
      at('auth', async ({ honest }, response: ServerResponse) => {
        const set = response.setHeader.bind(response)
        response.setHeader = ((name: string, value: string) =>
          set(name, [
            'route=one; Path=/',
            value,
            'route=two; Expires=Sun, 22 Nov 2037 07:09:50 GMT',
          ])) as typeof response.setHeader
        await honest()
      }),
    )
    const ports = testPorts()
    await rcarSession(kbs.url, sampleGuest(), ports).resource(path)
    await rcarSession(kbs.url, sampleGuest(), ports).resource(path)
    const id = (n: number): string => `route=two; kbs-session-id=${'0'.repeat(31)}${n}`
    expect(kbs.headers.map((one) => one.cookie)).toEqual([undefined, id(1), id(1), undefined, id(2), id(2)])
    await kbs.close()
  })

  test('a 401 of attest begins one new session, and no third', async () => {
    const { error, kbs } = await told(
      at('attest', plain(401, '{"type":"x/AttestationError","detail":"RCAR handshake Attest failed"}')),
    )
    expect(error).toMatchObject({
      code: 'kbs-error',
      message: expect.stringContaining('AttestationError: RCAR handshake Attest failed') as string,
    })
    expect(kbs.asked).toEqual(['POST /kbs/v0/auth', 'POST /kbs/v0/attest', 'POST /kbs/v0/auth', 'POST /kbs/v0/attest'])
  })
})

function tokenOf(response: ServerResponse, header: JsonObject, claims: JsonObject, signature: string): void {
  const part = (value: JsonObject): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  response.end(JSON.stringify({ token: `${part(header)}.${part(claims)}.${signature}` }))
}
