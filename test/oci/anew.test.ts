import { randomBytes } from 'node:crypto'
import { putArtifact } from '../../src/oci/artifact.ts'
import { fallbackTag } from '../../src/oci/digest.ts'
import { listsOf } from '../../src/oci/lists-once.ts'
import type { ReferrersApi } from '../../src/oci/referrers-api.ts'
import type { Digest } from '../../src/oci/types.ts'
import { testPorts } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'
import { spoolBlobs } from '../../src/tasks/promote/spool.ts'
import { codeOf, putImage, readAll, storeOf } from './helpers.ts'

const digest = `sha256:${'a'.repeat(64)}` as Digest
const other = `sha256:${'b'.repeat(64)}` as Digest

function lists(tags: string[]): ReturnType<typeof listsOf> & { asked: string[] } {
  const asked: string[] = []
  const api: ReferrersApi = { list: (of) => Promise.resolve((asked.push(of), null)) }
  const listTags = (): Promise<string[]> => Promise.resolve((asked.push('tags'), tags))
  return { ...listsOf({ api, listTags }, true), asked }
}

test('a steady reader asks for each list once', async () => {
  const { api, tags, asked } = lists([])
  await Promise.all([api.list(digest), api.list(digest), api.list(other), tags(), tags()])
  expect(asked).toEqual([digest, other, 'tags'])
})

test('a tag is known to be absent only after the tags were read and show fallback tags', async () => {
  const sig = `${fallbackTag(digest)}.sig`
  const known = lists(['v1', fallbackTag(digest)])
  expect(await known.lacks(sig)).toBe(false)
  await known.tags()
  expect(await known.lacks(sig)).toBe(true)
  expect(await known.lacks(fallbackTag(digest))).toBe(false)
  expect(await known.lacks('v2')).toBe(false)
  for (const hiding of [lists(['v1']), lists(['v1', `${fallbackTag(other)}.sig`])]) {
    await hiding.tags()
    expect(await hiding.lacks(sig)).toBe(false)
  }
})

test('a question that failed is asked again', async () => {
  let asked = 0
  const api: ReferrersApi = { list: () => (asked++ === 0 ? Promise.reject(new Error('once')) : Promise.resolve([])) }
  const reader = listsOf({ api, listTags: () => Promise.resolve([]) }, true)
  await expect(reader.api.list(digest)).rejects.toThrow('once')
  expect(await reader.api.list(digest)).toEqual([])
})

test('a new reader gives what the registry has, not what was written through another one', async () => {
  const registry = await startRegistry('referrers')
  try {
    const store = storeOf(`${registry.host}/a/app`, testPorts())
    const image = await putImage(store, 'layer', 'v1')
    const gone = await fetch(`http://${registry.host}/v2/a/app/manifests/${image.digest}`, { method: 'DELETE' })
    expect(gone.status).toBe(202)
    expect((await store.getManifest(image.digest)).descriptor.digest).toBe(image.digest)
    const reader = store.anew?.() ?? store
    expect(await codeOf(reader.getManifest(image.digest))).toBe('missing-blob')
    expect(await reader.resolve({ digest: image.digest })).toBeNull()
  } finally {
    await registry.close()
  }
})

test('small blobs go with one POST each where the registry takes that, and bytes of another digest are refused', async () => {
  const registry = await startRegistry('referrers')
  try {
    const store = storeOf(`${registry.host}/a/app`, testPorts())
    for (const text of ['one', 'two', 'three']) await store.putBlob({ bytes: Buffer.from(text) })
    const requests = await registry.requests()
    expect(Object.entries(requests).filter(([kind]) => kind.startsWith('PUT'))).toEqual([])
    async function* flow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('abc')
    }
    expect(await codeOf(store.putBlob({ stream: flow(), expect: { digest, size: 3 }, absent: true }))).toBe(
      'digest-mismatch',
    )
  } finally {
    await registry.close()
  }
})

test.each([
  ['in memory', 3000],
  ['with one write', 300_000],
  ['with several writes', 3_000_000],
])('the spool keeps a blob %s, reads it once, and does not take a broken one for the whole', async (_name, size) => {
  const registry = await startRegistry('referrers')
  try {
    const ports = testPorts()
    const store = storeOf(`${registry.host}/a/app`, ports)
    const layer = { mediaType: 'text/plain', bytes: randomBytes(size) }
    const { digest: named } = await putArtifact(store, { artifactType: 'text/x', layers: [layer] })
    const { content } = await store.getManifest(named)
    const [blob] = 'layers' in content ? content.layers : []
    if (blob === undefined) throw new Error('no layer')
    let reads = 0
    const counted = {
      ...store,
      openBlob: (one: typeof blob) => {
        reads++
        return store.openBlob(one)
      },
    }
    const { store: spooled, close } = await spoolBlobs(counted, ports)
    const first = await readAll(spooled, blob)
    expect([await readAll(spooled, blob), reads]).toEqual([first, 1])
    await close()
    // What broke off is not taken for the whole.
    const again = await spoolBlobs(counted, ports)
    for await (const piece of await again.store.openBlob(blob)) if (piece.length > 0) break
    expect(await readAll(again.store, blob)).toBe(first)
    await again.close()
    expect(reads).toBe(3)
  } finally {
    await registry.close()
  }
})

test.each([
  ['shows what is attached', 3, true],
  ['may have been cut off: it ends at a round number', 50, false],
  ['shows nothing that is attached', 0, false],
])('a list of tags that %s', async (_name, count, isBelieved) => {
  const fallback = `sha256-${'a'.repeat(64)}`
  const tags = count === 0 ? ['v1'] : [fallback, ...Array.from({ length: count - 1 }, (_, i) => `v${i}`)]
  const api = { list: () => Promise.resolve(null) }
  const lists = listsOf({ api, listTags: () => Promise.resolve(tags) }, true)
  await lists.tags()
  expect([await lists.lacks(`${fallback}.sig`), await lists.lacks(fallback)]).toEqual([isBelieved, false])
})
