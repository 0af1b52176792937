import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { makeHttp } from '../../src/runner/http.ts'
import { freePort } from '../../testkit/free-port.ts'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { startProxy, testAuthority } from '../../testkit/tls.ts'

const open: Server[] = []
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function started(server: Server): Promise<number> {
  open.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A proxy that does this with a tunnel. */
async function refusing(answer: (socket: Socket) => void): Promise<string> {
  const server = createServer()
  server.on('connect', (_request, socket: Socket) => {
    socket.on('error', () => {})
    answer(socket)
  })
  return `127.0.0.1:${await started(server)}`
}

const cases: [string, (socket: Socket) => void, string, RegExp][] = [
  [
    'wants a login',
    (s) => s.end('HTTP/1.1 407 Login\r\n\r\n'),
    'the proxy wants a login (407)',
    /http:\/\/USER:PASSWORD@/,
  ],
  [
    'refuses',
    (s) => s.end('HTTP/1.1 403 No\r\n\r\n'),
    'the proxy refuses the tunnel (403)',
    /lets far\.example:444 through/,
  ],
  ['breaks off', (s) => s.destroy(), 'the proxy broke off', /lets far\.example:444 through/],
]

test.each(cases)('a proxy that %s is named, and its password is not', async (_name, answer, why, remedy) => {
  const host = await refusing(answer)
  const http = makeHttp({ https_proxy: `http://user:hunter2@${host}` })
  const error: unknown = await http.request('https://far.example:444/').catch((caught: unknown) => caught)
  expect(error).toMatchObject({
    code: 'unreachable',
    subject: 'far.example:444',
    message: `far.example:444 cannot be reached through the proxy ${host}: ${why}`,
    remedy: expect.stringMatching(remedy),
  })
  expect(error).toMatchObject({ remedy: expect.stringContaining('no_proxy') })
  expect(JSON.stringify(error) + String(error)).not.toContain('hunter2')
})

test('a proxy that is not there is named', async () => {
  const host = `127.0.0.1:${await freePort()}`
  await expect(makeHttp({ https_proxy: `http://${host}` }).request('https://far.example/')).rejects.toMatchObject({
    message: `far.example cannot be reached through the proxy ${host}: ECONNREFUSED`,
    remedy: expect.stringMatching(/^Check https_proxy and that the proxy/),
  })
  await expect(makeHttp({ HTTP_PROXY: `http://${host}` }).request('http://far.example/')).rejects.toMatchObject({
    remedy: expect.stringMatching(/^Check http_proxy/),
  })
})

describe('TLS of one server, direct and through a proxy', () => {
  const authority = testAuthority()
  const strange = testAuthority()
  const pair = authority.issue('far.example')
  const client = authority.issue('client')
  const pem = (path: string): string => readFileSync(path, 'utf8')

  test('an authority, a client certificate, or no check at all; a wrong authority does not do', async () => {
    const server = createTlsServer(
      {
        key: pem(pair.key),
        cert: pem(pair.certificate),
        ca: pem(authority.path),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        const { CN = 'nobody' } = (request.socket as TLSSocket).getPeerCertificate().subject ?? {}
        response.end(String(CN))
      },
    )
    const port = await started(server)
    const proxy = await startProxy()
    try {
      const http = makeHttp({ https_proxy: proxy.url })
      const ask = async (tls: object | undefined): Promise<string> =>
        (await http.request(`https://far.example:${port}/`, { tls })).text()
      const ours = { certificate: pem(client.certificate), key: pem(client.key) }
      expect(await ask({ ca: [pem(authority.path)] })).toBe('nobody')
      expect(await ask({ ca: [pem(authority.path)], ...ours })).toBe('client')
      expect(await ask({ unverified: true })).toBe('nobody')
      for (const tls of [undefined, {}, { ca: [pem(strange.path)] }, ours])
        await expect(ask(tls)).rejects.toMatchObject({
          code: 'unreachable',
          message: expect.stringContaining('certificate'),
        })
      // What one request was let off does not help the next.
      await expect(ask({})).rejects.toMatchObject({ code: 'unreachable' })
      expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT far.example:${port} -`]))
    } finally {
      await proxy.close()
    }
  })

  test('a client certificate does not follow a redirect to another origin', async () => {
    const seen: string[] = []
    const options = {
      key: pem(pair.key),
      cert: pem(pair.certificate),
      ca: pem(authority.path),
      requestCert: true,
      rejectUnauthorized: false,
    }
    const named = (request: { socket: unknown }): string =>
      String((request.socket as TLSSocket).getPeerCertificate().subject?.CN ?? 'nobody')
    const second = await started(
      createTlsServer(options, (request, response) => {
        seen.push(named(request))
        response.end()
      }),
    )
    const first = await started(
      createTlsServer(options, (request, response) => {
        seen.push(named(request))
        response.writeHead(307, { location: `https://far.example:${second}/` }).end()
      }),
    )
    const proxy = await startProxy()
    try {
      const http = makeHttp({ https_proxy: proxy.url })
      const tls = { ca: [pem(authority.path)], certificate: pem(client.certificate), key: pem(client.key) }
      // The other origin is trusted by what the process trusts only: here it is not.
      await expect(http.request(`https://far.example:${first}/`, { tls })).rejects.toMatchObject({
        code: 'unreachable',
      })
      expect(seen).toEqual(['client'])
    } finally {
      await proxy.close()
    }
  })

  test('SSL_CERT_FILE names authorities beside the usual ones; one that cannot be used is told', async () => {
    const own = authority.issue('127.0.0.1')
    const server = createTlsServer({ key: pem(own.key), cert: pem(own.certificate) }, (_request, response) =>
      response.end('hello'),
    )
    const port = await started(server)
    const empty = join(scratch('pem'), 'empty.pem')
    writeFileSync(empty, '# none\n')
    // In a process of its own: it holds for the whole process.
    const program = `
      import { makeHttp } from ${JSON.stringify(join(root, 'src/runner/http.ts'))}
      const ask = (file, url = 'https://127.0.0.1:${port}/') => makeHttp({ SSL_CERT_FILE: file }).request(url).then((r) => r.text(), (e) => e.code)
      console.log(JSON.stringify([await ask(), await ask('/nowhere.pem'), await ask(${JSON.stringify(empty)}), await ask('/nowhere.pem', 'http://127.0.0.1:1/'),
        await ask(${JSON.stringify(authority.path)}), await ask()]))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', program], {
      cwd: root,
      env: { PATH: process.env['PATH'] },
    })
    expect(JSON.parse(stdout)).toEqual(['unreachable', 'file-missing', 'file-invalid', 'unreachable', 'hello', 'hello'])
  })
})
