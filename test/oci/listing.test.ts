import { TransportError, VerificationError } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/streams.ts'
import { ListingReader, listingLimits, readListing, referrerMembers } from '../../src/oci/listing.ts'
import { mediaTypes, type Descriptor, type Digest } from '../../src/oci/types.ts'
import { fakeServer, hastyPorts, storeOf, type Handler } from './helpers.ts'

const entry = (name: string, more: object = {}): Descriptor => ({
  mediaType: mediaTypes.manifest,
  digest: sha256(name) as Digest,
  size: name.length,
  ...more,
})

async function* pieces(bytes: Buffer, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

async function listed(
  text: string | Buffer,
  options: Parameters<typeof readListing>[2] & { cut?: number } = {},
): Promise<Descriptor[]> {
  const found: Descriptor[] = []
  const bytes = Buffer.from(text)
  for await (const item of readListing(pieces(bytes, options.cut ?? bytes.length), 'test', options)) found.push(item)
  return found
}

/** Everything that JSON may hold between, before and inside what is read. */
const strange = ` {"schemaVersion" : 2, "annotations": {"manifests": [{"digest": "x"}], "a\\"}]": "\\\\"}, "n": [1, [2, {"b": "]"}]],
  "m\\u0061nifests" : [ ${JSON.stringify(entry('a', { annotations: { 'é"\\': '}]{[,"\\"', deep: '{' }, artifactType: 'a/b' }))},
  {"x": [[{}], "}"], "size" :3 , "digest":"${sha256('bcd')}","platform": null, "mediaType":"text\\/plain"} , 7, "manifests", [{"digest": 1}], null,
  {} ],"mediaType":"${mediaTypes.index}", "ok": true } \n`
const wanted = [entry('a', { artifactType: 'a/b' }), { ...entry('bcd'), mediaType: 'text/plain' }]

test('entries are found wherever the pieces are cut, with nothing but what is read of them', async () => {
  expect(JSON.parse(strange)).toMatchObject({ ok: true })
  const bytes = Buffer.from(strange)
  for (let cut = 1; cut < 40; cut++) expect(await listed(bytes, { cut })).toEqual(wanted)
  for (let at = 0; at <= bytes.length; at++) {
    const reader = new ListingReader(referrerMembers, listingLimits, 'test')
    const found = [...reader.push(bytes.subarray(0, at)), ...reader.push(bytes.subarray(at))]
    reader.end()
    expect(found.slice(0, 2)).toEqual(wanted)
    expect(reader.top).toEqual({ schemaVersion: 2, mediaType: mediaTypes.index, ok: true })
  }
})

test('a document that breaks off anywhere is never a short listing', async () => {
  const bytes = Buffer.from(strange.trim())
  for (let at = 0; at < bytes.length; at++)
    await expect(listed(bytes.subarray(0, at))).rejects.toMatchObject({ code: 'format-invalid' })
})

test.each([
  '',
  '[]',
  '"manifests"',
  '{}',
  'nonsense',
  '{"manifests":null}',
  '{"manifests":{}}',
  '{"manifests":"[]"}',
  '{"manifests":[}',
  '{"manifests":[:]}',
  '{"manifests":[]}}',
  '{"manifests":[]}{"manifests":[]}',
  '{manifests:[]}',
  '{"manifests" []}',
  '{"a":]}',
])('%j is not a listing', async (text) => {
  await expect(listed(text)).rejects.toBeInstanceOf(VerificationError)
  await expect(listed(text, { cut: 1 })).rejects.toBeInstanceOf(VerificationError)
})

test('null is an empty list only where the reader takes it for one', async () => {
  for (const cut of [1, 100]) {
    expect(await listed('{"a":1,"manifests":null}', { nullIsNone: true, cut })).toEqual([])
    expect(await listed('{"manifests" : null , "a":1}', { nullIsNone: true, cut })).toEqual([])
    for (const text of [
      '{"manifests":nul}',
      '{"manifests":nothing}',
      '{"manifests":null,"manifests":[]}',
      '{"manifests":nul',
    ])
      await expect(listed(text, { nullIsNone: true, cut })).rejects.toMatchObject({ code: 'format-invalid' })
  }
})

test('a bad entry is told and hides no other', async () => {
  const manifests = [{ ...entry('x'), digest: `sha512:${'0'.repeat(64)}` }, entry('a'), { ...entry('y'), size: -1 }]
  const told: string[] = []
  const onBad = ({ message }: VerificationError): void => void told.push(message)
  expect(await listed(JSON.stringify({ manifests }), { onBad })).toEqual([entry('a')])
  expect(told).toHaveLength(2)
})

test('a name such as __proto__ is a name', async () => {
  const text = `{"__proto__":{"manifests":[]},"manifests":[{"__proto__":{"a":1},${JSON.stringify(entry('a')).slice(1)}]}`
  expect(await listed(text)).toEqual([entry('a')])
})

describe('bounds', () => {
  const limits = { bytes: 10_000, entries: 3, memberBytes: 200 }
  const many = (count: number): object[] => Array.from({ length: count }, (_, i) => entry(`entry ${i}`))

  test('more bytes or entries than a listing may have end as a transport problem that names the listing', async () => {
    const long = JSON.stringify({ manifests: [entry('a')], x: 'x'.repeat(10_000) })
    for (const cut of [10, 1 << 20]) {
      const error: unknown = await listed(long, { limits, cut }).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(TransportError)
      expect(error).toMatchObject({ code: 'registry-error', message: expect.stringMatching(/test.* 10000 bytes/) })
    }
    expect(await listed(JSON.stringify({ manifests: many(3) }), { limits })).toHaveLength(3)
    await expect(listed(JSON.stringify({ manifests: many(4) }), { limits })).rejects.toBeInstanceOf(TransportError)
    // Pages before count.
    for (const before of [
      { bytes: 0, entries: 1 },
      { bytes: 9990, entries: 0 },
    ]) {
      const last = listed(JSON.stringify({ manifests: many(3) }), { limits, counted: before })
      await expect(last).rejects.toMatchObject({ exitCode: 3 })
    }
  })

  test('a long member is left out, whatever is asked for', async () => {
    const manifests = [
      entry('a', { annotations: { long: 'x'.repeat(300) } }),
      { ...entry('b'), mediaType: `a/${'b'.repeat(300)}` },
    ]
    const keep = [...referrerMembers, 'annotations']
    for (const cut of [7, 1 << 20])
      expect(await listed(JSON.stringify({ manifests }), { limits, keep, cut })).toEqual([entry('a')])
  })
})

describe('a registry', () => {
  const config = { mediaType: mediaTypes.empty, digest: sha256('{}') as Digest, size: 2 }
  const subject = entry('subject')
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers: [], subject }))
  const referrer = { mediaType: mediaTypes.manifest, digest: sha256(bytes) as Digest, size: bytes.length }
  const junk = (i: number, length: number): Descriptor => entry(`${i}`, { annotations: { a: 'x'.repeat(length) } })

  /** A registry whose listing, or fallback tag where it has no API, is this text. */
  async function reading(
    text: string,
    api: boolean,
    type: string = mediaTypes.index,
    apiType: string = mediaTypes.index,
  ): Promise<{ found: string[]; broken: string[] }> {
    const handler: Handler = (_request, response, url) => {
      if (url.includes('/referrers/')) {
        if (api) response.setHeader('content-type', apiType).end(apiType === 'text/html' ? '<html>' : text)
        else response.writeHead(404).end()
      } else if (url.endsWith(referrer.digest)) response.setHeader('content-type', mediaTypes.manifest).end(bytes)
      else if ((!api || apiType === 'text/html') && url.includes('/manifests/sha256-'))
        response.setHeader('content-type', type).end(text)
      else response.writeHead(404).end()
    }
    const server = await fakeServer(handler)
    try {
      const [found, broken]: [string[], string[]] = [[], []]
      const store = storeOf(`${server.host}/a`, hastyPorts())
      const referrers = store.readReferrers(subject.digest, ({ manifest }) => broken.push(manifest))
      for await (const { descriptor } of referrers) found.push(descriptor.digest)
      return { found, broken }
    } finally {
      await server.close()
    }
  }

  const document = (manifests: readonly unknown[]): string =>
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests })

  test.each([
    ['a page', true],
    ['a fallback index', false],
  ])('%s with megabytes of annotations and bad entries by strangers hides no referrer', async (_what, api) => {
    const strangers = [0, 1, 2].map((i) => junk(i, 1.9 * 2 ** 20))
    const text = document([...strangers, { digest: 'sha512:x' }, null, referrer, { ...subject, size: 'x' }])
    expect(text.length).toBeGreaterThan(4 << 20)
    const { found, broken } = await reading(text, api)
    expect(found).toEqual([referrer.digest])
    expect(broken).toEqual(strangers.map(({ digest }) => digest).toSorted())
  })

  test('a page that is no listing, or is cut, is an error of the registry and neither a refusal nor "none"', async () => {
    for (const text of ['{}', '[]', '<html>', document([referrer]).slice(0, -2)])
      await expect(reading(text, true)).rejects.toMatchObject({ code: 'registry-error', exitCode: 3 })
  })

  test('a page of another kind than an index comes from no API: the fallback tag is read', async () => {
    const text = document([referrer])
    expect(await reading(text, true, mediaTypes.index, 'text/html')).toEqual({ found: [referrer.digest], broken: [] })
    expect(await reading('{}', true, mediaTypes.index, 'text/html')).toEqual({ found: [], broken: [subject.digest] })
  })

  test('a type that says nothing hides no listing, and does not make one of anything', async () => {
    const text = document([referrer])
    for (const type of ['application/json', 'application/octet-stream']) {
      expect(await reading(text, true, type, type)).toEqual({ found: [referrer.digest], broken: [] })
      expect(await reading(text, false, type)).toEqual({ found: [referrer.digest], broken: [] })
      await expect(reading('{}', true, type, type)).rejects.toMatchObject({ code: 'registry-error' })
    }
  })

  test('a page that lists null lists nothing, as an empty one', async () => {
    expect(await reading('{"schemaVersion":2,"manifests":null}', true)).toEqual({ found: [], broken: [] })
  })

  test('what is no listing under the fallback tag lists nothing', async () => {
    expect(await reading('{"manifests":7}', false)).toEqual({ found: [], broken: [subject.digest] })
    expect(await reading(bytes.toString(), false, mediaTypes.manifest)).toEqual({ found: [], broken: [] })
  })
})

test('what a reader in Go would list otherwise is not listed', async () => {
  const good = JSON.stringify(entry('a'))
  const evil = entry('evil')
  for (const text of [
    `{"manifests":[${good}],"Manifests":[${good}]}`,
    `{"MANIFESTS":[],"manifests":[${good}]}`,
    `{"manifests":[${good}],"manifests":[]}`,
    `{"manifests":[${good}],"manife\u017fts":[]}`,
  ])
    await expect(listed(text)).rejects.toMatchObject({ code: 'format-invalid' })
  const told: string[] = []
  const entries = [
    { ...evil, Digest: evil.digest },
    { ...evil, MEDIATYPE: 'a/b' },
    { ...evil, ſize: 1 },
  ].map((item) => JSON.stringify(item))
  const twice = good.replace('"size":1', '"size":2,"size":1')
  const found = await listed(`{"manifests":[${[...entries, twice, good].join()}]}`, {
    onBad: ({ code }) => told.push(code),
  })
  expect(found).toEqual([entry('a')])
  expect(told).toEqual(Array.from({ length: 4 }, () => 'format-invalid'))
})
