import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { isLoopback, reachesItself } from '../../src/base/loopback.ts'
import { makeHttp } from '../../src/runner/http.ts'
import { proxyFor } from '../../src/runner/proxy.ts'
import { root } from '../../testkit/peers.ts'
import { certificateFor, startProxy } from '../../testkit/tls.ts'

const open: Server[] = []
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function listening(server: Server, host = '127.0.0.1'): Promise<string> {
  open.push(server)
  server.listen(0, host)
  await once(server, 'listening')
  return `${host}:${(server.address() as AddressInfo).port}`
}

/** An origin by plain http. */
const origin = async (answer: RequestListener, host?: string): Promise<string> =>
  `http://${await listening(createServer(answer), host)}`

const proxies: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const running of proxies.splice(0)) await running.close()
})
async function proxy(...answer: Parameters<typeof startProxy>): ReturnType<typeof startProxy> {
  const running = await startProxy(...answer)
  proxies.push(running)
  return running
}

test('which proxy, and which not', () => {
  const env = { https_proxy: 'http://low:1', HTTPS_PROXY: 'http://up:2', HTTP_PROXY: 'up:3', no_proxy: '' }
  expect(proxyFor(new URL('https://a.example/'), env)?.href).toBe('http://low:1/')
  expect(proxyFor(new URL('https://a.example/'), { ...env, https_proxy: '' })?.href).toBe('http://up:2/')
  expect(proxyFor(new URL('http://a.example/'), env)?.href).toBe('http://up:3/')
  expect(proxyFor(new URL('https://a.example/'), { HTTP_PROXY: 'http://up:3' })).toBeNull()
  for (const url of ['https://localhost:5/', 'https://127.9.9.9/', 'https://[::1]:1/'])
    expect(proxyFor(new URL(url), env)).toBeNull()
  for (const bad of ['socks5://x:1', 'http://', 'ftp://x', 'http://user:hunter2@:x']) {
    const refused = (): unknown => proxyFor(new URL('https://a.example/'), { https_proxy: bad })
    expect(refused).toThrow(expect.objectContaining({ code: 'input-invalid', subject: 'https_proxy' }))
    expect(refused).not.toThrow('hunter2')
  }
})

test.each([
  ['a.example', 'https://a.example/', true],
  ['a.example', 'https://b.a.example/', true],
  ['.a.example', 'https://b.a.example:8443/', true],
  ['*.a.example', 'https://b.a.example/', true],
  ['A.Example', 'https://a.example/', true],
  ['a.example', 'https://xa.example/', false],
  ['a.example', 'https://a.example.evil/', false],
  ['a.example:443', 'https://a.example/', true],
  ['a.example:8443', 'https://a.example/', false],
  ['x, a.example  y', 'https://a.example/', true],
  ['*', 'https://a.example/', true],
  ['10.1.2.3', 'https://10.1.2.3/', true],
  ['10.1.2.3:5000', 'http://10.1.2.3:5000/', true],
  ['10.1.2.3', 'https://10.1.2.33/', false],
  ['10.0.0.0/8', 'https://10.200.0.1/', true],
  ['10.0.0.0/8', 'https://11.0.0.1/', false],
  ['10.0.0.0/99', 'https://10.0.0.1/', false],
  ['10.0.0.0/8', 'https://ten.example/', false],
  ['fd00::/8', 'https://[fd12::1]/', true],
  ['[fd12::1]:443', 'https://[fd12:0::1]/', true],
  ['fd12::1', 'https://[fd12::2]/', false],
  ['0.0.1', 'https://10.0.0.1/', false],
])('no_proxy %s for %s: %s', (list, url, direct) => {
  for (const name of ['no_proxy', 'NO_PROXY']) {
    const found = proxyFor(new URL(url), { http_proxy: 'http://p:1', https_proxy: 'http://p:1', [name]: list })
    expect(found === null).toBe(direct)
  }
})

describe('a real proxy', () => {
  test('plain http goes by it, with its password, and both hosts are listed; exceptions do not', async () => {
    const { url, asked } = await proxy()
    const withPassword = url.replace('//', '//user:word@')
    const http = makeHttp({ HTTP_PROXY: withPassword, NO_PROXY: '.direct.example' })
    expect(await (await http.request('http://far.example:81/x?y')).text()).toBe('by the proxy')
    const basic = `Basic ${Buffer.from('user:word').toString('base64')}`
    expect(asked).toEqual([`GET http://far.example:81/x?y ${basic}`])
    expect(http.hosts()).toEqual([new URL(url).host, 'far.example:81'].sort())
    await expect(http.request('http://no.direct.example:1/')).rejects.toMatchObject({ code: 'unreachable' })
    const local = await origin((_request, response) => response.end('direct'))
    expect(await (await http.request(local)).text()).toBe('direct')
    expect(asked).toHaveLength(1)
  })

  test('https goes through it by CONNECT, whole both ways, also as a stream', async () => {
    const { key, cert, path } = certificateFor('far.example')
    const server = createTlsServer({ key, cert }, (request, response) => {
      let got = 0
      request.on('data', (data: Buffer) => (got += data.length))
      request.on('end', () => response.end(`${request.method} ${request.headers.host} ${got}`))
    })
    const port = (await listening(server)).split(':')[1]
    const { url, asked } = await proxy()
    // In a process of its own: certificates are read at start, and this is how a step gets them.
    const program = `
      import { makePorts } from ${JSON.stringify(join(root, 'src/runner/make-ports.ts'))}
      const { http } = makePorts({ env: process.env, cwd: '/' })
      async function* pieces() { for (let i = 0; i < 5; i++) yield Buffer.alloc(100_000) }
      const say = async (options) => console.log(await (await http.request('https://far.example:${port}/', options)).text())
      await say({})
      await say({ method: 'PUT', body: pieces() })
      await say({ method: 'POST', body: 'text' })
      await say({ method: 'PUT', body: new Blob([Buffer.alloc(77)]) })
      console.log(http.hosts().join())`
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
      cwd: root,
      env: { PATH: process.env['PATH'], https_proxy: url, NODE_EXTRA_CA_CERTS: path },
    })
    let told = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (told += data.toString()))
    await once(child, 'close')
    const far = `far.example:${port}`
    const hosts = [new URL(url).host, far].sort().join()
    expect(told.trim().split('\n')).toEqual([
      `GET ${far} 0`,
      `PUT ${far} 500000`,
      `POST ${far} 4`,
      `PUT ${far} 77`,
      hosts,
    ])
    expect(new Set(asked)).toEqual(new Set([`CONNECT ${far} -`]))
  })

  test('a compressed answer that nobody asked for is read, and the answer says where it came from', async () => {
    const encodings: unknown[] = []
    const { url } = await proxy((request) => {
      encodings.push(request.headers['accept-encoding'])
      return { headers: { 'content-encoding': 'gzip' }, body: gzipSync('unpacked') }
    })
    const response = await makeHttp({ http_proxy: url }).request('http://far.example/a')
    expect([response.url, await response.text()]).toEqual(['http://far.example/a', 'unpacked'])
    expect(encodings).toEqual([undefined])
  })
})

describe('redirects', () => {
  const seen: string[] = []
  const noting: RequestListener = (request, response) => {
    const { authorization = '-', cookie = '-', accept = '-', 'x-api-key': key = '-' } = request.headers
    seen.push(`${request.method} ${request.url} ${authorization} ${cookie} ${String(key)} ${accept}`)
    response.end('there')
  }
  const to =
    (location: string, status = 302): RequestListener =>
    (_request, response) =>
      void response.writeHead(status, { location }).end()
  beforeEach(() => seen.splice(0))
  const headers = { authorization: 'Bearer t', cookie: 'c', 'X-Api-Key': 'k', accept: 'a/b' }

  test('every host is listed, and credentials stay with the origin that they were for', async () => {
    const last = await origin(noting)
    const middle = await origin(to(`${last}/end`))
    const first = await origin((request, response) =>
      request.url === '/' ? to('/again')(request, response) : to(middle)(request, response),
    )
    const http = makeHttp()
    expect(await (await http.request(first, { headers })).text()).toBe('there')
    expect(seen).toEqual(['GET /end - - - a/b'])
    expect(http.hosts()).toEqual([first, middle, last].map((url) => new URL(url).host).sort())
  })

  test('within one origin they go along; a POST becomes a GET but for 307', async () => {
    const answer =
      (status: number): RequestListener =>
      (request, response) =>
        request.url === '/' ? to('/next', status)(request, response) : noting(request, response)
    for (const [status, method] of [
      [302, 'GET'],
      [303, 'GET'],
      [307, 'POST'],
      [308, 'POST'],
    ] as const) {
      await makeHttp().request(await origin(answer(status)), { method: 'POST', body: 'x', headers })
      expect(seen.splice(0)).toEqual([`${method} /next Bearer t c k a/b`])
    }
  })

  test('a body never goes to another origin', async () => {
    const other = await origin(noting)
    const first = await origin(to(other, 307))
    await expect(makeHttp().request(first, { method: 'POST', body: 'refresh_token=x' })).rejects.toMatchObject({
      code: 'unreachable',
      subject: new URL(first).host,
    })
    expect(seen).toEqual([])
  })

  test.each(['ftp://a.example/', 'file:///etc/passwd', 'http://a.example/', 'http://', 'http://192.0.2.1/'])(
    'to %s are not followed',
    async (location) => {
      const first = await origin(to(location))
      const http = makeHttp()
      await expect(http.request(first)).rejects.toMatchObject({ code: 'unreachable' })
      expect(http.hosts()).toEqual([new URL(first).host])
      expect((await http.request(first, { redirect: 'manual' })).status).toBe(302)
    },
  )

  test('six of them are too many', async () => {
    let asked = 0
    const first = await origin((request, response) => {
      asked += 1
      to(`/${asked}`)(request, response)
    })
    await expect(makeHttp().request(first)).rejects.toThrow('redirects more than 5 times')
    expect(asked).toBe(6)
  })

  test('https never goes on as http, not even on this machine', async () => {
    const plain = await origin(noting)
    // The same program over TLS would need a certificate; what is tried is the step from an https URL.
    const real = globalThis.fetch
    globalThis.fetch = async () => new Response(null, { status: 302, headers: { location: plain } })
    try {
      await expect(makeHttp().request('https://a.example/')).rejects.toMatchObject({ code: 'unreachable' })
    } finally {
      globalThis.fetch = real
    }
    expect(seen).toEqual([])
  })
})

test('an answer that does not begin is not waited for; one that began may last', async () => {
  const answerMs = 300
  const mute = await origin(() => {})
  await expect(makeHttp().request(mute, { answerMs })).rejects.toMatchObject({
    code: 'timeout',
    message: `${new URL(mute).host} gave no answer within 0.3 s`,
    remedy: expect.stringContaining('tried again'),
  })
  const slow = await origin((_, response) => {
    response.writeHead(200)
    response.write('a')
    setTimeout(() => response.end('b'), 2 * answerMs)
  })
  expect(await (await makeHttp().request(slow, { answerMs })).text()).toBe('ab')
})

test('what is this machine, in every spelling', () => {
  const own = ['localhost', 'a.localhost', 'localhost.', '127.0.0.1', '127.1', '2130706433', '0x7f.1', '0.0.0.0', '0']
  const six = ['[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:0.0.0.0]', '[64:ff9b::127.0.0.1]', '[::127.0.0.1]']
  for (const host of [...own, ...six])
    expect([host, reachesItself(new URL(`https://${host}/`).hostname)]).toEqual([host, true])
  for (const host of [
    'a.example',
    'localhost.example',
    '128.0.0.1',
    '10.127.0.1',
    '[2001:db8::1]',
    '[fd00::7f01]',
    '[2001:db8:1:2:3:4:0:5]',
    '192.0.2.1',
  ])
    expect([host, reachesItself(new URL(`https://${host}/`).hostname)]).toEqual([host, false])
  expect(isLoopback('a.localhost')).toBe(false)
})
