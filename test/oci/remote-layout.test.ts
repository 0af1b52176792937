import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { JsonObject, JsonValue } from '../../src/base/json.ts'
import type { Remote } from '../../src/base/ports.ts'
import { collect, sha256, type ByteSource } from '../../src/base/streams.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { layoutOperation, openRemoteLayout } from '../../src/oci/remote-layout.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../src/oci/types.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { makeImage } from '../encrypt/support.ts'

const ports = testPorts()
type Answer = { value: JsonValue; body: ByteSource }
/** Changes what the step answers to one operation. */
type Lie = (answer: Answer, args: JsonObject) => Answer

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** A layout as a worker sees it, over a step that lies where the test says so. */
function remote(directory: string, lies: Readonly<Record<string, Lie>> = {}): Store {
  const layout: Remote['layout'] = async (args, body) => {
    const { value, body: bytes } = await layoutOperation(args, body ?? one(Buffer.alloc(0)), ports)
    const answer = { value, body: bytes ?? one(Buffer.alloc(0)) }
    return lies[String(args['operation'])]?.(answer, args) ?? answer
  }
  return openRemoteLayout(directory, 'localhost/test', { layout, credential: () => Promise.resolve(null) })
}

async function made(): Promise<{ directory: string; manifest: Digest; layer: Descriptor; store: Store }> {
  const directory = scratch('layout')
  const { store, image } = await makeImage(directory, ports, [randomBytes(200_000)])
  const [layer] = image.manifest.layers
  if (layer === undefined) throw new Error('no layer')
  return { directory, manifest: image.descriptor.digest, layer, store }
}

test('what it gives is what the layout has, and what it puts is there', async () => {
  const { directory, manifest, layer, store } = await made()
  const far = remote(directory)
  expect(await far.tags()).toEqual(['latest'])
  expect(await far.resolve({ tag: 'latest' })).toEqual(await store.resolve({ tag: 'latest' }))
  expect(await far.resolve({ digest: manifest })).toMatchObject({ digest: manifest })
  expect(await far.resolve({ tag: 'other' })).toBeNull()
  const near = await store.getManifest(manifest)
  expect((await far.getManifest(manifest)).bytes.equals(near.bytes)).toBe(true)
  expect(sha256(await collect(await far.openBlob(layer), 1 << 20, 'layer'))).toBe(layer.digest)
  expect([await far.hasBlob(layer.digest), await far.hasBlob(sha256('none') as Digest)]).toEqual([true, false])

  const bytes = randomBytes(100_000)
  const digest = sha256(bytes)
  expect(await far.putBlob({ bytes })).toEqual({ digest, size: bytes.length })
  const streamed = randomBytes(100_000)
  expect(await far.putBlob({ stream: one(streamed) })).toEqual({ digest: sha256(streamed), size: streamed.length })
  // Once more, where nobody reads the bytes: the answer is the same.
  expect(await far.putBlob({ bytes })).toEqual({ digest, size: bytes.length })
  expect(await store.hasBlob(digest as Digest)).toBe(true)
  const content = { schemaVersion: 2 as const, mediaType: mediaTypes.manifest, ...subjectOf(near.descriptor, layer) }
  const put = await far.putManifest(manifestBytes(content), mediaTypes.manifest, { tag: 'second' })
  expect(await store.resolve({ tag: 'second' })).toMatchObject({ digest: put.digest, size: put.size })
  await far.tag('third', put.digest)
  expect((await store.resolve({ tag: 'third' }))?.digest).toBe(put.digest)
  expect((await far.referrers(manifest)).map((found) => found.digest)).toEqual([put.digest])
})

function subjectOf(
  subject: Descriptor,
  config: Descriptor,
): { config: Descriptor; layers: never[]; subject: Descriptor } {
  return { config: { ...config, mediaType: mediaTypes.config }, layers: [], subject }
}

const other = `sha256:${'0'.repeat(64)}`
const changed = (bytes: ByteSource): ByteSource =>
  (async function* () {
    for await (const chunk of bytes) {
      const copy = Buffer.from(chunk)
      copy.writeUInt8((copy[0] ?? 0) ^ 1, 0)
      yield copy
    }
  })()
const longer = (bytes: ByteSource): ByteSource =>
  (async function* () {
    yield* bytes
    yield Buffer.from(' ')
  })()
const cut = (bytes: ByteSource): ByteSource =>
  (async function* () {
    for await (const chunk of bytes) yield chunk.subarray(0, -1)
  })()
const nothing = (): ByteSource => one(Buffer.alloc(0))

describe('a step that lies is found out', () => {
  const read = async (store: Store, { manifest, layer }: { manifest: Digest; layer: Descriptor }): Promise<unknown> => {
    await store.getManifest(manifest)
    return collect(await store.openBlob(layer), 1 << 20, 'layer')
  }

  test.each<[string, Record<string, Lie>]>([
    ['other bytes of a blob', { openBlob: ({ value, body }) => ({ value, body: changed(body) }) }],
    ['more bytes of a blob', { openBlob: ({ value, body }) => ({ value, body: longer(body) }) }],
    ['no bytes of a blob', { openBlob: ({ value }) => ({ value, body: nothing() }) }],
    ['other bytes of a manifest', { getManifest: ({ value, body }) => ({ value, body: changed(body) }) }],
    ['more bytes of a manifest', { getManifest: ({ value, body }) => ({ value, body: longer(body) }) }],
    ['no bytes of a manifest', { getManifest: ({ value }) => ({ value, body: nothing() }) }],
  ])('%s', async (_what, lies) => {
    const image = await made()
    await expect(read(remote(image.directory), image)).resolves.toBeInstanceOf(Buffer)
    await expect(read(remote(image.directory, lies), image)).rejects.toMatchObject({ code: 'digest-mismatch' })
  })

  test('a manifest larger than any is cut off', async () => {
    const image = await made()
    const flood: Lie = ({ value }) => ({
      value,
      body: (async function* () {
        for (;;) yield Buffer.alloc(1 << 20)
      })(),
    })
    await expect(remote(image.directory, { getManifest: flood }).getManifest(image.manifest)).rejects.toMatchObject({
      exitCode: 1,
    })
  })

  test.each<[string, (body: ByteSource) => ByteSource, string]>([
    ['without an end of its last line', (body) => cut(body), 'agent-error'],
    ['with a line without end', () => one(Buffer.alloc(5000, 0x20)), 'agent-error'],
    ['with a line that is not JSON', () => one(Buffer.from('\n')), 'format-invalid'],
  ])('a listing of referrers %s is never "none"', async (_what, change, code) => {
    const image = await made()
    const near = await image.store.getManifest(image.manifest)
    const content = {
      schemaVersion: 2 as const,
      mediaType: mediaTypes.manifest,
      ...subjectOf(near.descriptor, image.layer),
    }
    await image.store.putManifest(manifestBytes(content), mediaTypes.manifest)
    const lie: Lie = ({ value, body }) => ({ value, body: change(body) })
    await expect(remote(image.directory, { readReferrers: lie }).referrers(image.manifest)).rejects.toMatchObject({
      code,
    })
  })

  test.each<[string, Lie, string]>([
    [
      'of another manifest',
      ({ body }) => ({ value: { mediaType: mediaTypes.manifest, digest: other, size: 1 }, body }),
      'digest-mismatch',
    ],
    ['of no form', ({ body }) => ({ value: { digest: other }, body }), 'format-invalid'],
    [
      'with a size below zero',
      ({ body }) => ({ value: { mediaType: 'a/b', digest: other, size: -1 }, body }),
      'format-invalid',
    ],
  ])('a descriptor %s', async (_what, resolve, code) => {
    const image = await made()
    await expect(remote(image.directory, { resolve }).resolve({ digest: image.manifest })).rejects.toMatchObject({
      code,
    })
  })

  test.each<[string, Lie, string]>([
    ['another digest', ({ body }) => ({ value: { digest: other, size: 7 }, body }), 'digest-mismatch'],
    ['nothing', ({ body }) => ({ value: null, body }), 'format-invalid'],
    ['no digest', ({ body }) => ({ value: { digest: 'sha256:x', size: 7 }, body }), 'format-invalid'],
  ])('what was put is said to be %s', async (_what, putBlob, code) => {
    const image = await made()
    const far = remote(image.directory, { putBlob })
    await expect(far.putBlob({ stream: one(Buffer.from('content')) })).rejects.toMatchObject({ code })
    await expect(far.putBlob({ bytes: Buffer.from('content') })).rejects.toMatchObject({ code })
  })

  test('a size that it says of a blob is not believed', async () => {
    const image = await made()
    const putBlob: Lie = ({ body }) => ({ value: { digest: sha256('content'), size: 99 }, body })
    const put = await remote(image.directory, { putBlob }).putBlob({ stream: one(Buffer.from('content')) })
    expect(put.size).toBe(7)
  })

  test('a manifest that was put is said to be another', async () => {
    const image = await made()
    const putManifest: Lie = ({ body }) => ({ value: { mediaType: mediaTypes.manifest, digest: other, size: 1 }, body })
    const far = remote(image.directory, { putManifest })
    const { bytes } = await far.getManifest(image.manifest)
    await expect(far.putManifest(bytes, mediaTypes.manifest)).rejects.toMatchObject({ code: 'digest-mismatch' })
  })
})

describe('the step’s side', () => {
  const digest = sha256('x')
  test.each<[string, JsonObject, string]>([
    ['an unknown operation', { operation: 'remove' }, 'operation'],
    ['no operation', {}, 'operation'],
    ['a member of every object', { operation: 'constructor' }, 'operation'],
    ['no digest', { operation: 'hasBlob', digest: 'sha256:../../../etc/passwd' }, 'digest'],
    ['a size that is none', { operation: 'openBlob', digest, size: -1 }, 'size'],
    ['a tag that is no text', { operation: 'tag', tag: 1, digest }, 'tag'],
    ['a relative directory', { operation: 'tags', directory: 'layout' }, 'directory'],
    ['a directory that climbs', { operation: 'tags', directory: '../layout' }, 'directory'],
    ['no directory', { operation: 'tags', directory: null }, 'directory'],
  ])('%s is refused, and nothing is made', async (_what, args, subject) => {
    const directory = scratch('empty')
    const asked = layoutOperation({ directory: join(directory, 'layout'), ...args }, nothing(), ports)
    await expect(asked).rejects.toMatchObject({ code: 'input-invalid', subject })
    expect(await readdir(directory)).toEqual([])
  })

  test('bytes that are not what the worker says they are do not stay', async () => {
    const { directory, store } = await made()
    const expected = { digest: sha256('expected'), size: 8 }
    const args = { operation: 'putBlob', directory, expect: expected }
    await expect(layoutOperation(args, one(Buffer.from('another!')), ports)).rejects.toMatchObject({
      code: 'digest-mismatch',
    })
    expect(await store.hasBlob(expected.digest as Digest)).toBe(false)
  })
})
