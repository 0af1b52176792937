import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { walkGraph } from '../../src/oci/graph.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../src/oci/types.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putGraph } from './graph-image.ts'
import { codeOf, storeOf } from './helpers.ts'

/** Anybody who may push can attach things to an image, and nothing of theirs may keep the image from being copied (TRUST §5.2). */

const fresh = (): Store => storeOf(`oci:${scratch()}`, testPorts())

const remove = (folder: string, digest: Digest): void => rmSync(join(folder, 'blobs/sha256', digest.slice(7)))

interface Ready {
  folder: string
  from: Store
  to: Store
  graph: Awaited<ReturnType<typeof putGraph>>
  subject: Descriptor
}

async function ready(): Promise<Ready> {
  const folder = scratch()
  const [from, to] = [storeOf(`oci:${folder}`, testPorts()), fresh()]
  const graph = await putGraph(from)
  return { folder, from, to, graph, subject: (await from.getManifest(graph.index)).descriptor }
}

/** A stranger's index that refers to an image. */
async function attachIndex(store: Store, subject: Descriptor, manifests: Descriptor[]): Promise<Descriptor> {
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, artifactType: 'application/x-strange', manifests }
  return store.putManifest(manifestBytes({ ...index, subject } as never), mediaTypes.index)
}

const digests = (nodes: readonly { descriptor: Descriptor }[]): Digest[] =>
  nodes.map(({ descriptor }) => descriptor.digest)

async function expectWhole({ from, to, graph }: Ready): Promise<Awaited<ReturnType<typeof copyGraph>>> {
  const copy = await copyGraph(from, to, graph.index, { tag: 'v1' })
  expect(digests(copy.copied)).toEqual(expect.arrayContaining(Object.values(graph)))
  expect(await to.resolve({ tag: 'v1' })).toMatchObject({ digest: graph.index })
  return copy
}

test('a chain of referrers that is too long is cut off, and told', async () => {
  const all = await ready()
  let subject = all.subject
  for (let n = 0; n < 12; n++)
    subject = await putArtifact(all.from, { artifactType: 'application/x-strange', subject, layers: [] })
  const { gaps, copied } = await expectWhole(all)
  expect(gaps.map(({ error }) => error.code)).toEqual(['format-invalid'])
  expect(copied).toHaveLength(7 + 8)
})

test('an attached index without one of its members is left out with all below it', async () => {
  const all = await ready()
  const member = (await all.from.getManifest(all.graph.ofIndex)).descriptor
  const gone = await putArtifact(all.from, { artifactType: 'application/x-gone', layers: [] })
  const broken = await attachIndex(all.from, all.subject, [member, gone])
  const around = await attachIndex(all.from, all.subject, [broken])
  const blob = await all.from.putBlob({ bytes: Buffer.from('not a manifest') })
  const other = await attachIndex(all.from, all.subject, [{ mediaType: 'application/x-blob', ...blob }])
  remove(all.folder, gone.digest)
  const below = await putArtifact(all.from, { artifactType: 'application/x-strange', subject: broken, layers: [] })
  const { left, copied } = await expectWhole(all)
  expect(digests(left).sort()).toEqual([broken, around, other, below].map(({ digest }) => digest).sort())
  expect(copied).toHaveLength(7)
})

test('an attached manifest whose blob is not there, or has another size, is left out', async () => {
  const all = await ready()
  const { content } = await all.from.getManifest(all.graph.a)
  const [layer] = 'layers' in content ? content.layers : []
  if (layer === undefined) throw new Error('no layer')
  const manifest = (layers: Descriptor[]): Promise<Descriptor> => {
    const config = { mediaType: mediaTypes.empty, digest: layer.digest, size: layer.size }
    const value = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers, subject: all.subject } as const
    return all.from.putManifest(manifestBytes(value), mediaTypes.manifest)
  }
  const gone = await all.from.putBlob({ bytes: Buffer.from('gone') })
  const wrong = [
    await manifest([{ ...layer, ...gone }]),
    // A size that lies about a layer of the image itself.
    await manifest([{ ...layer, size: layer.size + 1 }]),
  ]
  remove(all.folder, gone.digest)
  const { left, gaps } = await expectWhole(all)
  expect(digests(left).sort()).toEqual(digests(wrong.map((descriptor) => ({ descriptor }))).sort())
  expect(gaps).toHaveLength(2)
})

test('an index around an attached manifest neither takes it along nor away', async () => {
  const all = await ready()
  const wanted = (await all.from.getManifest(all.graph.ofIndex)).descriptor
  // As many as make sure that some are listed before it.
  const strange: Digest[] = []
  for (let n = 0; n < 12; n++) {
    const annotations = { n: String(n) }
    strange.push((await attachIndex(all.from, all.subject, [{ ...wanted, annotations }])).digest)
  }
  const isStrange = ({ descriptor }: { descriptor: Descriptor }): boolean =>
    descriptor.artifactType === 'application/x-strange'
  const without = await copyGraph(all.from, all.to, all.graph.index, { takes: (node) => !isStrange(node) })
  expect(digests(without.copied)).toContain(wanted.digest)
  const to = fresh()
  const excluded = await copyGraph(all.from, to, all.graph.index, {
    takes: ({ descriptor }) => descriptor.artifactType !== 'application/x-of-index',
  })
  expect(digests(excluded.left).sort()).toEqual([wanted.digest, ...strange].sort())
  expect(await codeOf(to.getManifest(wanted.digest))).toBe('missing-blob')
})

test('members of attached indexes come before the indexes', async () => {
  const all = await ready()
  const wanted = (await all.from.getManifest(all.graph.ofIndex)).descriptor
  const inner = await attachIndex(all.from, all.subject, [wanted])
  const outer = await attachIndex(all.from, all.subject, [inner, wanted])
  const put: Digest[] = []
  const { putManifests: _, ...one } = all.to
  const to: Store = {
    ...one,
    putManifest: async (bytes, mediaType, options) => {
      const descriptor = await all.to.putManifest(bytes, mediaType, options)
      put.push(descriptor.digest)
      return descriptor
    },
  }
  await copyGraph(all.from, to, all.graph.index)
  const order = [wanted, inner, outer].map(({ digest }) => put.indexOf(digest))
  expect(order).toEqual(order.toSorted((a, b) => a - b))
  expect(order).not.toContain(-1)
})

test('an image that is nested too deep is still refused', async () => {
  const { from, subject } = await ready()
  let deep = subject
  for (let n = 0; n < 10; n++)
    deep = await from.putManifest(
      manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [deep] }),
      mediaTypes.index,
    )
  const walk = async (): Promise<void> => {
    for await (const _ of walkGraph(from, deep.digest, () => {}));
  }
  expect(await codeOf(walk())).toBe('format-invalid')
})
