import { rmSync } from 'node:fs'
import { putArtifact } from '../../src/oci/artifact.ts'
import { fallbackTag } from '../../src/oci/digest.ts'
import { blobPath } from '../../src/oci/layout-files.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../src/oci/types.ts'
import { gcText } from '../../src/report/graph/gc.ts'
import { attachCosignSignature, legacyTag } from '../../src/sign/legacy.ts'
import { gcReport } from '../../src/tasks/graph/gc-report.ts'
import { testPorts } from '../../testkit/ports.ts'
import { hastyPorts, putImage, storeOf } from '../oci/helpers.ts'
import { tinyRegistry } from '../oci/tiny-registry.ts'

const attach = (store: Store, subject: Descriptor, artifactType: string): Promise<Descriptor> =>
  putArtifact(store, { artifactType, subject, layers: [] })

test('a report names what only a listing keeps, members of indexes and signature tags', async () => {
  const store = storeOf('oci:layout', testPorts())
  const image = await putImage(store, 'layer')
  const bytes = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [image] })
  const index = await store.putManifest(bytes, mediaTypes.index, { tag: 'v1' })
  const note = await attach(store, index, 'application/x-note')
  const receipt = await attach(store, note, 'application/x-receipt')
  await attachCosignSignature(store, image, [{ payload: Buffer.from('{}'), signature: Buffer.from('s') }])
  const report = await gcReport(store, null)
  expect(report).toMatchObject({ roots: 1, manifests: 5, attachedTags: 1, gone: [], orphans: [], unreferenced: [] })
  expect(report.untagged).toEqual([
    { manifest: note.digest, parent: index.digest, type: 'application/x-note', bytes: note.size + 4 },
    { manifest: receipt.digest, parent: note.digest, type: 'application/x-receipt', bytes: receipt.size + 4 },
  ])
  expect(report.untaggedMembers).toEqual([image.digest])
  expect(report.kinds.map(({ kind, manifests }) => [kind, manifests]).sort()).toEqual([
    ['.sig', 1],
    ['application/x-note', 1],
    ['application/x-receipt', 1],
    ['image', 1],
    ['index', 1],
  ])
  const single = await gcReport(store, index.digest)
  expect(single).toEqual({ ...report, orphans: null, unreferenced: null })
  expect(gcText(report)).toContain('2 attached manifests without a tag')
  expect(gcText(report)).toContain('Nothing was deleted.')
})

test('a layout: what is gone, what is attached to something that is gone, and what nothing names', async () => {
  const ports = testPorts()
  const store = storeOf('oci:layout', ports)
  const [image, other] = [await putImage(store, 'layer', 'v1'), await putImage(store, 'other')]
  const [gone, orphan] = [await attach(store, image, 'application/x'), await attach(store, other, 'application/x')]
  const { digest: loose } = await store.putBlob({ bytes: Buffer.from('nobody names this') })
  for (const digest of [gone.digest, other.digest]) rmSync(blobPath(`${ports.roots.cwd}/layout`, digest))
  const report = await gcReport(storeOf('oci:layout', ports), null)
  expect(report.gone).toEqual([expect.objectContaining({ manifest: gone.digest, parent: image.digest })])
  expect(report.orphans).toEqual([{ name: orphan.digest, subject: other.digest }])
  expect(report.unreferenced?.map(({ digest }) => digest)).toContain(loose)
  const text = gcText(report)
  for (const named of [gone.digest, orphan.digest, loose]) expect(text).toContain(named)
})

test('a registry: lists and signatures of an image that is gone, and that it cannot list its blobs', async () => {
  const registry = await tinyRegistry({ referrers: 404 })
  try {
    const store = storeOf(`${registry.host}/a`, hastyPorts())
    const [image, other] = [await putImage(store, 'layer', 'v1'), await putImage(store, 'other')]
    for (const subject of [image, other]) await attach(store, subject, 'application/x')
    registry.tags.set('broken', registry.place({ nothing: 'that is read' }))
    await attachCosignSignature(store, other, [{ payload: Buffer.from('{}'), signature: Buffer.from('s') }])
    registry.manifests.delete(other.digest)
    registry.asked.length = 0
    const reader = storeOf(`${registry.host}/a`, hastyPorts())
    const report = await gcReport(reader, null)
    expect(report.orphans).toEqual([
      { name: fallbackTag(other.digest), subject: other.digest },
      { name: legacyTag(other.digest, 'sig'), subject: other.digest },
    ])
    expect(report.unreferenced).toBeNull()
    expect(report.unreadableTags).toEqual(['broken'])
    expect(gcText(report)).toContain('broken')
    expect(registry.asked.filter((line) => /^(PUT|POST|DELETE)/.test(line))).toEqual([])
    expect(registry.asked.filter((line) => line === 'GET tags/list')).toHaveLength(1)
    expect(gcText(report)).toContain('registries have no list')
  } finally {
    await registry.close()
  }
})

test('a repository without images is not reported as clean: its name may be wrong', async () => {
  const registry = await tinyRegistry({ referrers: 404 })
  try {
    const report = await gcReport(storeOf(`${registry.host}/nothing`, hastyPorts()), null)
    expect(gcText(report)).toContain('No image was found there. Check the name of the repository.')
  } finally {
    await registry.close()
  }
})

test('a terminal gets no control characters, and long lists are cut with their number', () => {
  const digest = (i: number): Digest => `sha256:${`${i}`.padStart(64, '0')}`
  const untagged = Array.from({ length: 60 }, (_, i) => ({
    manifest: digest(i),
    parent: digest(0),
    type: 'x\u001b[31m',
    bytes: 1,
  }))
  const text = gcText({
    store: 'oci:/x',
    roots: 1,
    manifests: 61,
    kinds: [],
    untagged,
    untaggedMembers: [],
    attachedTags: 0,
    missing: null,
    unreadableTags: [],
    gone: [],
    orphans: [],
    unreferenced: [],
  })
  expect(text).not.toContain('\u001b')
  expect(text).toContain('… 10 more: --format json')
  expect(text).toContain('(60 bytes)')
})
