import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { pieceFor } from '../../src/oci/layout-files.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { copyImage } from '../../src/oci/copy.ts'
import { resolveImage } from '../../src/oci/open.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest } from '../../src/oci/types.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { codeOf, putImage, readAll, storeOf } from './helpers.ts'

const absent = `sha256:${'0'.repeat(64)}` as Digest

function fresh(name = 'App One'): {
  dir: string
  store: ReturnType<typeof storeOf>
  ports: ReturnType<typeof testPorts>
} {
  const ports = testPorts()
  const dir = join(ports.roots.temp, name)
  return { dir, store: storeOf(`oci:${dir}`, ports), ports }
}
const pathOf = (dir: string, d: { digest: Digest }): string => join(dir, 'blobs/sha256', d.digest.slice(7))
const attach = (
  store: ReturnType<typeof storeOf>,
  subject: Descriptor,
  text: string,
  annotations?: Record<string, string>,
) =>
  putArtifact(store, {
    artifactType: 'application/x-test',
    subject,
    layers: [{ mediaType: 'text/plain', bytes: Buffer.from(text) }],
    annotations,
  })

test('an image is put, found, read; equal parts write nothing again', async () => {
  const { dir, store, ports } = fresh()
  const image = await putImage(store, 'layer', 'v1')
  expect(store.identity).toBe('localhost/app-one')
  const found = await resolveImage(`oci:${dir}`, ports)
  expect(found).toMatchObject({ reference: `oci:${dir}@${image.digest}`, tag: 'v1', descriptor: image })
  expect((await resolveImage(`oci:App One@${image.digest}`, ports)).tag).toBeNull()
  const index = statSync(join(dir, 'index.json'))
  const manifest = statSync(pathOf(dir, image))
  await putImage(store, 'layer', 'v1')
  expect([statSync(join(dir, 'index.json')).ino, statSync(pathOf(dir, image)).ino]).toEqual([index.ino, manifest.ino])
  expect(readdirSync(dir).sort()).toEqual(['blobs', 'index.json', 'oci-layout'])
})

test('tags move, several images need a choice, attached tags are no images', async () => {
  const { dir, store, ports } = fresh()
  const one = await putImage(store, 'one', 'v1')
  await store.tag(`sha256-${one.digest.slice(7)}.sig`, one.digest)
  expect((await resolveImage(`oci:${dir}`, ports)).tag).toBe('v1')
  const two = await putImage(store, 'two', 'v2')
  await expect(resolveImage(`oci:${dir}`, ports)).rejects.toThrow(/v1, v2/)
  await store.tag('v1', two.digest)
  expect((await store.resolve({ tag: 'v1' }))?.digest).toBe(two.digest)
  expect(await codeOf(resolveImage(`oci:${dir}:v3`, ports))).toBe('not-found')
  expect(await codeOf(resolveImage(`oci:${dir}@${absent}`, ports))).toBe('not-found')
  expect(await codeOf(store.tag('v9', absent))).toBe('missing-blob')
  expect(await codeOf(store.tag('../x', two.digest))).toBe('reference-invalid')
})

test('a layout without a tag is told apart from an empty one by its remedy: the digest names the image', async () => {
  const { dir, store, ports } = fresh()
  const image = await putImage(store, 'text')
  const path = join(dir, 'index.json')
  const { annotations: _tag, ...untagged } = image
  writeFileSync(path, JSON.stringify({ schemaVersion: 2, manifests: [untagged] }))
  await expect(resolveImage(`oci:${dir}`, ports)).rejects.toMatchObject({
    code: 'not-found',
    remedy: expect.stringContaining(`oci:${dir}@sha256:`),
  })
  expect((await resolveImage(`oci:${dir}@${image.digest}`, ports)).descriptor.digest).toBe(image.digest)
})

test('referrers are listed by their own subject, filtered by type, and cannot name tags', async () => {
  const { dir, store } = fresh()
  const image = await putImage(store, 'layer', 'v1')
  const other = await putImage(store, 'other', 'v2')
  const a = await attach(store, image, 'a', { 'org.opencontainers.image.ref.name': 'v1', note: 'x' })
  await attach(store, other, 'b')
  expect(await store.referrers(image.digest)).toEqual([
    { ...a, annotations: { 'org.opencontainers.image.ref.name': 'v1', note: 'x' } },
  ])
  expect(await store.referrers(image.digest, 'application/y')).toEqual([])
  expect(await store.tags()).toEqual(['v1', 'v2'])
  expect((await store.resolve({ tag: 'v1' }))?.digest).toBe(image.digest)
  const entries = (JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8')) as { manifests: Descriptor[] }).manifests
  expect(entries.find((e) => e.digest === a.digest)).toMatchObject({
    artifactType: 'application/x-test',
    annotations: { note: 'x' },
  })
})

test('what is damaged is refused for its reason', async () => {
  const { dir, store } = fresh()
  const image = await putImage(store, 'layer', 'v1')
  const layer = { digest: sha256('layer') as Digest, size: 5 }
  truncateSync(pathOf(dir, layer), 3)
  expect(await codeOf(readAll(store, layer))).toBe('digest-mismatch')
  await putImage(store, 'layer', 'v1')
  expect(await readAll(store, layer)).toBe('layer')
  writeFileSync(pathOf(dir, layer), 'LAYER')
  expect(await codeOf(readAll(store, layer))).toBe('digest-mismatch')
  rmSync(pathOf(dir, layer))
  expect(await codeOf(readAll(store, layer))).toBe('missing-blob')
  symlinkSync('/etc/hostname', pathOf(dir, layer))
  expect(await codeOf(readAll(store, layer))).toBe('missing-blob')
  writeFileSync(pathOf(dir, image), readFileSync(pathOf(dir, image), 'utf8').replace('linux', 'LINUX') + ' ')
  expect(await codeOf(store.getManifest(image.digest))).toBe('digest-mismatch')
  rmSync(pathOf(dir, image))
  expect(await codeOf(store.getManifest(image.digest))).toBe('missing-blob')
})

test.each([
  '{',
  '[]',
  '{"schemaVersion":1,"manifests":[]}',
  '{"schemaVersion":2}',
  '{"schemaVersion":2,"manifests":[{"digest":"sha256:x"}]}',
])('a damaged index is never an empty one: %s', async (text) => {
  const { dir, store } = fresh()
  await putImage(store, 'layer', 'v1')
  writeFileSync(join(dir, 'index.json'), text)
  expect(await codeOf(store.tags())).toBe('format-invalid')
  expect(await codeOf(putImage(store, 'more', 'v2'))).toBe('format-invalid')
})

test('what strangers write into the index hides nothing: megabytes of annotations, entries that are none', async () => {
  const { dir, store } = fresh()
  const image = await putImage(store, 'layer', 'v1')
  const put = await putArtifact(store, { artifactType: 'a/b', subject: image, layers: [] })
  const path = join(dir, 'index.json')
  const index = JSON.parse(readFileSync(path, 'utf8')) as { manifests: object[] }
  const long = Array.from({ length: 5 }, (_, i) => ({
    mediaType: mediaTypes.manifest,
    digest: sha256(`${i}`),
    size: 1,
    annotations: { a: 'x'.repeat(4 << 20), 'org.opencontainers.image.ref.name': `t${i}` },
  }))
  writeFileSync(path, JSON.stringify({ ...index, manifests: [{ digest: 'sha512:x' }, ...long, ...index.manifests, 7] }))
  expect(statSync(path).size).toBeGreaterThan(16 << 20)
  expect((await store.referrers(image.digest)).map(({ digest }) => digest)).toEqual([put.digest])
  expect(await store.resolve({ tag: 'v1' })).toEqual(image)
  // What cannot be told is not "none": a tag that is not there may be one of the bad entries.
  expect(await codeOf(store.resolve({ tag: 'v2' }))).toBe('format-invalid')
})

test('a fallback index of strangers in a layout may be larger than a manifest and hold bad entries', async () => {
  const { dir, store } = fresh()
  const image = await putImage(store, 'layer', 'v1')
  const put = await putArtifact(store, { artifactType: 'a/b', subject: image, layers: [] })
  const junk = { ...image, annotations: { a: 'x'.repeat(5 << 20) } }
  const text = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [junk, { digest: 1 }, put] })
  const { digest, size } = await store.putBlob({ bytes: Buffer.from(text) })
  const path = join(dir, 'index.json')
  const annotations = { 'org.opencontainers.image.ref.name': image.digest.replace(':', '-') }
  const fallback = { mediaType: mediaTypes.index, digest, size, annotations }
  const tagged = { ...image, annotations: { 'org.opencontainers.image.ref.name': 'v1' } }
  writeFileSync(path, JSON.stringify({ schemaVersion: 2, manifests: [tagged, fallback] }))
  expect((await store.referrers(image.digest)).map((found) => found.digest)).toEqual([put.digest])
  writeFileSync(pathOf(dir, fallback), text.slice(1))
  expect(await store.referrers(image.digest)).toEqual([])
})

test('a directory that is no layout is not read, one with other files not written', async () => {
  const { dir, store } = fresh()
  expect(await codeOf(store.tags())).toBe('not-found')
  mkdirSync(dir)
  writeFileSync(join(dir, 'notes.txt'), '')
  expect(await codeOf(putImage(store, 'x', 'v1'))).toBe('exists')
  expect(readdirSync(dir)).toEqual(['notes.txt'])
})

test('wrong bytes and manifests of missing blobs are not kept', async () => {
  const { dir, store } = fresh()
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('abc')
  }
  expect(await codeOf(store.putBlob({ stream: bytes(), expect: { digest: absent, size: 3 } }))).toBe('digest-mismatch')
  expect(await store.putBlob({ stream: bytes() })).toEqual({ digest: sha256('abc'), size: 3 })
  expect(await store.hasBlob(absent)).toBe(false)
  const layers = [{ mediaType: 'a/b', digest: absent, size: 1 }]
  const config = { mediaType: 'a/b', digest: sha256('abc') as Digest, size: 3 }
  const manifest = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers })
  expect(await codeOf(store.putManifest(manifest, mediaTypes.manifest, { tag: 'x' }))).toBe('missing-blob')
  expect(readdirSync(dir).filter((n) => n.startsWith('.'))).toEqual([])
})

test('many writers at once lose nothing', async () => {
  const { dir, store, ports } = fresh()
  const image = await putImage(store, 'layer', 'v1')
  await Promise.all(Array.from({ length: 12 }, (_, i) => attach(storeOf(`oci:${dir}`, ports), image, `n${i}`)))
  expect(await store.referrers(image.digest)).toHaveLength(12)
})

withPeers(['oras', 'skopeo'], 'oras and skopeo read what we wrote, and we read what they wrote', async () => {
  const { dir, store, ports } = fresh('app')
  const image = await putImage(store, 'layer', 'v1')
  const a = await attach(store, image, 'a', { note: 'x' })
  const told = execFileSync(peer('oras'), ['discover', '--oci-layout', `${dir}:v1`, '--format', 'json']).toString()
  expect(told).toContain(a.digest)
  const copy = join(ports.roots.temp, 'copy')
  execFileSync(peer('skopeo'), ['copy', '--preserve-digests', '--insecure-policy', `oci:${dir}:v1`, `oci:${copy}:v1`], {
    stdio: 'ignore',
  })
  expect((await resolveImage(`oci:${copy}`, ports)).descriptor.digest).toBe(image.digest)
  const recursive = join(ports.roots.temp, 'recursive')
  execFileSync(peer('oras'), ['cp', '-r', '--from-oci-layout', '--to-oci-layout', `${dir}:v1`, `${recursive}:v1`], {
    stdio: 'ignore',
  })
  expect(await storeOf(`oci:${recursive}`, ports).referrers(image.digest)).toEqual(await store.referrers(image.digest))
})

test('a small and a large blob are read whole, and a longer or shorter file is refused', async () => {
  const { dir, store } = fresh()
  for (const bytes of [Buffer.from('a small blob'), Buffer.alloc((3 << 20) + 7, 'large')]) {
    const blob = await store.putBlob({ bytes })
    const pieces: Uint8Array[] = []
    for await (const chunk of await store.openBlob(blob)) pieces.push(chunk)
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
    expect(Math.max(...pieces.map(({ length }) => length))).toBe(Math.min(bytes.length, 1 << 20))
    writeFileSync(pathOf(dir, blob), Buffer.concat([bytes, Buffer.from('x')]))
    expect(await codeOf(readAll(store, blob))).toBe('digest-mismatch')
    truncateSync(pathOf(dir, blob), bytes.length - 1)
    expect(await codeOf(readAll(store, blob))).toBe('digest-mismatch')
  }
})

test('a piece is no larger than the file and one byte, nor than 1 MiB', () => {
  expect([0, 1, (1 << 20) - 1, 1 << 20, 5 << 20].map(pieceFor)).toEqual([1, 2, 1 << 20, 1 << 20, 1 << 20])
})

test('an index is copied with children and blobs, and a missing child is told', async () => {
  const { store, ports } = fresh()
  const children = [await putImage(store, 'one'), await putImage(store, 'two')]
  const bytes = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: children })
  const index = await store.putManifest(bytes, mediaTypes.index, { tag: 'all' })
  const to = storeOf('oci:to', ports)
  expect((await copyImage(store, to, index.digest, { tag: 'all', log: ports.log })).digest).toBe(index.digest)
  expect(await to.tags()).toEqual(['all'])
  expect(await readAll(to, { digest: sha256('two') as Digest, size: 3 })).toBe('two')
  rmSync(pathOf(join(ports.roots.cwd, 'to'), children[1]!))
  expect(await codeOf(copyImage(to, storeOf('oci:next', ports), index.digest))).toBe('missing-blob')
  expect(await codeOf(copyImage(to, storeOf('oci:next', ports), absent))).toBe('missing-blob')
})

test('names that others wrote into a layout are listed as they are and can be chosen, and are not written', async () => {
  const folder = scratch('names')
  const store = storeOf(`oci:${folder}`, testPorts())
  const names = [
    'docker.io/library/app:1.0',
    'app:1.0',
    'localhost:5000/team/app',
    'a/b@c',
    'tag with space',
    'x'.repeat(5000),
    '',
  ]
  const images = []
  for (const name of names) images.push(await putImage(store, name))
  const entries = images.map((image, i) => ({
    ...image,
    annotations: { 'org.opencontainers.image.ref.name': names[i] },
  }))
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: entries }))
  expect((await store.tags()).sort()).toEqual([...names].sort())
  for (const [i, name] of names.entries())
    expect(await store.resolve({ tag: name })).toMatchObject({ digest: images[i]?.digest })
  for (const name of names.slice(0, 3)) {
    const found = await resolveImage(`oci:${folder}:${name}`, testPorts())
    const digest = images[names.indexOf(name)]?.digest
    expect(found).toMatchObject({ reference: `oci:${folder}@${digest}`, descriptor: { digest } })
    expect([null, '1.0']).toContain(found.tag)
    expect(await codeOf(store.tag(name, images[0]?.digest ?? 'sha256:'))).toBe('reference-invalid')
  }
  for (const name of names)
    expect(await codeOf(resolveImage(`oci:${folder}:${name}`, testPorts()))).toMatch(/^(none|reference-invalid)$/)
  expect(await codeOf(resolveImage(`oci:${folder}`, testPorts()))).toBe('input-invalid')
})

test.each(['_', '_.-', 'A.b-c_D', '0'.repeat(128), 'v1.0--rc..1', 'Z-'])(
  'the tag %s is written, listed, found and moved',
  async (tag) => {
    const store = storeOf(`oci:${scratch('tags')}`, testPorts())
    const [one, two] = [await putImage(store, 'one'), await putImage(store, 'two')]
    await store.tag(tag, one.digest)
    await store.tag(tag, two.digest)
    expect(await store.tags()).toEqual([tag])
    expect(await store.resolve({ tag })).toMatchObject({ digest: two.digest })
  },
)

test.each(['', '.a', '-a', 'a/b', 'a:b', 'ä', 'a b', 'a'.repeat(129), 'a\n'])('the tag %j is refused', async (tag) => {
  const store = storeOf(`oci:${scratch('tags')}`, testPorts())
  const { digest } = await putImage(store, 'one')
  expect(await codeOf(store.tag(tag, digest))).toBe('reference-invalid')
})
