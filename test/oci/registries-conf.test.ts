import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { placeOf, type Place } from '../../src/oci/registries-conf.ts'
import type { Digest } from '../../src/oci/types.ts'
import { fakeHttp, scratch } from '../../testkit/ports.ts'
import { codeOf, fakeServer, hastyPorts, readAll, storeOf, codeOfSync, type Handler } from './helpers.ts'

const variable = 'SEALWRIGHT_REGISTRIES_CONF'

/** Ports with this registries.conf. */
function configured(text: string, dropIns: Record<string, string> = {}, more = {}): ReturnType<typeof hastyPorts> {
  const path = join(scratch('conf'), 'registries.conf')
  writeFileSync(path, text)
  for (const [name, content] of Object.entries(dropIns)) {
    mkdirSync(`${path}.d`, { recursive: true })
    writeFileSync(join(`${path}.d`, name), content)
  }
  return hastyPorts({ env: { PATH: process.env['PATH'], [variable]: path }, ...more })
}

const shown = ({ host, repository, insecure, mirrors, rewrittenBy }: Place): string =>
  [
    `${host}/${repository}${insecure ? ' insecure' : ''}${rewrittenBy === null ? '' : ' moved'}`,
    ...mirrors.map(
      (m) => `${m.host}/${m.repository}${m.insecure ? ' insecure' : ''} ${m.digests ? 'd' : ''}${m.tags ? 't' : ''}`,
    ),
  ].join(' | ')

describe('which rule counts', () => {
  const file = `
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "mirror.example/hub"
[[registry.mirror]]
location = "second.example:5000"
insecure = true
pull-from-mirror = "tag-only"

[[registry]]
prefix = "docker.io/team"
location = "own.example/team-copy"

[[registry]]
location = "plain.example:5000"
insecure = true
mirror-by-digest-only = true
[[registry.mirror]]
location = "near.example"

[[registry]]
prefix = "*.corp.example"
insecure = true
[[registry]]
prefix = "bad.example/x"
blocked = true
`
  const ports = configured(file, {
    '20-b.conf': '[[registry]]\nprefix = "drop.example"\nlocation = "b.example"',
    '10-a.conf': '[[registry]]\nprefix = "drop.example"\nlocation = "a.example"',
    'note.txt': 'not read',
  })

  test.each([
    [
      'docker.io',
      'library/alpine',
      'docker.io/library/alpine | mirror.example/hub/library/alpine dt | second.example:5000/library/alpine insecure t',
    ],
    ['docker.io', 'team/app', 'own.example/team-copy/app moved'],
    [
      'docker.io',
      'teams/app',
      'docker.io/teams/app | mirror.example/hub/teams/app dt | second.example:5000/teams/app insecure t',
    ],
    ['plain.example:5000', 'a', 'plain.example:5000/a insecure | near.example/a d'],
    ['plain.example', 'a', 'plain.example/a'],
    ['r.corp.example:8443', 'a/b', 'r.corp.example:8443/a/b insecure'],
    ['corp.example', 'a', 'corp.example/a'],
    ['evilcorp.example', 'a', 'evilcorp.example/a'],
    ['bad.example', 'y', 'bad.example/y'],
    ['drop.example', 'a', 'b.example/a moved'],
  ])('%s/%s', (host, repository, expected) => {
    expect(shown(placeOf(host, repository, ports))).toBe(expected)
  })

  test('a blocked one is refused by name; without the variable no file is read', () => {
    for (const name of ['x', 'x/y'])
      expect(() => placeOf('bad.example', name, ports)).toThrow(
        expect.objectContaining({ code: 'input-invalid', message: expect.stringContaining('is blocked by') }),
      )
    expect(shown(placeOf('bad.example', 'x', hastyPorts()))).toBe('bad.example/x')
  })
})

test.each([
  ['no TOML', 'registry = ['],
  ['version 1', '[registries.search]\nregistries = ["docker.io"]'],
  ['a registry that is a text', 'registry = "docker.io"'],
  ['a registry without a name', '[[registry]]\ninsecure = true'],
  ['a flag that is a text', '[[registry]]\nlocation = "a.example"\ninsecure = "false"'],
  ['a location that is a number', '[[registry]]\nlocation = 5'],
  ['a URL as location', '[[registry]]\nlocation = "https://a.example"'],
  ['a wildcard that is moved', '[[registry]]\nprefix = "*.a.example"\nlocation = "b.example"'],
  ['a mirror without a location', '[[registry]]\nlocation = "a.example"\n[[registry.mirror]]\ninsecure = true'],
  [
    'another kind of mirror',
    '[[registry]]\nlocation = "a.example"\n[[registry.mirror]]\nlocation = "b.example"\npull-from-mirror = "some"',
  ],
  [
    'a mirror that leaves its place',
    '[[registry]]\nlocation = "a.example"\n[[registry.mirror]]\nlocation = "b.example/../x?y"',
  ],
])('%s is refused', (_name, text) => {
  expect(codeOfSync(() => placeOf('c.example', 'a', configured(text)))).toBe('file-invalid')
  expect(codeOfSync(() => placeOf('c.example', 'a', configured('', { 'x.conf': text })))).toBe('file-invalid')
})

test('a file that is not there is an error that says so, and what names it', () => {
  const read = (): unknown => placeOf('a.example', 'a', { env: { [variable]: '/nowhere/registries.conf' } })
  expect(codeOfSync(read)).toBe('file-missing')
  expect(read).toThrow('"/nowhere/registries.conf" cannot be read: it does not exist')
})

const blob = { digest: sha256('layer') as Digest, size: 5 }
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256('{}'), size: 2 },
    layers: [],
  }),
)
const digest = sha256(manifest) as Digest

/** A repository of a manifest tagged `v1` and a blob. */
const serving =
  (asked: string[], bytes: Buffer = manifest, layer = 'layer'): Handler =>
  (request, response, url) => {
    asked.push(`${request.method} ${url.replace(/sha256:([0-9a-f]{4})[0-9a-f]+/, '$1')}`)
    if (url.includes('/blobs/')) response.end(layer)
    else if (url.includes('/manifests/'))
      response
        .writeHead(200, {
          'content-type': 'application/vnd.oci.image.manifest.v1+json',
          'docker-content-digest': `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
        })
        .end(bytes)
    else response.writeHead(404).end()
  }

describe('mirrors', () => {
  async function withMirror(
    mirrored: (asked: string[]) => Handler,
    extra: string,
    fn: (
      name: string,
      ports: ReturnType<typeof hastyPorts>,
      asked: { own: string[]; mirror: string[] },
    ) => Promise<void>,
  ): Promise<void> {
    const asked = { own: [] as string[], mirror: [] as string[] }
    const own = await fakeServer(serving(asked.own))
    const mirror = await fakeServer(mirrored(asked.mirror))
    const text = `[[registry]]\nlocation = "${own.host}"\n${extra.includes('digest-only') && extra.startsWith('mirror') ? `${extra}\n` : ''}[[registry.mirror]]\nlocation = "${mirror.host}/copy"\n${extra.startsWith('pull') ? extra : ''}`
    try {
      await fn(`${own.host}/a`, configured(text), asked)
    } finally {
      await own.close()
      await mirror.close()
    }
  }
  const short = digest.slice(7, 11)
  const part = blob.digest.slice(7, 11)

  test('are read first, and it is said which; the registry itself is then not asked', async () => {
    await withMirror(serving, '', async (name, ports, asked) => {
      const store = storeOf(name, ports)
      expect((await store.resolve({ tag: 'v1' }))?.digest).toBe(digest)
      await store.getManifest(digest)
      expect(await readAll(store, blob)).toBe('layer')
      expect(asked).toEqual({
        own: [],
        mirror: ['GET /v2/copy/a/manifests/v1', `GET /v2/copy/a/blobs/${part}`],
      })
      const { lines } = ports.log as unknown as { lines: string[] }
      expect(lines.filter((line) => line.includes('is read from its mirror'))).toHaveLength(1)
      expect(ports.http.hosts()).toHaveLength(1)
    })
  })

  test.each<[string, (asked: string[]) => Handler]>([
    ['does not have it', (asked) => (_q, r, url) => (asked.push(url), r.writeHead(404).end())],
    ['refuses', (asked) => (_q, r, url) => (asked.push(url), r.writeHead(403).end())],
    ['fails', (asked) => (_q, r, url) => (asked.push(url), r.writeHead(503).end())],
    ['breaks off', (asked) => (_q, r, url) => (asked.push(url), r.destroy())],
    ['gives another manifest', (asked) => serving(asked, Buffer.from('{}'))],
  ])('one that %s is passed over', async (_name, handler) => {
    await withMirror(handler, '', async (name, ports, asked) => {
      const store = storeOf(name, ports)
      expect((await store.getManifest(digest)).descriptor.digest).toBe(digest)
      expect(asked.own).toEqual([`GET /v2/a/manifests/${short}`])
      expect(asked.mirror.length).toBeGreaterThan(0)
      expect(asked.mirror.length).toBeLessThanOrEqual(4)
    })
  })

  test('one that has nothing is named once for each reason, not for each blob', async () => {
    const absent: (asked: string[]) => Handler = () => (_q, r) => r.writeHead(403).end()
    await withMirror(absent, '', async (name, ports) => {
      const store = storeOf(name, ports)
      await store.getManifest(digest)
      expect(await readAll(store, blob)).toBe('layer')
      const { lines } = ports.log as unknown as { lines: string[] }
      expect(lines.filter((line) => line.includes('is skipped'))).toHaveLength(1)
    })
  })

  test('other bytes for a blob are refused', async () => {
    await withMirror(
      (asked) => serving(asked, manifest, 'LAYER'),
      '',
      async (name, ports) => {
        expect(await codeOf(readAll(storeOf(name, ports), blob))).toBe('digest-mismatch')
      },
    )
  })

  test.each([
    ['mirror-by-digest-only = true', ['own', 'mirror']],
    ['pull-from-mirror = "digest-only"', ['own', 'mirror']],
    ['pull-from-mirror = "tag-only"', ['mirror', 'own']],
  ])('%s', async (extra, [tags, digests]) => {
    await withMirror(serving, extra, async (name, ports, asked) => {
      await storeOf(name, ports).resolve({ tag: 'v1' })
      await storeOf(name, ports).getManifest(digest)
      const at = (what: string): string => (asked.own.some((line) => line.endsWith(what)) ? 'own' : 'mirror')
      expect([at('/v1'), at(short)]).toEqual([tags, digests])
    })
  })

  test('are never asked for what is attached, for lists, or before a write', async () => {
    await withMirror(serving, '', async (name, ports, asked) => {
      const store = storeOf(name, ports)
      await store.resolve({ tag: `sha256-${'a'.repeat(64)}.sig` })
      await store.tags()
      await store.hasBlob(blob.digest)
      await store.referrers(digest).catch(() => [])
      await store.tag('v2', digest).catch(() => {})
      expect(asked.mirror.filter((line) => !line.startsWith(`GET /v2/copy/a/manifests/${short}`))).toEqual([])
      expect(asked.own.length).toBeGreaterThan(4)
    })
  })
})

test('a repository that is read from elsewhere is not written', async () => {
  const asked: string[] = []
  const server = await fakeServer(serving(asked))
  try {
    const ports = configured(`[[registry]]\nprefix = "hub.example/team"\nlocation = "${server.host}/x"`)
    const store = storeOf('hub.example/team/app', ports)
    expect(await readAll(store, blob)).toBe('layer')
    expect(asked).toEqual([`GET /v2/x/app/blobs/${blob.digest.slice(7, 11)}`])
    expect(store.identity).toBe('hub.example/team/app')
    const refused = { code: 'input-invalid', message: expect.stringContaining(`is read from ${server.host}/x/app`) }
    await expect(store.putBlob({ bytes: Buffer.from('x') })).rejects.toMatchObject(refused)
    await expect(store.tag('v1', digest)).rejects.toMatchObject(refused)
    await expect(store.putManifest(manifest, 'x')).rejects.toMatchObject(refused)
    expect(asked).toHaveLength(1)
  } finally {
    await server.close()
  }
})

describe('an insecure registry', () => {
  const rule = '[[registry]]\nlocation = "r.example:5000"\ninsecure = true'
  const answering = (tls: boolean, asked: string[]) =>
    fakeHttp(async (url, options) => {
      asked.push(`${url} ${options?.tls?.unverified === true ? 'unverified' : 'checked'}`)
      if (url.startsWith('https:') && !tls)
        throw Object.assign(new (await import('../../src/base/errors.ts')).TransportError('unreachable', 'no TLS'))
      return new Response('{"tags":[]}')
    })

  test.each([
    [
      true,
      ['https://r.example:5000/v2/ unverified', 'https://r.example:5000/v2/a/tags/list unverified'],
      'without a check',
    ],
    [false, ['https://r.example:5000/v2/ unverified', 'http://r.example:5000/v2/a/tags/list checked'], 'plain http'],
  ])('with TLS: %s; a warning says how it is spoken to', async (tls, expected, warned) => {
    const asked: string[] = []
    const ports = configured(rule, {}, { http: answering(tls, asked) })
    await storeOf('r.example:5000/a', ports).tags()
    expect(asked).toEqual(expected)
    expect((ports.log as unknown as { lines: string[] }).lines.join()).toContain(warned)
    asked.length = 0
    const other = configured(rule, {}, { http: answering(true, asked) })
    await storeOf('r.example/a', other).tags()
    expect(asked).toEqual(['https://r.example/v2/a/tags/list checked'])
  })
})
