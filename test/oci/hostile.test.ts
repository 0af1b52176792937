import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { sha256 } from '../../src/base/streams.ts'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { walkGraph } from '../../src/oci/graph.ts'
import { mediaTypes, type Digest, type Store } from '../../src/oci/types.ts'
import { scratch } from '../../testkit/ports.ts'
import { codeOf, hastyPorts, readAll, storeOf } from './helpers.ts'

/** What a store holds that somebody wrote by hand: manifests with their media type, blobs, and tags. */
interface Content {
  manifests: Map<string, { type: string; bytes: Buffer }>
  blobs: Map<string, Buffer>
  tag: string
  /** Changes an answer of the registry. */
  answer?: (request: IncomingMessage, response: ServerResponse, digest: string) => boolean
}

const empty = Buffer.from('{}')
const emptyDescriptor = { mediaType: mediaTypes.empty, digest: sha256(empty), size: 2 }

function content(): Content {
  return { manifests: new Map(), blobs: new Map([[sha256(empty), empty]]), tag: '' }
}

function put(into: Content, document: object | string, type: string = mediaTypes.manifest, as?: string) {
  const bytes = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document))
  const digest = (as ?? sha256(bytes)) as Digest
  into.manifests.set(digest, { type, bytes })
  into.tag = digest
  return { mediaType: type, digest, size: bytes.length }
}

function image(more: object = {}, layers: object[] = []): object {
  return { schemaVersion: 2, mediaType: mediaTypes.manifest, config: emptyDescriptor, layers, ...more }
}

function index(manifests: object[], more: object = {}): object {
  return { schemaVersion: 2, mediaType: mediaTypes.index, manifests, ...more }
}

/** The content as a registry and as a layout. */
async function inStores(made: Content, run: (store: Store, kind: string) => Promise<void>): Promise<void> {
  const folder = scratch('hostile')
  const blobs = join(folder, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  const entries: object[] = []
  for (const [digest, { type, bytes }] of made.manifests) {
    writeFileSync(join(blobs, digest.slice(7)), bytes)
    const annotations = digest === made.tag ? { 'org.opencontainers.image.ref.name': 'v1' } : {}
    entries.push({ mediaType: type, digest, size: bytes.length, annotations })
  }
  for (const [digest, bytes] of made.blobs) writeFileSync(join(blobs, digest.slice(7)), bytes)
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: entries }))
  await run(storeOf(`oci:${folder}`, hastyPorts()), 'layout')

  const server = createServer((request, response) => {
    request.resume()
    const [, kind, name = ''] = /\/v2\/a\/(manifests|blobs|tags|referrers)\/([^?]+)/.exec(request.url ?? '') ?? []
    const digest = name === 'v1' ? made.tag : name
    if (made.answer?.(request, response, digest) === true) return
    if (kind === 'tags') return void response.end('{"tags":["v1"]}')
    if (kind === 'referrers') {
      const listed = [...made.manifests].filter(
        ([, { bytes }]) => bytes.includes(`"subject"`) && bytes.includes(digest),
      )
      const manifests = listed.map(([one, { type, bytes }]) => ({ mediaType: type, digest: one, size: bytes.length }))
      return void response.writeHead(200, { 'content-type': mediaTypes.index }).end(JSON.stringify(index(manifests)))
    }
    const found = kind === 'manifests' ? made.manifests.get(digest) : undefined
    const blob = kind === 'blobs' ? made.blobs.get(digest) : undefined
    if (found !== undefined) return void response.writeHead(200, { 'content-type': found.type }).end(found.bytes)
    response.writeHead(blob === undefined ? 404 : 200).end(blob)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  try {
    await run(storeOf(`127.0.0.1:${typeof address === 'object' ? address?.port : ''}/a`, hastyPorts()), 'registry')
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Codes of a copy into a new layout, in the layout and in the registry. */
async function copied(made: Content): Promise<unknown[]> {
  const codes: unknown[] = []
  await inStores(made, async (store) => {
    const target = storeOf(`oci:${scratch()}`, hastyPorts())
    codes.push(await codeOf(copyGraph(store, target, made.tag as Digest, { tag: 'v1' })))
    if (codes.at(-1) !== 'none') expect(await target.tags().catch(() => [])).toEqual([])
  })
  return codes
}

async function walked(store: Store, root: Digest): Promise<{ nodes: number; gaps: string[] }> {
  const gaps: string[] = []
  let nodes = 0
  for await (const _ of walkGraph(store, root, ({ error }) => gaps.push(error.code))) nodes += 1
  return { nodes, gaps }
}

test('an index ten deep is refused, and eight levels are not', async () => {
  const deep = (levels: number): Content => {
    const made = content()
    let below = put(made, image())
    for (let i = 0; i < levels; i++) below = put(made, index([below]), mediaTypes.index)
    return made
  }
  expect(await copied(deep(10))).toEqual(['format-invalid', 'format-invalid'])
  expect(await copied(deep(8))).toEqual(['none', 'none'])
})

test('a manifest that names itself cannot be what it is named by', async () => {
  const made = content()
  // Nobody finds a document that holds its own digest: a store that shows one lies.
  const own = sha256('self')
  put(made, index([{ mediaType: mediaTypes.index, digest: own, size: 100 }]), mediaTypes.index, own)
  expect(await copied(made)).toEqual(['digest-mismatch', 'digest-mismatch'])
  const subject = content()
  put(subject, image({ subject: { mediaType: mediaTypes.manifest, digest: own, size: 1 } }), mediaTypes.manifest, own)
  expect(await copied(subject)).toEqual(['digest-mismatch', 'digest-mismatch'])
})

test('cycles of subjects and of members end, because one of them has other bytes', async () => {
  for (const cycle of ['subjects', 'members']) {
    const made = content()
    const root = put(made, image())
    const lied = sha256(`cycle of ${cycle}`)
    const other = { mediaType: mediaTypes.index, digest: lied, size: 10 }
    const one =
      cycle === 'subjects'
        ? put(made, image({ subject: root, artifactType: 'a/b', annotations: { next: lied } }))
        : put(made, index([other], { subject: root }), mediaTypes.index)
    if (cycle === 'subjects') put(made, image({ subject: one, artifactType: 'a/b' }), mediaTypes.manifest, lied)
    else put(made, index([one]), mediaTypes.index, lied)
    made.tag = root.digest
    await inStores(made, async (store) => {
      const { gaps } = await walked(store, root.digest)
      expect(gaps).toEqual(['digest-mismatch'])
    })
    expect(await copied(made)).toEqual(['none', 'none'])
  }
})

test('an image and its signature that point at each other are walked once', async () => {
  const made = content()
  const root = put(made, image())
  put(made, index([root], { subject: root, artifactType: 'a/b' }), mediaTypes.index)
  made.tag = root.digest
  await inStores(made, async (store) => {
    expect(await walked(store, root.digest)).toEqual({ nodes: 2, gaps: [] })
  })
})

test.each<[string, (response: ServerResponse) => void]>([
  [
    'with its length',
    (response) => response.writeHead(200, { 'content-type': mediaTypes.manifest, 'content-length': String(200 << 20) }),
  ],
  ['without length', (response) => response.writeHead(200, { 'content-type': mediaTypes.manifest })],
])('a manifest of 200 MB is not read to its end, %s', async (_name, head) => {
  const made = content()
  const root = put(made, image())
  let sent = 0
  made.answer = (request, response, digest) => {
    if (digest !== root.digest || request.method === 'HEAD') return false
    head(response)
    const piece = Buffer.alloc(1 << 20, ' ')
    const more = (): void => {
      while (sent < 200 << 20 && !response.destroyed) {
        sent += piece.length
        if (!response.write(piece)) return void response.once('drain', more)
      }
      response.end()
    }
    more()
    return true
  }
  await inStores(made, async (store, kind) => {
    if (kind === 'registry') expect(await codeOf(store.getManifest(root.digest))).toBe('format-invalid')
  })
  expect(sent).toBeLessThan(64 << 20)
})

test('a manifest of 200 MB in a layout is refused by its size', async () => {
  const made = content()
  const root = put(made, Buffer.alloc(5 << 20, ' ').toString(), mediaTypes.manifest)
  await inStores(made, async (store) => {
    expect(await codeOf(store.getManifest(root.digest))).toBe('format-invalid')
    expect(await codeOf(store.resolve({ digest: root.digest }))).toBe('format-invalid')
  })
})

test.each([
  ['longer', 4],
  ['shorter', 6],
])('a blob %s than its descriptor is refused when it is pulled, pushed and copied', async (_name, size) => {
  const made = content()
  const layer = Buffer.from('layer')
  made.blobs.set(sha256(layer), layer)
  const described = { mediaType: mediaTypes.layerTar, digest: sha256(layer), size }
  put(made, image({}, [described]))
  expect(await copied(made)).toEqual(['digest-mismatch', 'digest-mismatch'])
  await inStores(made, async (store, kind) => {
    expect(await codeOf(readAll(store, described))).toBe('digest-mismatch')
    if (kind === 'registry') return
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield layer
    }
    const target = storeOf(`oci:${scratch()}`, hastyPorts())
    expect(await codeOf(target.putBlob({ stream: bytes(), expect: described }))).toBe('digest-mismatch')
  })
})

test.each<[string, string]>([
  ['a negative size', '-1'],
  ['a size of 2^63', '9223372036854775808'],
  ['a size that is not a whole number', '1.5'],
  ['a size with an exponent that is too large', '1e400'],
  ['a size as text', '"5"'],
  ['no size', 'null'],
])('%s is refused in layers, config, members and subject', async (_name, size) => {
  const bad = `{"mediaType":"a/b","digest":"${sha256('x')}","size":${size}}`
  const good = JSON.stringify(emptyDescriptor)
  const documents: [string, string][] = [
    [
      `{"schemaVersion":2,"mediaType":"${mediaTypes.manifest}","config":${good},"layers":[${bad}]}`,
      mediaTypes.manifest,
    ],
    [`{"schemaVersion":2,"mediaType":"${mediaTypes.manifest}","config":${bad},"layers":[]}`, mediaTypes.manifest],
    [
      `{"schemaVersion":2,"mediaType":"${mediaTypes.manifest}","config":${good},"layers":[],"subject":${bad}}`,
      mediaTypes.manifest,
    ],
    [`{"schemaVersion":2,"mediaType":"${mediaTypes.index}","manifests":[${bad}]}`, mediaTypes.index],
  ]
  for (const [text, type] of documents) {
    const made = content()
    put(made, text, type)
    expect(await copied(made)).toEqual(['format-invalid', 'format-invalid'])
  }
})

test('members that stand twice, and a type that the body, the header and the descriptor tell differently, are refused', async () => {
  const twice = content()
  const config = JSON.stringify(emptyDescriptor)
  put(twice, `{"schemaVersion":2,"mediaType":"${mediaTypes.manifest}","config":${config},"layers":[],"layers":[]}`)
  expect(await copied(twice)).toEqual(['format-invalid', 'format-invalid'])
  const type = content()
  put(type, image(), mediaTypes.index)
  expect(await copied(type)).toEqual(['format-invalid', 'format-invalid'])
  const member = content()
  const child = put(member, image())
  put(member, index([{ ...child, mediaType: mediaTypes.index }]), mediaTypes.index)
  expect(await copied(member)).toEqual(['format-invalid', 'format-invalid'])
  const size = content()
  const small = put(size, image())
  put(size, index([{ ...small, size: small.size + 1 }]), mediaTypes.index)
  expect(await copied(size)).toEqual(['digest-mismatch', 'digest-mismatch'])
})

test('a digest in the header that is not that of the bytes is not believed', async () => {
  const made = content()
  const root = put(made, image())
  made.answer = (_request, response) => {
    response.setHeader('docker-content-digest', sha256('other'))
    return false
  }
  await inStores(made, async (store, kind) => {
    if (kind !== 'registry') return
    await expect(store.resolve({ tag: 'v1' })).rejects.toMatchObject({
      code: 'digest-mismatch',
      message: expect.stringContaining(` ${store.name}:v1 is ${sha256('other')}, and gives ${root.digest}`),
      subject: `${store.name}:v1`,
    })
    expect(await codeOf(store.getManifest(root.digest))).toBe('digest-mismatch')
  })
})

test('a login for another host is not sent', async () => {
  const folder = scratch('config')
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({ auths: { '127.0.0.1': { auth: btoa('u:p') }, 'ghcr.io': { auth: btoa('u:p') } } }),
  )
  const made = content()
  const root = put(made, image())
  const seen: unknown[] = []
  made.answer = (request, response) => {
    seen.push(request.headers.authorization)
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    return true
  }
  await inStores(made, async (store, kind) => {
    if (kind !== 'registry') return
    const ports = hastyPorts({ env: { DOCKER_CONFIG: folder } })
    expect(await codeOf(storeOf(store.name, ports).getManifest(root.digest))).toBe('unauthorized')
  })
  expect(seen).toEqual([undefined])
})
