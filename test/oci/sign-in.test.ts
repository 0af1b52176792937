import type { HttpResponse } from '../../src/base/ports.ts'
import { createServer, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { openSession } from '../../src/oci/session.ts'
import { covers, merged } from '../../src/oci/scopes.ts'
import type { Digest } from '../../src/oci/types.ts'
import { makeExec } from '../../src/runner/exec.ts'
import { scratch } from '../../testkit/ports.ts'
import { codeOf, hastyPorts, storeOf } from './helpers.ts'

interface Asked {
  method: string
  url: string
  path: string
  scopes: string[]
  authorization: string
  form: URLSearchParams
}

interface Answer {
  status: number
  headers?: Record<string, string | string[]>
  body?: string
}

/** A registry with its token service in one server, and what was asked of them. */
async function withService(
  answer: (asked: Asked, host: string) => Answer,
  entry: object | null,
  fn: (host: string, ports: ReturnType<typeof hastyPorts>, asked: Asked[]) => Promise<void>,
): Promise<void> {
  const seen: Asked[] = []
  const server = createServer(async (request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`)
    const asked = {
      method: request.method ?? '',
      url: request.url ?? '',
      path: url.pathname,
      scopes: url.searchParams.getAll('scope'),
      authorization: request.headers.authorization ?? '',
      form: new URLSearchParams(Buffer.concat(chunks).toString()),
    }
    seen.push(asked)
    const { status, headers = {}, body = '' } = answer(asked, url.host)
    response.writeHead(status, headers).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const folder = scratch('config')
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ auths: entry === null ? {} : { [host]: entry } }))
  try {
    await fn(host, hastyPorts({ env: { DOCKER_CONFIG: folder, PATH: process.env['PATH'] } }), seen)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const challenge = (host: string, more = ''): Answer => ({
  status: 401,
  headers: { 'www-authenticate': `Bearer realm="http://${host}/token",service="s"${more}` },
})
const token = (value: string, more: object = {}): Answer => ({
  status: 200,
  body: JSON.stringify({ token: value, ...more }),
})
const fine: Answer = { status: 200, body: '{"tags":[]}' }
const basicOf = (text: string): string => `Basic ${btoa(text)}`
const pathsOf = (asked: readonly Asked[]): string[] => asked.map(({ method, path }) => `${method} ${path}`)

describe('an identity token', () => {
  const entry = { auth: btoa('00000000:'), identitytoken: 'i1' }

  test.each<[string, number, object, string]>([
    ['a service that knows no POST gets it as a password, with the name of the login', 405, entry, '00000000:i1'],
    ['so does one that has no such page', 404, entry, '00000000:i1'],
    ['without a name the place of it is marked', 401, { identitytoken: 'i1' }, '<token>:i1'],
  ])('%s', async (_name, status, login, pair) => {
    const answer = ({ method, path, authorization }: Asked, host: string): Answer => {
      if (path !== '/token') return authorization === 'Bearer good' ? fine : challenge(host)
      if (method === 'POST') return { status }
      return authorization === basicOf(pair) ? token('good') : { status: 401 }
    }
    await withService(answer, login, async (host, ports, asked) => {
      expect(await storeOf(`${host}/a`, ports).tags()).toEqual([])
      expect(pathsOf(asked)).toEqual(['GET /v2/a/tags/list', 'POST /token', 'GET /token', 'GET /v2/a/tags/list'])
      const { form } = asked[1] as Asked
      expect(Object.fromEntries(form)).toEqual({
        grant_type: 'refresh_token',
        refresh_token: 'i1',
        client_id: 'sealwright',
        service: 's',
        scope: 'repository:a:pull',
      })
    })
  })

  test('other failures of the POST are not tried as a password', async () => {
    const answer = ({ path }: Asked, host: string): Answer => (path === '/token' ? { status: 500 } : challenge(host))
    await withService(answer, entry, async (host, ports, asked) => {
      expect(await codeOf(storeOf(`${host}/a`, ports).tags())).toBe('registry-error')
      expect(pathsOf(asked)).toEqual(['GET /v2/a/tags/list', 'POST /token'])
    })
  })

  test('one that the service renews is used from then on', async () => {
    let given = 0
    const answer = ({ path, authorization }: Asked, host: string): Answer => {
      if (path === '/token')
        return { status: 200, body: `{"access_token":"t${++given}","refresh_token":"i${given + 1}"}` }
      return authorization === 'Bearer t2' ? fine : challenge(host)
    }
    await withService(answer, entry, async (host, ports, asked) => {
      const session = openSession(host, 'a', ports)
      expect(await codeOf(session.send('tags/list'))).toBe('unauthorized')
      expect((await session.send('tags/list')).status).toBe(200)
      expect(asked.filter(({ method }) => method === 'POST').map(({ form }) => form.get('refresh_token'))).toEqual([
        'i1',
        'i2',
      ])
    })
  })
})

test('without a login a token is asked for anonymously', async () => {
  const answer = ({ path, authorization }: Asked, host: string): Answer =>
    path === '/token' ? token('good') : authorization === 'Bearer good' ? fine : challenge(host)
  await withService(answer, null, async (host, ports, asked) => {
    expect(await storeOf(`${host}/a`, ports).tags()).toEqual([])
    expect(asked[1]).toMatchObject({ path: '/token', authorization: '' })
  })
})

test('tokens: one for reading, one for writing, none asked for twice, and requests at once share one', async () => {
  const answer = ({ path, scopes, authorization }: Asked, host: string): Answer => {
    if (path === '/token') return token(scopes[0]?.endsWith('pull,push') === true ? 'rw' : 'r')
    return authorization === '' ? challenge(host) : fine
  }
  await withService(answer, { auth: btoa('u:p') }, async (host, ports, asked) => {
    const session = openSession(host, 'a', ports)
    await Promise.all([session.send('tags/list'), session.send('tags/list'), session.send('tags/list')])
    expect(asked.filter(({ path }) => path === '/token')).toHaveLength(1)
    await session.send('manifests/x', { method: 'PUT', body: 'x' })
    await session.send('manifests/y', { method: 'PUT', body: 'y' })
    await session.send('tags/list')
    const tokens = asked.filter(({ path }) => path === '/token')
    expect(tokens.map(({ scopes }) => scopes)).toEqual([['repository:a:pull'], ['repository:a:pull,push']])
    // The way to write was known, so that no request was refused before.
    expect(asked.filter(({ method }) => method === 'PUT').map(({ authorization }) => authorization)).toEqual([
      'Bearer rw',
      'Bearer rw',
    ])
  })
})

/** Ports with a clock that the test turns. */
const turned = (ports: ReturnType<typeof hastyPorts>): { ports: typeof ports; turn: (ms: number) => void } => {
  let now = 0
  return {
    turn: (ms) => {
      now += ms
    },
    ports: { ...ports, clock: { ...ports.clock, monotonic: () => now } },
  }
}

test('a token is renewed before it ends, and for a body that can be sent once when half its life is over', async () => {
  let given = 0
  const answer = ({ path, authorization }: Asked, host: string): Answer =>
    path === '/token' ? token(`t${++given}`, { expires_in: 300 }) : authorization === '' ? challenge(host) : fine
  await withService(answer, null, async (host, before) => {
    const { ports, turn } = turned(before)
    const session = openSession(host, 'a', ports)
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('x')
    }
    const write = (): Promise<HttpResponse> => session.send('x', { method: 'PATCH', body: stream(), once: true })
    await session.send('x', { method: 'POST' })
    expect(given).toBe(1)
    turn(149_000)
    await write()
    expect(given).toBe(1)
    turn(2_000)
    await session.send('tags/list')
    expect(given).toBe(1)
    await write()
    expect(given).toBe(2)
    turn(271_000)
    await session.send('tags/list')
    expect(given).toBe(3)
  })
})

test('a token that ends all the same in the middle of a copy is renewed, once a request', async () => {
  let valid = ''
  let given = 0
  const answer = ({ path, authorization }: Asked, host: string): Answer => {
    if (path === '/token') return token((valid = `t${++given}`))
    return authorization === `Bearer ${valid}` ? fine : challenge(host, ',error="invalid_token"')
  }
  await withService(answer, { auth: btoa('u:p') }, async (host, ports) => {
    const session = openSession(host, 'a', ports)
    await session.send('tags/list')
    valid = 'withdrawn'
    expect((await session.send('manifests/x', { method: 'PUT', body: Buffer.from('again') })).status).toBe(200)
    expect(given).toBe(2)
  })
  await withService(
    ({ path }, host) => (path === '/token' ? token('t') : challenge(host, ',error="invalid_token"')),
    { auth: btoa('u:p') },
    async (host, ports, asked) => {
      expect(await codeOf(openSession(host, 'a', ports).send('tags/list'))).toBe('unauthorized')
      expect(asked).toHaveLength(3)
    },
  )
})

test('a stream that meets the end of its token is not sent again, but what follows has a new one', async () => {
  let valid = ''
  let given = 0
  const answer = ({ path, authorization }: Asked, host: string): Answer => {
    if (path === '/token') return token((valid = `t${++given}`), { expires_in: 300 })
    return authorization === `Bearer ${valid}` ? fine : challenge(host, ',error="invalid_token"')
  }
  await withService(answer, null, async (host, ports) => {
    const session = openSession(host, 'a', ports)
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('x')
    }
    const put = (): Promise<HttpResponse> => session.send('x', { method: 'PUT', body: stream(), once: true })
    // Nothing was signed in to: there is no token that could have ended.
    expect(await codeOf(put())).toBe('unauthorized')
    await session.send('x', { method: 'POST' })
    valid = 'withdrawn'
    await expect(put()).rejects.toMatchObject({
      code: 'registry-error',
      message: expect.stringContaining('stopped accepting its token during PUT (401'),
    })
    expect(given).toBe(2)
    expect((await put()).status).toBe(200)
    expect(given).toBe(2)
  })
})

test('what a registry says is lacking is asked for, once', async () => {
  const wants = (scope: string, host: string): Answer => challenge(host, `,scope="${scope}",error="insufficient_scope"`)
  const answer = ({ path, scopes, authorization }: Asked, host: string): Answer => {
    if (path === '/token') return token(scopes.length > 1 ? 'both' : 'one')
    if (authorization === '') return challenge(host)
    return authorization === 'Bearer both' ? fine : wants('repository:a:pull repository:b:pull', host)
  }
  await withService(answer, null, async (host, ports, asked) => {
    expect((await openSession(host, 'a', ports).send('tags/list')).status).toBe(200)
    expect(asked.filter(({ path }) => path === '/token').map(({ scopes }) => scopes)).toEqual([
      ['repository:a:pull'],
      ['repository:a:pull', 'repository:b:pull'],
    ])
  })
  await withService(
    ({ path }, host) => (path === '/token' ? token('one') : wants('repository:a:delete', host)),
    null,
    async (host, ports, asked) => {
      expect(await codeOf(openSession(host, 'a', ports).send('tags/list'))).toBe('unauthorized')
      expect(asked.length).toBeLessThanOrEqual(5)
    },
  )
})

test('a mount asks to read its source, too', async () => {
  const blob = { digest: sha256('layer') as Digest, size: 5 }
  const answer = ({ method, path, authorization }: Asked, host: string): Answer => {
    if (path === '/token') return token('good')
    if (authorization === '') return challenge(host, ',scope="repository:to:pull"')
    return { status: method === 'HEAD' ? 404 : 201 }
  }
  await withService(answer, null, async (host, ports, asked) => {
    const stream = (async function* (): AsyncGenerator<Uint8Array> {})()
    await storeOf(`${host}/to`, ports).putBlob({ stream, expect: blob, mountFrom: 'from' })
    const last = asked.filter(({ path }) => path === '/token').at(-1)
    expect(last?.scopes).toEqual(['repository:to:pull,push', 'repository:from:pull'])
  })
})

test.each<[string, (host: string) => Answer, string]>([
  ['a redirect', () => ({ status: 307, headers: { location: 'http://127.0.0.1:9/token' } }), 'registry-error'],
  ['more than 128 KiB', () => ({ status: 200, body: `{"token":"${'a'.repeat(200_000)}"}` }), 'format-invalid'],
  ['a list', () => ({ status: 200, body: '["t"]' }), 'registry-error'],
  ['403', () => ({ status: 403 }), 'unauthorized'],
])('a token service that answers with %s', async (_name, reply, code) => {
  await withService(
    ({ path }, host) => (path === '/token' ? reply(host) : challenge(host)),
    { auth: btoa('u:p') },
    async (host, ports) => {
      expect(await codeOf(storeOf(`${host}/a`, ports).tags())).toBe(code)
    },
  )
})

test.each([
  ['http://r.example/token', 'http://r.example/', true],
  ['http://t.example/token', 'http://r.example/', false],
  ['http://r.example:81/token', 'http://r.example/', false],
  ['http://r.example/token', 'https://r.example/', false],
  ['https://t.example/token', 'https://r.example/', true],
  ['http://127.0.0.1/token', 'https://r.example/', false],
  ['file:///token', 'https://r.example/', false],
  ['token', 'https://r.example/', false],
])('the token service %s of a registry at %s', async (realm, base, asked) => {
  const { fetchToken } = await import('../../src/oci/auth.ts')
  const urls: string[] = []
  const http = {
    request: async (url: string) => {
      urls.push(url)
      return new Response('{"token":"t"}')
    },
    hosts: () => [],
    serverKey: () => Promise.reject(new Error('none')),
  }
  const found = fetchToken(
    {
      challenge: { scheme: 'bearer', realm, service: null, scope: null },
      scopes: [],
      credential: { kind: 'basic', username: 'u', password: 'p', source: 'a file' },
      host: 'r.example',
      base: new URL(base),
    },
    hastyPorts({ http }),
  )
  expect(await codeOf(found)).toBe(asked ? 'none' : 'registry-error')
  expect(urls).toHaveLength(asked ? 1 : 0)
})

describe('scopes', () => {
  test.each([
    [['repository:a:pull'], 'repository:a:push', ['repository:a:pull,push']],
    [['repository:a:pull,push'], 'repository:a:pull *', ['repository:a:pull,push', '*']],
    [['repository:h:5000/a:pull'], null, ['repository:h:5000/a:pull']],
    [['repository:a:pull'], 'registry:catalog:*', ['repository:a:pull', 'registry:catalog:*']],
  ])('%j with %j', (needed, named, expected) => {
    expect(merged(needed, named)).toEqual(expected)
  })

  test.each([
    [['repository:a:pull,push'], ['repository:a:pull'], true],
    [['repository:a:pull'], ['repository:a:pull,push'], false],
    [['repository:a:pull'], ['repository:ab:pull'], false],
    [['*'], ['repository:a:pull'], false],
    [['repository:a:pull', 'repository:b:pull'], ['repository:b:pull'], true],
  ])('%j for %j', (have, need, expected) => {
    expect(covers(have, need)).toBe(expected)
  })
})

describe('a credential helper', () => {
  async function ask(
    config: object,
    script: string | null,
  ): Promise<{ code: unknown; message: string; remedy: string }> {
    const folder = scratch('helper')
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    if (script !== null) {
      writeFileSync(join(bin, 'docker-credential-mine'), `#!/bin/sh\nread server\n${script}\n`)
      chmodSync(join(bin, 'docker-credential-mine'), 0o755)
    }
    let caught: unknown
    await withService(
      ({ authorization }) =>
        authorization === basicOf('u:') ? fine : { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } },
      null,
      async (host, before) => {
        writeFileSync(join(folder, 'config.json'), JSON.stringify(config).replaceAll('HOST', host))
        const env = { DOCKER_CONFIG: folder, PATH: `${bin}:${process.env['PATH']}` }
        const ports = { ...before, env, exec: makeExec(env) }
        caught = await storeOf(`${host}/a`, ports)
          .tags()
          .catch((error: unknown) => error)
      },
    )
    return caught as never
  }

  test.each([[{ credsStore: 'mine' }], [{ credHelpers: { HOST: 'mine' } }]])(
    'of %j gives a name and an empty password',
    async (config) => {
      expect(await ask(config, 'echo "{\\"Username\\":\\"u\\",\\"Secret\\":\\"\\"}"')).toEqual([])
    },
  )

  test.each<[string, string | null, object]>([
    [
      'that is not installed',
      null,
      { code: 'tool-missing', message: expect.stringMatching(/config\.json: credsStore names docker-credential-mine/) },
    ],
    [
      'that fails',
      'echo "the wallet is locked"; exit 3',
      {
        code: 'unauthorized',
        message: 'docker-credential-mine ended with 3: the wallet is locked',
        remedy: expect.stringMatching(/config\.json: credsStore/),
      },
    ],
    ['that has no entry', 'echo "credentials not found in native keychain"; exit 1', { code: 'unauthorized' }],
    ['that answers something else', 'echo "no json"', { message: expect.stringContaining('docker-credential-mine') }],
  ])('%s', async (_name, script, expected) => {
    expect(await ask({ credsStore: 'mine' }, script)).toMatchObject(expected)
  })

  test('with a name that is a path', async () => {
    expect(await ask({ credsStore: '../mine' }, null)).toMatchObject({ code: 'file-invalid' })
  })
})
