import { spawn } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { root } from '../../testkit/peers.ts'
import { certificateFor, startProxy } from '../../testkit/tls.ts'

// The key that a KBS's server must show before it gets an image key (TRUST §4).

const name = 'kbs.example'
const { key, cert, path } = certificateFor(name)
const spki = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' })
const own = `sha256:${createHash('sha256').update(spki).digest('hex')}`
const other = `sha256:${'ab'.repeat(32)}`
const got: string[] = []
let server: Server
let proxy: Awaited<ReturnType<typeof startProxy>>
let at: string

beforeAll(async () => {
  server = createServer({ key, cert }, (request, response) => {
    got.push(`${request.method} ${request.url}`)
    request.resume().on('end', () => response.end('taken'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy = await startProxy()
  at = `https://${name}:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await proxy.close()
})
beforeEach(() => got.splice(0))

/** In a process of its own: certificates are read at start. The name is known to the proxy alone. */
async function outside(lines: string, trusted = true): Promise<string[]> {
  const program = `
    import { makeHttp } from ${JSON.stringify(join(root, 'src/runner/http.ts'))}
    const http = makeHttp(process.env)
    const at = ${JSON.stringify(at)}
    const say = async (what) => console.log(await what.then((value) => value, (error) => error.code + ': ' + error.message))
    const send = async (options) => (await http.request(at + '/resource', { method: 'POST', body: 'SECRET', ...options })).text()
    ${lines}`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    cwd: root,
    env: { PATH: process.env['PATH'], https_proxy: proxy.url, ...(trusted ? { NODE_EXTRA_CA_CERTS: path } : {}) },
  })
  let told = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (told += data.toString()))
  await once(child, 'close')
  return told.trim().split('\n')
}

test('is read by a handshake alone', async () => {
  expect(await outside('await say(http.serverKey(at)); console.log(http.hosts().join())')).toEqual([
    own,
    [new URL(proxy.url).host, new URL(at).host].sort().join(),
  ])
  expect(got).toEqual([])
})

test('is not read where the certificate is not trusted, or nothing answers', async () => {
  expect(await outside('await say(http.serverKey(at))', false)).toEqual([
    expect.stringMatching(/^unreachable: .*self-signed/),
  ])
  expect(await outside("await say(http.serverKey('https://127.0.0.1:1'))")).toEqual([
    expect.stringMatching(/^unreachable: /),
  ])
})

test('a server that shows it gets the request; one that shows another gets nothing of it', async () => {
  const lines = `
    await say(send({ serverKey: ${JSON.stringify(own)} }))
    await say(send({ serverKey: ${JSON.stringify(other)} }))`
  const told = await outside(lines)
  expect(told).toEqual([
    'taken',
    `key-mismatch: ${new URL(at).host} must show the server key ${other}, but shows ${own}`,
  ])
  expect(got).toEqual(['POST /resource'])
})

test('a connection or session of an earlier request does not stand in for the check', async () => {
  const lines = `
    for (let i = 0; i < 3; i += 1) await say(send({}))
    await say(send({ serverKey: ${JSON.stringify(other)} }))
    await say(send({ serverKey: ${JSON.stringify(own)} }))
    await say(send({ serverKey: ${JSON.stringify(other)} }))`
  const told = await outside(lines)
  expect(told.map((line) => line.split(':')[0])).toEqual([
    'taken',
    'taken',
    'taken',
    'key-mismatch',
    'taken',
    'key-mismatch',
  ])
  expect(got).toHaveLength(4)
})

test('plain http shows none', async () => {
  const told = await outside(
    `await say(http.request('http://127.0.0.1:1/', { serverKey: ${JSON.stringify(own)} }).then(() => 'sent'))`,
  )
  expect(told).toEqual([expect.stringMatching(/^key-mismatch: .*not https/)])
})
