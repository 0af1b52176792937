import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { makeExec } from '../../src/runner/exec.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { parseChallenge } from '../../src/oci/auth.ts'
import { fallbackTag } from '../../src/oci/digest.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Digest } from '../../src/oci/types.ts'
import { fakeHttp, scratch } from '../../testkit/ports.ts'
import { codeOf, fakeServer, hastyPorts, readAll, storeOf, type Handler } from './helpers.ts'

const blob = { digest: sha256('layer') as Digest, size: 5 }

/** Runs `fn` against a fake registry with the given docker `config.json` entry for it. */
async function withFake(
  handler: Handler,
  entry: object | null,
  fn: (host: string, ports: ReturnType<typeof hastyPorts>) => Promise<void>,
): Promise<void> {
  const server = await fakeServer(handler)
  const dir = scratch('config')
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ auths: entry === null ? {} : { [server.host]: entry } }))
  try {
    await fn(server.host, hastyPorts({ env: { DOCKER_CONFIG: dir, PATH: process.env['PATH'] } }))
  } finally {
    await server.close()
  }
}
const login = { username: 'u', password: 'p' }

test('429 is retried after the time asked for, and not for ever', async () => {
  let left = 2
  const handler: Handler = (_q, r) => (left-- > 0 ? r.writeHead(429, { 'retry-after': '3' }).end() : r.end('layer'))
  await withFake(handler, null, async (host, ports) => {
    expect(await readAll(storeOf(`${host}/a`, ports), blob)).toBe('layer')
    expect(ports.slept).toHaveLength(2)
    for (const ms of ports.slept) expect(ms).toBeGreaterThanOrEqual(3000)
    left = 1000
    expect(await codeOf(storeOf(`${host}/a`, ports).openBlob(blob))).toBe('registry-error')
    expect(left).toBe(995)
  })
})

test.each<[string, Handler, string]>([
  ['wrong bytes', (_q, r) => r.end('LAYER'), 'digest-mismatch'],
  ['too few bytes', (_q, r) => r.end('lay'), 'digest-mismatch'],
  ['too many bytes', (_q, r) => r.end('layer more'), 'digest-mismatch'],
  [
    'a broken connection',
    (_q, r) => void (r.writeHead(200, { 'content-length': '5' }), r.write('la', () => r.destroy())),
    'unreachable',
  ],
  ['404', (_q, r) => r.writeHead(404).end(), 'missing-blob'],
  ['403', (_q, r) => r.writeHead(403).end('{"errors":[{"code":"DENIED"}]}'), 'unauthorized'],
  ['401 without a way', (_q, r) => r.writeHead(401).end(), 'unauthorized'],
  ['a redirect without end', (_q, r) => r.writeHead(307, { location: '/x' }).end(), 'registry-error'],
  ['a redirect to a file', (_q, r) => r.writeHead(307, { location: 'file:///etc/passwd' }).end(), 'registry-error'],
  [
    'a redirect to plain http',
    (_q, r) => r.writeHead(307, { location: 'http://example.com/x' }).end(),
    'registry-error',
  ],
])('a blob answered with %s', async (_title, handler, code) => {
  await withFake(handler, null, async (host, ports) => {
    expect(
      await codeOf(
        storeOf(`${host}/a`, ports)
          .openBlob(blob)
          .then(() => readAll(storeOf(`${host}/a`, ports), blob)),
      ),
    ).toBe(code)
  })
})

test('a password stays at its registry when a blob is redirected elsewhere', async () => {
  const seen: (string | undefined)[] = []
  const storage = await fakeServer((request, response) => {
    seen.push(request.headers.authorization)
    response.end('layer')
  })
  const handler: Handler = (request, response) => {
    if (request.headers.authorization === undefined)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    else response.writeHead(307, { location: `http://${storage.host}/there` }).end()
  }
  await withFake(handler, login, async (host, ports) => {
    expect(await readAll(storeOf(`${host}/a`, ports), blob)).toBe('layer')
  })
  await storage.close()
  expect(seen).toEqual([undefined])
})

/** A registry that wants a bearer token and hands it out itself. */
const tokenRegistry =
  (seen: string[], answer: string, realm = '/token'): Handler =>
  (request, response, url) => {
    if (url.startsWith('/token')) {
      seen.push(`${request.method} ${url} ${request.headers.authorization ?? ''}`)
      response.end(answer)
    } else if (request.headers.authorization === 'Bearer good') response.end('layer')
    else {
      const at = realm.startsWith('/') ? `http://${request.headers.host}${realm}` : realm
      response
        .writeHead(401, { 'www-authenticate': `Bearer realm="${at}",service="s",scope="repository:a:pull"` })
        .end()
    }
  }

test('a token is asked for once, by password or by identity token', async () => {
  const seen: string[] = []
  await withFake(tokenRegistry(seen, '{"token":"good"}'), login, async (host, ports) => {
    const store = storeOf(`${host}/a`, ports)
    expect(await readAll(store, blob)).toBe('layer')
    expect(await readAll(store, blob)).toBe('layer')
  })
  await withFake(tokenRegistry(seen, '{"access_token":"good"}'), { identitytoken: 'i' }, async (host, ports) => {
    expect(await readAll(storeOf(`${host}/a`, ports), blob)).toBe('layer')
  })
  expect(seen).toEqual([
    `GET /token?service=s&scope=repository%3Aa%3Apull Basic ${Buffer.from('u:p').toString('base64')}`,
    'POST /token ',
  ])
})

test.each([
  ['{"token":"bad"}', '/token', 'unauthorized'],
  ['no json', '/token', 'registry-error'],
  ['{}', '/token', 'registry-error'],
  ['{"token":"a b"}', '/token', 'registry-error'],
  ['{"token":"good"}', 'http://example.com/token', 'registry-error'],
])('a token service that answers %s at %s', async (answer, realm, code) => {
  await withFake(tokenRegistry([], answer, realm), login, async (host, ports) => {
    expect(await codeOf(storeOf(`${host}/a`, ports).openBlob(blob))).toBe(code)
  })
})

const bearer = (realm: string, service: string | null = null, scope: string | null = null) => ({
  scheme: 'bearer',
  realm,
  service,
  scope,
})

test.each([
  ['Basic realm="x", Bearer realm="https://t",scope="a,b"', bearer('https://t', null, 'a,b')],
  ['Bearer realm="https://t",service="s",Basic realm="Gitea Container Registry"', bearer('https://t', 's')],
  ['bearer realm=https://t/a?b=c , service = s , basic realm="x", charset="UTF-8"', bearer('https://t/a?b=c', 's')],
  ['Basic realm="x", Bearer realm="https://t"', bearer('https://t')],
  ['Negotiate, Basic realm="Bearer realm=y", Bearer realm="https://t"', bearer('https://t')],
  ['Negotiate YWJj==, Bearer realm="https://t"', bearer('https://t')],
  ['Basic realm="a \\"quoted\\", Bearer realm=z", Bearer realm="https://t\\,"', bearer('https://t,')],
  [', Bearer realm="https://t", realm="https://evil"', bearer('https://t')],
  ['Bearer realm="https://t", error="x"\u0000, service="s"', bearer('https://t')],
  ['Bearer service="s", Basic realm="x"', { scheme: 'basic' }],
  ['Basic', { scheme: 'basic' }],
  ['Digest realm="x"', null],
  ['Bearer service="x"', null],
  ['realm="https://t"', null],
  ['', null],
  [null, null],
])('the challenge %s', (header, expected) => {
  expect(parseChallenge(header)).toEqual(expected)
})

test('a registry that offers Bearer and Basic in two fields is signed in to by Bearer', async () => {
  const asked: string[] = []
  const handler: Handler = (request, response, url) => {
    asked.push(`${url.split('?')[0]} ${request.headers.authorization ?? '-'}`)
    if (url.startsWith('/token')) response.end('{"token":"good"}')
    else if (request.headers.authorization === 'Bearer good') response.end('layer')
    else {
      const realm = `http://${request.headers.host}/token`
      response.setHeader('www-authenticate', [`Bearer realm="${realm}",service="s"`, 'Basic realm="Gitea"'])
      response.writeHead(401).end()
    }
  }
  await withFake(handler, login, async (host, ports) => {
    expect(await readAll(storeOf(`${host}/a`, ports), blob)).toBe('layer')
  })
  expect(asked[1]).toBe(`/token Basic ${Buffer.from('u:p').toString('base64')}`)
})

test('a login of skopeo or podman is found, before that of docker', async () => {
  const handler: Handler = (request, response) =>
    request.headers.authorization === `Basic ${Buffer.from('sk:opeo').toString('base64')}`
      ? response.end('layer')
      : response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
  await withFake(handler, login, async (host, ports) => {
    const runtime = scratch('run')
    const withRuntime = { ...ports, env: { ...ports.env, XDG_RUNTIME_DIR: runtime } }
    // Docker's own is what counts while the other file is not there.
    expect(await codeOf(storeOf(`${host}/a`, withRuntime).openBlob(blob))).toBe('unauthorized')
    mkdirSync(join(runtime, 'containers'))
    const file = join(runtime, 'containers/auth.json')
    writeFileSync(file, JSON.stringify({ auths: { [host]: { auth: Buffer.from('sk:opeo').toString('base64') } } }))
    expect(await readAll(storeOf(`${host}/a`, withRuntime), blob)).toBe('layer')
    const named = { ...withRuntime, env: { ...withRuntime.env, REGISTRY_AUTH_FILE: join(runtime, 'none.json') } }
    await expect(storeOf(`${host}/a`, named).openBlob(blob)).rejects.toMatchObject({
      code: 'file-missing',
      message: expect.stringContaining('none.json" cannot be read: it does not exist'),
    })
    writeFileSync(file, '[]')
    expect(await codeOf(storeOf(`${host}/a`, withRuntime).openBlob(blob))).toBe('file-invalid')
  })
})

test.each([
  ['http://r.example/v2/a/blobs/uploads/1?s=2', 'https://r.example/v2/a/blobs/uploads/1?s=2'],
  ['https://storage.example/1', 'https://storage.example/1'],
  ['http://r.example:5000/1', null],
  ['http://storage.example/1', null],
  ['http://127.0.0.1:5000/1', null],
  ['ftp://r.example/1', null],
])('an https registry that names %s for an upload', async (location, used) => {
  const sent: string[] = []
  const http = fakeHttp(async (url, { method } = {}) => {
    sent.push(`${method} ${url.split('&')[0]}`)
    if (method === 'POST') {
      const answer = new Response(null, { status: 202, headers: { location } })
      return Object.defineProperty(answer, 'url', { value: url })
    }
    return new Response(null, { status: method === 'HEAD' ? 404 : 201 })
  })
  const done = storeOf('r.example/a', hastyPorts({ http })).putBlob({ bytes: Buffer.from('layer') })
  if (used === null) {
    expect(await codeOf(done)).toBe('registry-error')
    expect(sent.filter((line) => line.startsWith('PUT'))).toEqual([])
  } else {
    await done
    expect(sent.at(-1)?.replace('?digest', '')).toContain(`PUT ${used}`)
  }
})

test('credential helpers are asked, a broken config is told', async () => {
  const handler: Handler = (request, response) =>
    request.headers.authorization === `Basic ${Buffer.from('h:s').toString('base64')}`
      ? response.end('layer')
      : response.writeHead(401, { 'www-authenticate': 'Basic' }).end()
  await withFake(handler, null, async (host) => {
    const dir = scratch('helper')
    const program = join(dir, 'docker-credential-test')
    writeFileSync(
      program,
      `#!/bin/sh\nread server || true\n[ "$1 $server" = "get ${host}" ] && echo '{"Username":"h","Secret":"s"}'\n`,
    )
    chmodSync(program, 0o755)
    const read = (config: string): Promise<unknown> => {
      writeFileSync(join(dir, 'auth.json'), config)
      const env = { REGISTRY_AUTH_FILE: join(dir, 'auth.json'), PATH: `${dir}:${process.env['PATH']}` }
      return codeOf(storeOf(`${host}/a`, hastyPorts({ env, exec: makeExec(env) })).openBlob(blob))
    }
    expect(await read(JSON.stringify({ credHelpers: { [host]: 'test' } }))).toBe('none')
    expect(await read(JSON.stringify({ credsStore: 'test' }))).toBe('none')
    expect(await read(JSON.stringify({ credsStore: '../test' }))).toBe('file-invalid')
    expect(await read(JSON.stringify({ credsStore: 'not-there' }))).toBe('tool-missing')
    expect(await read('{')).toBe('file-invalid')
    expect(await read(JSON.stringify({ auths: { [host]: { auth: 'eA==' } } }))).toBe('file-invalid')
  })
})

test('a manifest is checked against digest and type; an image under the fallback tag is not overwritten', async () => {
  const config = { mediaType: mediaTypes.empty, digest: sha256('{}') as Digest, size: 2 }
  const bytes = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [] })
  const digest = sha256(bytes) as Digest
  const puts: string[] = []
  const handler: Handler = (request, response, url) => {
    if (request.method === 'PUT') {
      puts.push(url)
      response.writeHead(201).end()
    } else if (request.method === 'HEAD') response.writeHead(url.includes('/blobs/') ? 200 : 404).end()
    else if (url.includes('/referrers/')) response.writeHead(404).end()
    else if (url.endsWith('/tags/list')) response.end(JSON.stringify({ tags: [fallbackTag(digest)] }))
    else response.setHeader('content-type', url.includes('odd') ? mediaTypes.index : mediaTypes.manifest).end(bytes)
  }
  await withFake(handler, null, async (host, ports) => {
    const store = storeOf(`${host}/a`, ports)
    expect(await codeOf(store.getManifest(`sha256:${'0'.repeat(64)}`))).toBe('digest-mismatch')
    expect(await codeOf(store.resolve({ tag: 'odd' }))).toBe('format-invalid')
    expect((await store.resolve({ tag: 'v1' }))?.digest).toBe(digest)
    expect(await store.referrers(digest)).toEqual([])
    const subject = { mediaType: mediaTypes.manifest, digest, size: bytes.length }
    expect(await codeOf(putArtifact(store, { artifactType: 'a/b', subject, layers: [] }))).toBe('registry-error')
    expect(puts).toHaveLength(1)
  })
})

test('a manifest that comes without a type of its own is what it says that it is', async () => {
  const config = { mediaType: mediaTypes.empty, digest: sha256('{}') as Digest, size: 2 }
  const said = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [] })
  const silent = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] }))
  const documents: Record<string, Buffer> = { said, silent, neither: Buffer.from('{"schemaVersion":2}') }
  let type: string | null = null
  const handler: Handler = (_request, response, url) => {
    if (type !== null) response.setHeader('content-type', type)
    response.end(documents[url.slice(url.lastIndexOf('/') + 1)])
  }
  await withFake(handler, null, async (host, ports) => {
    const typeOf = async (tag: string) => (await storeOf(`${host}/a`, ports).resolve({ tag }))?.mediaType
    for (type of [null, 'application/json; charset=utf-8', 'application/octet-stream']) {
      expect(await typeOf('said')).toBe(mediaTypes.manifest)
      expect(await typeOf('silent')).toBe(mediaTypes.index)
      expect(await codeOf(typeOf('neither'))).toBe('format-invalid')
    }
    for (type of ['text/html', mediaTypes.index]) expect(await codeOf(typeOf('said'))).toBe('format-invalid')
  })
})

describe('the fallback index of referrers names what a retention rule deleted', () => {
  const config = { mediaType: mediaTypes.empty, digest: sha256('{}') as Digest, size: 2 }
  const bytes = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [] })
  const subject = { mediaType: mediaTypes.manifest, digest: sha256(bytes) as Digest, size: bytes.length }
  const gone = { ...subject, digest: sha256('gone') as Digest }
  const broken = { ...subject, digest: sha256('unreadable') as Digest }

  /** Refuses an index that lists what is not there, with this answer. */
  async function attach(status: number, code: string, entries: readonly object[]): Promise<[unknown, string[]]> {
    let index: Buffer = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: entries, annotations: { a: 'b' } }),
    )
    const there = new Map<string, Buffer>([[broken.digest, Buffer.from('{')]])
    const server = createServer((request, response) => {
      const url = request.url ?? ''
      const name = url.slice(url.lastIndexOf('/') + 1)
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks)
        if (url.includes('/blobs/')) return void response.writeHead(200).end()
        if (url.includes('/referrers/')) return void response.writeHead(404).end()
        if (request.method !== 'PUT') {
          const found = name.startsWith('sha256-') ? index : there.get(name)
          const type = name.startsWith('sha256-') ? mediaTypes.index : mediaTypes.manifest
          return void response.writeHead(found === undefined ? 404 : 200, { 'content-type': type }).end(found)
        }
        if (!name.startsWith('sha256-')) there.set(name, body)
        else if (digestsOf(body).every((digest) => there.has(digest))) index = body
        else return void response.writeHead(status).end(JSON.stringify({ errors: [{ code, message: 'no' }] }))
        response.writeHead(201).end()
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    try {
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0
      const store = storeOf(`127.0.0.1:${port}/a`, hastyPorts())
      const code = await codeOf(putArtifact(store, { artifactType: 'a/b', subject, layers: [] }))
      expect(JSON.parse(index.toString('utf8'))).toMatchObject({ annotations: { a: 'b' } })
      return [code, digestsOf(index)]
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  function digestsOf(index: Buffer): string[] {
    const { manifests } = JSON.parse(index.toString('utf8')) as { manifests: { digest: string }[] }
    return manifests.map(({ digest }) => digest)
  }

  test.each([
    [400, 'MANIFEST_BLOB_UNKNOWN'],
    [404, 'MANIFEST_UNKNOWN'],
    [404, 'BLOB_UNKNOWN'],
  ])('answer %d %s: the entry is left out, and what is there stays, readable or not', async (status, code) => {
    const [ends, digests] = await attach(status, code, [gone, broken])
    expect(ends).toBe('none')
    expect(digests).toHaveLength(2)
    expect(digests).toContain(broken.digest)
    expect(digests).not.toContain(gone.digest)
  })

  test('an index that the registry refuses for another reason stays as it is', async () => {
    expect(await attach(400, 'TAG_INVALID', [gone, broken])).toEqual(['registry-error', [gone.digest, broken.digest]])
  })
})

test('a blob is looked for once, and an upload is remembered', async () => {
  const asked: string[] = []
  const handler: Handler = (request, response) => {
    asked.push(`${request.method} ${request.url?.split('?')[0]}`)
    request.resume()
    if (request.method === 'HEAD') response.writeHead(404).end()
    else if (request.method === 'POST') response.writeHead(202, { location: '/v2/a/blobs/uploads/1' }).end()
    else response.writeHead(201).end()
  }
  await withFake(handler, null, async (host, ports) => {
    const store = storeOf(`${host}/a`, ports)
    for (let i = 0; i < 2; i++) await store.putBlob({ bytes: Buffer.from('{}') })
    expect(await store.hasBlob(sha256('{}') as Digest)).toBe(true)
    // Another repository of the same registry may lack it.
    expect(await storeOf(`${host}/b`, ports).hasBlob(sha256('{}') as Digest)).toBe(false)
    expect(asked).toEqual([
      `HEAD /v2/a/blobs/${sha256('{}')}`,
      'POST /v2/a/blobs/uploads/',
      'PUT /v2/a/blobs/uploads/1',
      `HEAD /v2/b/blobs/${sha256('{}')}`,
    ])
  })
})

const long = Buffer.alloc(300_000, 'abcdefghij')
const longBlob = { digest: sha256(long) as Digest, size: long.length }

/** Sends what is asked for from there on, but breaks after `most` bytes; `ranges: false` ignores `Range`. */
const breaking =
  (asked: (string | undefined)[], most: number, ranges = true): Handler =>
  (request, response) => {
    asked.push(request.headers.range)
    const from = ranges ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0
    const part = long.subarray(from, from + most * (ranges ? 1 : asked.length))
    const whole = from + part.length === long.length
    if (from > 0) response.setHeader('content-range', `bytes ${from}-${long.length - 1}/${long.length}`)
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': String(long.length - from) })
    if (whole) response.end(part)
    else response.write(part, () => setTimeout(() => response.destroy(), 20))
  }

test.each([true, false])('a pull that breaks goes on where it ended (server knows ranges: %s)', async (ranges) => {
  const asked: (string | undefined)[] = []
  await withFake(breaking(asked, 100_000, ranges), null, async (host, ports) => {
    expect(await readAll(storeOf(`${host}/a`, ports), longBlob)).toBe(long.toString())
    expect(asked).toEqual([undefined, 'bytes=100000-', 'bytes=200000-'])
    expect(ports.slept).toHaveLength(2)
  })
})

test.each<[string, (response: Parameters<Handler>[1], from: number) => void, string]>([
  ['another range', (r) => r.writeHead(206, { 'content-range': 'bytes 5-299999/300000' }).end('x'), 'registry-error'],
  ['no range at all', (r) => r.writeHead(206).end('x'), 'registry-error'],
  [
    'other bytes',
    (r, from) => r.writeHead(206, { 'content-range': `bytes ${from}-` }).end(Buffer.alloc(300_000 - from)),
    'digest-mismatch',
  ],
  ['nothing left', (r) => r.writeHead(416).end(), 'digest-mismatch'],
  ['a blob that is gone', (r) => r.writeHead(404).end(), 'missing-blob'],
])('a pull that breaks and is answered with %s', async (_name, answer, code) => {
  const handler: Handler = (request, response) => {
    const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]
    if (from !== undefined) answer(response, Number(from))
    else {
      response.writeHead(200, { 'content-length': '300000' })
      response.write(long.subarray(0, 4), () => setTimeout(() => response.destroy(), 20))
    }
  }
  await withFake(handler, null, async (host, ports) => {
    expect(await codeOf(readAll(storeOf(`${host}/a`, ports), longBlob))).toBe(code)
  })
})

test.each<[string, object | string, string]>([
  ['a token for the registry itself', { registrytoken: 'good' }, 'Bearer good'],
  ['a name with an empty password', { username: 'token', password: '' }, `Basic ${btoa('token:')}`],
  ['the same in one field', { auth: btoa('token:') }, `Basic ${btoa('token:')}`],
  ['a password with NUL bytes behind it', { auth: btoa('u:p\0\0') }, `Basic ${btoa('u:p')}`],
])('a login by %s', async (_name, entry, expected) => {
  const handler: Handler = (request, response) =>
    request.headers.authorization === expected
      ? response.end('layer')
      : response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
  await withFake(handler, entry as object, async (host, ports) => {
    expect(await readAll(storeOf(`${host}/a`, ports), blob)).toBe('layer')
  })
})

test('a registry token goes to no token service', async () => {
  const seen: string[] = []
  await withFake(tokenRegistry(seen, '{"token":"good"}'), { registrytoken: 'good' }, async (host, ports) => {
    expect(await readAll(storeOf(`${host}/a`, ports), blob)).toBe('layer')
  })
  expect(seen).toEqual([])
})

test('logins are looked for where podman and docker write them, and the remedy names these files', async () => {
  const handler: Handler = (request, response) =>
    request.headers.authorization === `Basic ${btoa('u:p')}`
      ? response.end('layer')
      : response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
  const server = await fakeServer(handler)
  const home = scratch('home')
  const read = async (env: Record<string, string>): Promise<string> => {
    const ports = hastyPorts({ env: { HOME: home, ...env } })
    return readAll(storeOf(`${server.host}/a`, ports), blob).catch((error: { code: string; remedy: string }) => {
      expect(error.code).toBe('unauthorized')
      return error.remedy
    })
  }
  try {
    const files = ['.config/containers/auth.json', '.docker/config.json', '.dockercfg'].map((name) => join(home, name))
    for (const file of files) expect(await read({})).toContain(file)
    expect(await read({ XDG_CONFIG_HOME: '/c', DOCKER_CONFIG: '/d', XDG_RUNTIME_DIR: '/r' })).toContain(
      `Looked in /r/containers/auth.json, /c/containers/auth.json, /d/config.json, ${home}/.dockercfg.`,
    )
    const entry = { [server.host]: { auth: btoa('u:p') } }
    for (const file of files) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, JSON.stringify(file.endsWith('cfg') ? entry : { auths: entry }))
      expect(await read({})).toBe('layer')
      // An empty file is what `podman logout` leaves.
      writeFileSync(file, '\n')
      expect(await read({})).toContain('Log in to')
    }
    const named = join(home, 'named.json')
    writeFileSync(named, '')
    expect(await read({ REGISTRY_AUTH_FILE: named })).toContain(`only ${named} is read`)
  } finally {
    await server.close()
  }
})

test.each<[string, (response: Parameters<Handler>[1]) => void, boolean, string]>([
  ['answers with an upload', (r) => r.writeHead(202, { location: '/v2/b/blobs/uploads/7' }).end(), true, 'none'],
  ['does not let the source be read', (r) => r.writeHead(403).end(), true, 'none'],
  ['does not know mounts', (r) => r.writeHead(400).end(), true, 'none'],
  ['mounts it', (r) => r.writeHead(201).end(), false, 'none'],
  [
    'mounts another blob',
    (r) => r.writeHead(201, { 'docker-content-digest': sha256('x') }).end(),
    false,
    'digest-mismatch',
  ],
])('a registry that is asked to mount a blob and %s', async (_name, answer, sent, code) => {
  const put: string[] = []
  const handler: Handler = (request, response, url) => {
    if (request.method === 'HEAD') response.writeHead(404).end()
    else if (url.includes('mount=')) answer(response)
    else if (request.method === 'POST') response.writeHead(202, { location: '/v2/b/blobs/uploads/8' }).end()
    else {
      put.push(url)
      response.writeHead(201).end()
    }
  }
  await withFake(handler, null, async (host, ports) => {
    async function* stream(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('layer')
    }
    expect(await codeOf(storeOf(`${host}/b`, ports).putBlob({ stream: stream(), expect: blob, mountFrom: 'a' }))).toBe(
      code,
    )
    expect(put).toHaveLength(sent ? 1 : 0)
  })
})
