import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { join } from 'node:path'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { call } from '../../src/kbs/call.ts'
import { kbsAdmin } from '../../src/kbs/client.ts'
import { sampleGuest } from '../../src/kbs/keyed-attester.ts'
import { rcarSession } from '../../src/kbs/rcar.ts'
import { checkKbsUrl } from '../../src/kbs/uri.ts'
import { startKbs, type RunningKbs } from '../../src/kbs-server/server.ts'
import { makeHttp } from '../../src/runner/http.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { startProxy, testAuthority } from '../../testkit/tls.ts'

// A KBS by each way that leads to it, over real sockets: the embedded one behind a server of the test.

const path = ['default', 'key', 'one'] as const
let kbs: RunningKbs
const servers: Server[] = []

beforeAll(async () => {
  const ports = testPorts()
  kbs = await startKbs({ directory: scratch('kbs'), listen: '127.0.0.1:0', ports })
  const key = kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }).toString()
  const admin = kbsAdmin(kbs.url, adminToken(key, ports.clock), ports)
  await admin.setResourcePolicy('package policy\ndefault allow := true\n')
  await admin.setResource(path, Buffer.from('the value'), null)
})
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  await kbs.close()
})

function pass(request: IncomingMessage, response: ServerResponse): void {
  const { method, headers, url } = request
  const onward = forward(kbs.url + url, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  request.pipe(onward)
}

async function listening(server: Server, place: string | number = 0): Promise<number> {
  servers.push(server)
  if (typeof place === 'string') server.listen(place)
  else server.listen(place, '127.0.0.1')
  await once(server, 'listening')
  const at = server.address()
  return at !== null && typeof at === 'object' ? at.port : 0
}

async function readBy(url: string, env: Record<string, string> = {}): Promise<string> {
  const ports = { ...testPorts(), http: makeHttp(env) }
  return (await rcarSession(checkKbsUrl(url, 'kbs-url'), sampleGuest(), ports).resource(path)).toString()
}

test('http on loopback goes by no proxy', async () => {
  const proxy = await startProxy()
  expect(await readBy(kbs.url, { http_proxy: proxy.url })).toBe('the value')
  expect(proxy.asked).toEqual([])
  await proxy.close()
})

test('a Unix socket, with cookies, and one where nothing listens', async () => {
  const socket = join(scratch('socket'), 'kbs.sock')
  await listening(createServer(pass), socket)
  expect(await readBy(`unix:${socket}`, { http_proxy: 'http://127.0.0.1:9' })).toBe('the value')
  await expect(readBy(`unix:${socket}x`)).rejects.toMatchObject({ code: 'unreachable' })
})

test('a slow answer over a Unix socket ends in time', async () => {
  const socket = join(scratch('socket'), 'slow.sock')
  await listening(
    createServer((_, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 50)
      response.on('close', () => clearInterval(timer))
    }),
    socket,
  )
  const slow = call(testPorts(), `unix:${socket}:/kbs/v0/auth`, { signal: AbortSignal.timeout(400) })
  await expect(slow).rejects.toMatchObject({ code: 'timeout' })
})

describe('https with an authority of its own, by name', () => {
  const authority = testAuthority()
  let port = 0
  beforeAll(async () => {
    const { certificate, key } = authority.issue('kbs.test')
    port = await listening(createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, pass))
  })

  test('through a proxy by CONNECT with its login; without the authority nothing is sent', async () => {
    const proxy = await startProxy()
    const https_proxy = proxy.url.replace('http://', 'http://user:pass%20word@')
    const url = `https://kbs.test:${port}`
    await expect(readBy(url, { https_proxy })).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('certificate') as string,
    })
    expect(await readBy(url, { https_proxy, SSL_CERT_FILE: authority.path })).toBe('the value')
    const login = Buffer.from('user:pass word').toString('base64')
    expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT kbs.test:${port} Basic ${login}`]))
    await proxy.close()
  })

  test('a name in NO_PROXY goes directly, in upper and lower case', async () => {
    const proxy = await startProxy()
    for (const name of ['NO_PROXY', 'no_proxy'])
      await expect(
        readBy(`https://kbs.test:${port}`, { HTTPS_PROXY: proxy.url, [name]: 'kbs.test' }),
      ).rejects.toMatchObject({
        code: 'unreachable',
        message: expect.not.stringContaining('proxy') as string,
      })
    expect(proxy.asked).toEqual([])
    await proxy.close()
  })

  test('a server whose certificate has another name', async () => {
    const { certificate, key } = authority.issue('other.test')
    const other = await listening(createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, pass))
    const proxy = await startProxy()
    const asked = readBy(`https://kbs.test:${other}`, { https_proxy: proxy.url, SSL_CERT_FILE: authority.path })
    await expect(asked).rejects.toMatchObject({ code: 'unreachable' })
    await proxy.close()
  })
})

test.each([
  'http://kbs.example',
  'http://192.0.2.1:8080',
  'ftp://127.0.0.1',
  'https://user:pass@kbs.example',
  'https://kbs.example/?x=1',
  'unix:relative.sock',
  `unix:/${'a'.repeat(107)}`,
  'unix:/a:b',
  'kbs.example',
])('%s is refused', (url) => {
  expect(() => checkKbsUrl(url, 'kbs-url')).toThrow(
    expect.objectContaining({ code: 'input-invalid', subject: 'kbs-url' }),
  )
})

test('where a running KBS is asked, an embedded one is served first', () => {
  expect(() => checkKbsUrl('embedded:kbs', 'kbs-url')).toThrow(
    expect.objectContaining({ remedy: expect.stringContaining('kbs dev-server') }),
  )
})
