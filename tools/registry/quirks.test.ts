import { presets } from './presets.ts'
import { digestOf, empty, indexType, manifestType, startClient, type Client } from './client.ts'
import { parseQuirks, quirkTable, type QuirkName } from './quirks.ts'

type Seen = Promise<unknown>

const basic = { authorization: `Basic ${btoa('user:s3cret-pass')}` }
const subject = { mediaType: manifestType, digest: digestOf('subject'), size: 7 }
const challenges = async ({ send }: Client): Seen =>
  (await send('GET', '/v2/')).headers.get('www-authenticate')?.replace(/127\.0\.0\.1:\d+/, 'HOST')
const referrers = async ({ blob, manifest, send }: Client, query = ''): Seen => {
  await blob('{}')
  const { response } = await manifest(null, { subject, artifactType: 'text/x' })
  const listed = await send('GET', `referrers/${subject.digest}${query}`)
  const type = listed.headers.get('content-type')
  const index = type === indexType ? ((await listed.json()) as { manifests: { artifactType?: string }[] | null }) : null
  const types = index?.manifests?.map(({ artifactType }) => artifactType ?? '?') ?? null
  return [listed.status, types, response.headers.get('oci-subject') === null ? 'silent' : 'told']
}
const tagged = async (client: Client, tags: readonly string[], query = ''): Seen => {
  await client.blob('{}')
  for (const tag of tags) await client.manifest(tag)
  return ((await (await client.send('GET', `tags/list${query}`)).json()) as { tags: unknown }).tags
}
const location = async ({ send, registry }: Client): Seen =>
  (await send('POST', 'blobs/uploads/')).headers.get('location')?.replace(registry.host, 'HOST').split('/v2/')[0]
const read = async ({ blob, send }: Client, headers: Record<string, string> = {}): Seen => {
  await blob('0123456789')
  const response = await send('GET', `blobs/${digestOf('0123456789')}`, { headers })
  return [response.status, await response.text().catch(() => 'broken')]
}
const statuses = async ({ send }: Client, count: number): Seen => {
  const found: number[] = []
  for (let i = 0; i < count; i++) found.push((await send('GET', '/v2/')).status)
  return found
}
const patch = async ({ send }: Client, ...chunks: string[]): Seen => {
  const begun = await send('POST', 'blobs/uploads/')
  let [at, target] = [0, begun.headers.get('location') ?? '']
  const found: unknown[] = [begun.headers.get('oci-chunk-min-length')]
  for (const body of chunks) {
    const headers = { 'content-range': `${at}-${at + body.length - 1}` }
    const response = await send('PATCH', target, { body, headers }).catch(() => null)
    found.push(response?.status ?? 'broken')
    target = response?.headers.get('location') ?? target
    at += body.length
  }
  return found
}
const took = async (fn: () => Promise<unknown>, leastMs: number): Seen => {
  const begin = performance.now()
  await fn()
  return performance.now() - begin > leastMs
}
const token = async (
  { send, registry }: Client,
  path: string,
  headers: Record<string, string> = {},
): Promise<string> => {
  const realm = /realm="([^"]*)"/.exec((await send('GET', '/v2/')).headers.get('www-authenticate') ?? '')?.[1]
  if (realm === undefined) return 'open'
  const answer = (await (await send('GET', `${realm}?${path}`, { headers })).json()) as { token?: string }
  return `${new URL(realm).host === registry.host ? 'same' : 'other'} ${answer.token ?? 'refused'}`
}

/** What a client sees of each switch: without it, and with it. */
const cases: { [name in QuirkName]: [setting: string, look: (client: Client) => Seen, off: unknown, on: unknown] } = {
  'no-referrers': ['', referrers, [200, ['text/x'], 'told'], [404, null, 'silent']],
  'referrers-405': ['', referrers, [200, ['text/x'], 'told'], [405, null, 'silent']],
  'referrers-empty-200': ['', referrers, [200, ['text/x'], 'told'], [200, [], 'silent']],
  'referrers-html-200': ['', referrers, [200, ['text/x'], 'told'], [200, null, 'silent']],
  'oci-subject-lie': ['', referrers, [200, ['text/x'], 'told'], [404, null, 'told']],
  'manifests-null': [
    '',
    async (c) => [await tagged(c, ['x'], '?n=0'), await referrers(c, '?artifactType=none')],
    [[], [200, [], 'told']],
    [null, [200, null, 'told']],
  ],
  'dash-tag-subject': [
    '',
    async (c) => {
      await c.blob('{}')
      const { digest } = await c.manifest(null)
      return (await c.send('GET', `manifests/${digest.replace(':', '-')}`)).status
    },
    404,
    200,
  ],
  'uploads-as-referrer': ['', referrers, [200, ['text/x'], 'told'], [200, ['text/x', '?'], 'told']],
  'no-filter': ['', (c) => referrers(c, '?artifactType=none'), [200, [], 'told'], [200, ['text/x'], 'told']],
  'wrong-artifact-type': ['', referrers, [200, ['text/x'], 'told'], [200, [empty.mediaType], 'told']],
  'no-subject': [
    '',
    async (c) => [await c.blob('{}'), (await c.manifest(null, { subject })).response.status][1],
    201,
    400,
  ],
  'pull-through': [
    '',
    async (c) => {
      await c.blob('{}')
      const one = await c.manifest(null)
      const platform = { os: 'linux', architecture: 'arm64' }
      const manifests = [{ mediaType: manifestType, digest: one.digest, size: one.text.length, platform }]
      await c.manifest('index', { mediaType: indexType, manifests })
      return (await c.send('GET', `manifests/${one.digest}`)).status
    },
    200,
    404,
  ],
  page: ['=2', (c) => tagged(c, ['a', 'b', 'c']), ['a', 'b', 'c'], ['a', 'b']],
  'ignore-n': ['', (c) => tagged(c, ['a', 'b', 'c'], '?n=1&last=a'), ['b'], ['a', 'b', 'c']],
  'unsorted-tags': ['', (c) => tagged(c, ['c', 'a', 'b']), ['a', 'b', 'c'], ['c', 'a', 'b']],
  'delay-listing': [
    '=60000',
    async (c) => [await tagged(c, ['a']), await referrers(c)],
    [['a'], [200, ['text/x'], 'told']],
    [[], [200, [], 'told']],
  ],
  sparse: ['', async (c) => (await c.manifest(null)).response.status, 404, 201],
  'reject-empty-layers': [
    '',
    async (c) => [await c.blob('{}'), (await c.manifest(null, { layers: [] })).response.status][1],
    201,
    400,
  ],
  'immutable-tags': [
    '',
    async (c) => [await tagged(c, ['a']), (await c.manifest('a', { layers: [] })).response.status],
    [['a'], 201],
    [['a'], 400],
  ],
  'max-manifest': ['=100', async (c) => [await c.blob('{}'), (await c.manifest(null)).response.status][1], 201, 413],
  'accept-strict': [
    '',
    async (c) => [await tagged(c, ['a']), (await c.send('GET', 'manifests/a', { headers: { accept: '*/*' } })).status],
    [['a'], 200],
    [['a'], 404],
  ],
  'no-ifmatch': [
    '',
    async (c) => {
      await c.blob('{}')
      const { text } = await c.manifest('a')
      const headers = { 'content-type': manifestType, 'if-match': `"${subject.digest}"` }
      return (await c.send('PUT', 'manifests/a', { body: text, headers })).status
    },
    412,
    201,
  ],
  'digest-lie': [
    '',
    async (c) => {
      await c.blob('{}')
      const { digest } = await c.manifest('a')
      return (await c.send('HEAD', 'manifests/a')).headers.get('docker-content-digest') === digest
    },
    true,
    false,
  ],
  'no-head': ['', async ({ send }) => (await send('HEAD', '/v2/')).status, 200, 405],
  'no-range': ['', (c) => read(c, { range: 'bytes=2-4' }), [206, '234'], [200, '0123456789']],
  'no-mount': [
    '',
    async (c) =>
      [await c.blob('{}'), (await c.send('POST', `/v2/c/d/blobs/uploads/?mount=${empty.digest}&from=a/b`)).status][1],
    201,
    202,
  ],
  'chunk-min': ['=4', (c) => patch(c, '12', '34'), [null, 202, 202], ['4', 202, 400]],
  'max-chunk': ['=3', (c) => patch(c, '12', '3456'), [null, 202, 202], [null, 202, 413]],
  'absolute-location': ['', location, '', 'http://HOST'],
  'http-location': ['', location, '', 'http://HOST'],
  'session-lost': [
    '',
    async (c) => [await patch(c, '12'), await patch(c, '12')],
    [
      [null, 202],
      [null, 202],
    ],
    [
      [null, 404],
      [null, 202],
    ],
  ],
  'break-upload': [
    '=2',
    async (c) => [await patch(c, '12'), await patch(c, '12')],
    [
      [null, 202],
      [null, 202],
    ],
    [
      [null, 202],
      [null, 'broken'],
    ],
  ],
  truncate: ['', read, [200, '0123456789'], [200, '01234']],
  tampered: ['', read, [200, '0123456789'], [200, '1123456789']],
  resets: ['=1', read, [200, '0123456789'], [200, 'broken']],
  errors: ['=2', (c) => statuses(c, 4), [200, 200, 200, 200], [200, 500, 200, 500]],
  throttle: ['=3', (c) => statuses(c, 3), [200, 200, 200], [200, 200, 429]],
  'retry-after': [
    '=7,throttle=1',
    async ({ send }) => (await send('GET', '/v2/')).headers.get('retry-after'),
    null,
    '7',
  ],
  latency: ['=150', (c) => took(() => c.send('GET', '/v2/'), 149), false, true],
  rate: ['=50', async (c) => [await c.blob('0123456789'), await took(() => read(c), 199)][1], false, true],
  'cross-origin-redirect': [
    '',
    async (c) => {
      await c.blob('{}')
      const to = (await c.send('GET', `blobs/${empty.digest}`)).headers.get('location')
      if (to === null) return 'here'
      const texts = [await (await c.send('GET', to)).text(), (await c.send('GET', to, { headers: basic })).status]
      return [...texts, c.registry.requests()['authorization at the blob store']]
    },
    'here',
    ['{}', 400, 1],
  ],
  basic: [
    '',
    async (c) => [await challenges(c), (await c.send('GET', '/v2/', { headers: basic })).status],
    [undefined, 200],
    ['Basic realm="sealwright-test"', 200],
  ],
  token: [
    '',
    async (c) => {
      const [where = '', value = ''] = (await token(c, 'scope=repository:a/b:pull', basic)).split(' ')
      const headers = { authorization: `Bearer ${value}` }
      const pull = await c.send('GET', 'tags/list', { headers })
      const push = await c.send('POST', 'blobs/uploads/', { headers })
      return [
        where,
        pull.status,
        push.status,
        /error="\w+"/.exec(push.headers.get('www-authenticate') ?? '')?.[0],
        await token(c, ''),
      ]
    },
    ['open', 404, 202, undefined, 'open'],
    ['same', 404, 401, 'error="insufficient_scope"', 'same refused'],
  ],
  'token-host': ['', async (c) => (await token(c, '', basic)).split(' ')[0], 'open', 'other'],
  'token-life': [
    '=0,token',
    async (c) => {
      const value = (await token(c, '', basic)).split(' ')[1]
      return (await c.send('GET', '/v2/', { headers: { authorization: `Bearer ${value}` } })).status
    },
    200,
    401,
  ],
  'anonymous-pull': [',token', async (c) => (await token(c, '')).length > 'same refused'.length, false, true],
  'two-challenges': [
    '',
    challenges,
    undefined,
    'Bearer realm="http://HOST/token",service="sealwright-test", Basic realm="sealwright-test"',
  ],
  count: ['', async ({ send }) => (await send('GET', '/_requests')).json(), {}, {}],
}

for (const [name, [setting, look, off, on]] of Object.entries(cases)) {
  test(`quirk ${name}${setting}`, async () => {
    for (const [quirks, expected] of [
      ['', off],
      [`${name}${setting}`, on],
    ] as const) {
      const client = await startClient({ quirks })
      try {
        expect({ quirks, seen: await look(client) }).toEqual({ quirks, seen: expected })
      } finally {
        await client.close()
      }
    }
  })
}

test('anonymous pull gives tokens that can only read', async () => {
  const client = await startClient({ quirks: 'token,anonymous-pull' })
  try {
    const [, value = ''] = (await token(client, 'scope=repository:a/b:pull,push')).split(' ')
    const headers = { authorization: `Bearer ${value}` }
    expect((await client.send('GET', 'tags/list', { headers })).status).toBe(404)
    expect((await client.send('POST', 'blobs/uploads/', { headers })).status).toBe(401)
  } finally {
    await client.close()
  }
})

test('a slip in the list of quirks is told', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(quirkTable).sort())
  for (const [name, { quirks }] of Object.entries(presets)) {
    expect(parseQuirks(name).has(quirks.split(/[,=]/)[0] as QuirkName)).toBe(true)
  }
  expect(() => parseQuirks('no-referers')).toThrow('"no-referers" is not a quirk or preset')
  expect(() => parseQuirks('page')).toThrow('the quirk page wants a number (entries)')
  expect(() => parseQuirks('page=-1')).toThrow('wants a number')
  expect(() => parseQuirks('page=1=2')).toThrow('wants a number')
  expect(() => parseQuirks('sparse=1')).toThrow('the quirk sparse takes no number')
  expect(() => parseQuirks('toString')).toThrow('is not a quirk')
})
