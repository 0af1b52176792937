// Variants of faults that were reported against registries and against us: each row is another member of one kind.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { TransportError } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/streams.ts'
import { openSession } from '../../src/oci/session.ts'
import type { Digest } from '../../src/oci/types.ts'
import { fakeHttp, scratch } from '../../testkit/ports.ts'
import { codeOf, fakeServer, hastyPorts, readAll, storeOf, type Handler } from './helpers.ts'

const blob = { digest: sha256('layer') as Digest, size: 5 }

describe('an https registry that goes on by http', () => {
  /** Answers of a registry `r.example` in turn by method, and the addresses that were asked. */
  function over(answers: Record<string, () => Response>): { sent: string[]; http: ReturnType<typeof fakeHttp> } {
    const sent: string[] = []
    const http = fakeHttp(async (url, { method = 'GET', headers = {} } = {}) => {
      sent.push(`${method} ${url.replace(/\?.*/, '')} ${headers['authorization'] ?? '-'}`)
      return answers[method]?.() ?? new Response(null, { status: 404 })
    })
    return { sent, http }
  }
  const to = (status: number, location: string) => () => new Response(null, { status, headers: { location } })
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('layer')
  }

  test('for the second part of an upload', async () => {
    const { sent, http } = over({
      POST: to(202, 'https://r.example/v2/a/blobs/uploads/1'),
      PATCH: to(202, 'http://storage.example/2'),
    })
    const store = storeOf('r.example/a', hastyPorts({ http }))
    expect(await codeOf(store.putBlob({ stream: stream() }))).toBe('registry-error')
    expect(sent.filter((line) => line.includes('http://'))).toEqual([])
  })

  test('for a mount that it turns into an upload', async () => {
    const { sent, http } = over({ POST: to(202, 'http://storage.example/1') })
    const store = storeOf('r.example/a', hastyPorts({ http }))
    expect(await codeOf(store.putBlob({ stream: stream(), expect: blob, mountFrom: 'b' }))).toBe('registry-error')
    expect(sent.filter((line) => line.startsWith('PUT'))).toEqual([])
  })

  test('for a manifest or a blob that is read', async () => {
    const { sent, http } = over({ GET: to(307, 'http://r.example/v2/a/blobs/x') })
    const store = storeOf('r.example/a', hastyPorts({ http }))
    expect(await codeOf(store.getManifest(blob.digest))).toBe('registry-error')
    expect(await codeOf(store.openBlob(blob))).toBe('registry-error')
    expect(sent).toHaveLength(2)
  })

  test('an address without a scheme stays on https, and gets no password of the registry', async () => {
    const home = scratch('home')
    mkdirSync(join(home, '.docker'))
    writeFileSync(join(home, '.docker/config.json'), JSON.stringify({ auths: { 'r.example': { auth: btoa('u:p') } } }))
    const sent: string[] = []
    const http = fakeHttp(async (url, { method = 'GET', headers = {} } = {}) => {
      const authorization = headers['authorization'] ?? '-'
      sent.push(`${method} ${new URL(url).origin} ${authorization}`)
      if (method === 'HEAD') return new Response(null, { status: 404 })
      if (method === 'PUT') return new Response(null, { status: 201 })
      if (authorization === '-')
        return new Response(null, { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } })
      const started = new Response(null, { status: 202, headers: { location: '//storage.example/1' } })
      return Object.defineProperty(started, 'url', { value: url })
    })
    const store = storeOf('r.example/a', hastyPorts({ http, env: { HOME: home } }))
    expect(await codeOf(store.putBlob({ bytes: Buffer.from('layer') }))).toBe('none')
    expect(sent.at(-1)).toBe('PUT https://storage.example -')
    expect(sent.filter((line) => line.startsWith('POST'))).toEqual([
      'POST https://r.example -',
      `POST https://r.example Basic ${btoa('u:p')}`,
    ])
  })
})

describe('a registry that offers several ways to sign in', () => {
  test.each<[string, (realm: string) => string | string[]]>([
    ['Basic first, in one field', (realm) => `Basic realm="R", charset="UTF-8", Bearer realm="${realm}",service="s"`],
    ['Basic first, in two fields', (realm) => ['Basic realm="Gitea, Container Registry"', `Bearer realm="${realm}"`]],
    ['Negotiate with a token, then both', (realm) => [`Negotiate YWJj==, bearer realm=${realm}`, 'Basic realm="x"']],
    ['Bearer twice, once without an address', (realm) => `Bearer error="x", Bearer realm="${realm}", Basic realm="x"`],
  ])('%s', async (_name, field) => {
    const asked: string[] = []
    const handler: Handler = (request, response, url) => {
      asked.push(`${url.split('?')[0]} ${request.headers.authorization ?? '-'}`)
      if (url.startsWith('/token')) response.end('{"token":"good"}')
      else if (request.headers.authorization === 'Bearer good') response.end('layer')
      else {
        response.setHeader('www-authenticate', field(`http://${request.headers.host}/token`))
        response.writeHead(401).end()
      }
    }
    const server = await fakeServer(handler)
    try {
      expect(await readAll(storeOf(`${server.host}/a`, hastyPorts()), blob)).toBe('layer')
      expect(asked.map((line) => line.split(' ')[1])).toEqual(['-', '-', 'Bearer'])
    } finally {
      await server.close()
    }
  })
})

describe('the remedy of a registry that refuses names the files that were read', () => {
  const handler: Handler = (request, response) =>
    request.headers.authorization === `Basic ${btoa('u:p')}`
      ? response.end('{"tags":[]}')
      : response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()

  /** What comes out with these files below a home (`HOST` stands for the registry) and variables. */
  async function login(
    files: Record<string, object>,
    env: Record<string, string> = {},
  ): Promise<Record<string, string>> {
    const server = await fakeServer(handler)
    const home = scratch('home')
    const filled = (text: string): string => text.replaceAll('HOST', server.host).replaceAll('HOME', home)
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(home, name)), { recursive: true })
      writeFileSync(join(home, name), filled(JSON.stringify(content)))
    }
    const variables = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, filled(value)]))
    try {
      const ports = hastyPorts({ env: { HOME: home, ...variables } })
      const result = await storeOf(`${server.host}/team/app`, ports)
        .tags()
        .then(() => ({ code: 'none' }))
        .catch((error: { code: string; message: string; remedy: string }) => error)
      const { code, message = '', remedy = '' } = result as Record<string, string>
      return { code: code ?? '', message: message.replaceAll(home, 'HOME'), remedy: remedy.replaceAll(home, 'HOME') }
    } finally {
      await server.close()
    }
  }
  const good = { auth: btoa('u:p') }
  const bad = { auth: btoa('u:wrong') }

  test('a login for the path of the repository counts before one for the host', async () => {
    const auths = { HOST: bad, 'HOST/team': good }
    expect(await login({ 'xdg/containers/auth.json': { auths } }, { XDG_RUNTIME_DIR: 'HOME/xdg' })).toMatchObject({
      code: 'none',
    })
    expect(await login({ '.config/containers/auth.json': { auths: { 'HOST/tea': good } } })).toMatchObject({
      code: 'unauthorized',
    })
  })

  test('a refused login is named by its file', async () => {
    expect(await login({ '.docker/config.json': { auths: { HOST: bad } } })).toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining('the credentials of HOME/.docker/config.json are refused'),
      remedy: expect.stringContaining('log in to'),
    })
  })

  test('a file that holds other hosts only, and one that is named and leaves the others unread', async () => {
    expect(await login({ '.config/containers/auth.json': { auths: { 'other.example': good } } })).toMatchObject({
      remedy: expect.stringContaining('HOME/.config/containers/auth.json, HOME/.docker/config.json, HOME/.dockercfg.'),
    })
    const files = { '.docker/config.json': { auths: { HOST: good } }, 'mine.json': { auths: {} } }
    expect(await login(files, { REGISTRY_AUTH_FILE: 'HOME/mine.json' })).toMatchObject({
      remedy: expect.stringMatching(/only HOME\/mine\.json is read: .*skopeo login --authfile HOME\/mine\.json/),
    })
  })
})

describe('a registry with TLS on loopback', () => {
  test.each<[string, string, () => Response]>([
    [
      '[::1]:5000',
      '400 as Go gives it',
      () => new Response('Client sent an HTTP request to an HTTPS server.\n', { status: 400 }),
    ],
    [
      '127.0.0.9:5000',
      '400 as nginx gives it',
      () => new Response('<html>400 The plain HTTP request was sent to HTTPS port', { status: 400 }),
    ],
    [
      'localhost',
      'bytes that are no HTTP',
      () => {
        throw new TransportError('unreachable', 'HPE_INVALID_CONSTANT')
      },
    ],
  ])('%s answers plain http with %s', async (host, _what, refuse) => {
    const asked: string[] = []
    const http = fakeHttp(async (url, { method = 'GET' } = {}) => {
      asked.push(`${method} ${url}`)
      if (url.startsWith('http:')) return refuse()
      return new Response(null, { status: method === 'PUT' ? 201 : 200 })
    })
    const session = openSession(host, 'a', hastyPorts({ http }))
    expect((await session.send('manifests/x', { method: 'PUT', body: 'x' })).status).toBe(201)
    expect(asked).toEqual([
      `PUT http://${host}/v2/a/manifests/x`,
      `GET https://${host}/v2/`,
      `PUT https://${host}/v2/a/manifests/x`,
    ])
  })
})
