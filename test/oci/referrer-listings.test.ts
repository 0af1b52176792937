import { putArtifact } from '../../src/oci/artifact.ts'
import { fallbackTag } from '../../src/oci/digest.ts'
import { walkGraph } from '../../src/oci/graph.ts'
import { emptyConfig } from '../../src/oci/artifact.ts'
import { mediaTypes, type Descriptor, type Digest } from '../../src/oci/types.ts'
import { codeOf, hastyPorts, putImage, storeOf } from './helpers.ts'
import { tinyRegistry, type Habits, type TinyRegistry } from './tiny-registry.ts'

async function withRegistry(habits: Habits, fn: (registry: TinyRegistry, image: Descriptor) => Promise<void>) {
  const registry = await tinyRegistry(habits)
  try {
    await fn(registry, await putImage(storeOf(`${registry.host}/a`, hastyPorts()), 'layer', 'v1'))
  } finally {
    await registry.close()
  }
}

/** A referrer as others made it. */
const about = ({ mediaType, digest, size }: Descriptor, type: string): object => ({
  schemaVersion: 2,
  mediaType: mediaTypes.manifest,
  artifactType: type,
  config: emptyConfig,
  layers: [],
  subject: { mediaType, digest, size },
})

const index = (manifests: readonly object[]): object => ({
  schemaVersion: 2,
  mediaType: mediaTypes.index,
  manifests,
})

const listedBy = async (registry: TinyRegistry, digest: Digest, type?: string): Promise<Digest[]> =>
  (await storeOf(`${registry.host}/a`, hastyPorts()).referrers(digest, type)).map((found) => found.digest)

describe.each([404, 405, 'empty', 'null', 'html'] as const)('an answer of the API that is %s', (referrers) => {
  test('is never "none": the fallback tag is read', async () => {
    await withRegistry({ referrers }, async (registry, image) => {
      const digest = registry.place(about(image, 'application/x'))
      const size = registry.manifests.get(digest)?.bytes.length
      registry.place(
        index([{ mediaType: mediaTypes.manifest, digest, size }]),
        fallbackTag(image.digest),
        mediaTypes.index,
      )
      expect(await listedBy(registry, image.digest)).toEqual([digest])
    })
  })

  test('is no proof that a referrer is listed, whatever the header says: it goes under the fallback tag', async () => {
    await withRegistry({ referrers, subjectHeader: true }, async (registry, image) => {
      const store = storeOf(`${registry.host}/a`, hastyPorts())
      const put = await putArtifact(store, { artifactType: 'application/x', subject: image, layers: [] })
      expect(registry.fallback(image.digest)).toEqual([put.digest])
      expect(await listedBy(registry, image.digest)).toEqual([put.digest])
    })
  })
})

test('a registry that lists late is waited for, and gets no fallback tag', async () => {
  await withRegistry({ referrers: 'late', subjectHeader: true }, async (registry, image) => {
    const store = storeOf(`${registry.host}/a`, hastyPorts())
    const put = await putArtifact(store, { artifactType: 'application/x', subject: image, layers: [] })
    expect([...registry.tags.keys()]).toEqual(['v1'])
    expect(await listedBy(registry, image.digest)).toEqual([put.digest])
  })
})

test('what the API and the fallback tag list is merged, each once, and corrected from the manifest', async () => {
  await withRegistry({}, async (registry, image) => {
    const listed = registry.place(about(image, 'application/x'))
    const entry = (digest: Digest): object => ({
      mediaType: mediaTypes.manifest,
      digest,
      size: registry.manifests.get(digest)?.bytes.length,
      artifactType: mediaTypes.empty,
      annotations: { lie: 'yes' },
    })
    const foreign = registry.place(about({ ...image, digest: `sha256:${'0'.repeat(64)}` }, 'application/x'))
    registry.place(index([entry(listed), entry(foreign)]), fallbackTag(image.digest), mediaTypes.index)
    const found = await storeOf(`${registry.host}/a`, hastyPorts()).referrers(image.digest, 'application/x')
    expect(found).toEqual([expect.objectContaining({ digest: listed, artifactType: 'application/x' })])
    expect(found[0]).not.toHaveProperty('annotations')
    // The registry lists by subject alone; what only the tag lists, as an older registry left it, is found as well.
    const hidden = registry.place({ ...about(image, 'application/y'), annotations: { only: 'in the tag' } })
    const held = registry.manifests.get(hidden)
    registry.place(index([entry(listed), entry(hidden)]), fallbackTag(image.digest), mediaTypes.index)
    expect(held).toBeDefined()
    expect(await listedBy(registry, image.digest)).toEqual([listed, hidden].sort())
  })
})

test('an API that the registry lacks is asked for once, not for each manifest', async () => {
  await withRegistry({ referrers: 404 }, async (registry, image) => {
    const store = storeOf(`${registry.host}/a`, hastyPorts())
    for (const note of ['1', '2'])
      await putArtifact(store, { artifactType: 'application/x', subject: image, layers: [], annotations: { note } })
    const reader = storeOf(`${registry.host}/a`, hastyPorts())
    registry.asked.length = 0
    const nodes: string[] = []
    for await (const { relation } of walkGraph(reader, image.digest, () => {})) nodes.push(relation)
    expect(nodes).toEqual(['root', 'referrer', 'referrer'])
    expect(registry.asked.filter((line) => line.startsWith('GET referrers/'))).toHaveLength(1)
  })
})

test('a walk over a registry with the API asks for no fallback tag that is not there', async () => {
  await withRegistry({ subjectHeader: true }, async (registry, image) => {
    await putArtifact(storeOf(`${registry.host}/a`, hastyPorts()), {
      artifactType: 'application/x',
      subject: image,
      layers: [],
    })
    registry.asked.length = 0
    const reader = storeOf(`${registry.host}/a`, hastyPorts())
    for await (const _ of walkGraph(reader, image.digest, () => {}));
    expect(registry.asked.filter((line) => line.includes('/sha256-'))).toEqual([])
  })
})

describe('pages', () => {
  const three = (registry: TinyRegistry, image: Descriptor): Digest[] =>
    ['1', '2', '3'].map((note) => registry.place({ ...about(image, 'application/x'), annotations: { note } })).sort()

  test.each<[string, NonNullable<Habits['link']>]>([
    ['relative to the page', (page) => (page < 3 ? `?page=${page + 1}` : null)],
    ['absolute', (page, host) => (page < 3 ? `http://${host}/v2/a/referrers/DIGEST?page=${page + 1}` : null)],
  ])('are read to the end; links %s', async (_title, link) => {
    const place = { digest: '' }
    const habits: Habits = { link: (page, host) => link(page, host)?.replace('DIGEST', place.digest) ?? null }
    await withRegistry(habits, async (registry, image) => {
      place.digest = image.digest
      const there = three(registry, image)
      expect(await listedBy(registry, image.digest)).toEqual(there)
    })
  })

  test.each<[string, NonNullable<Habits['link']>]>([
    ['themselves', (page) => `?page=${page}`],
    ['a circle', (page) => `?page=${1 - page}`],
    ['another host', () => 'http://127.0.0.1:1/v2/a/referrers/x'],
  ])('that lead to %s are an error, and end soon', async (_title, link) => {
    await withRegistry({ link }, async (registry, image) => {
      three(registry, image)
      expect(await codeOf(listedBy(registry, image.digest))).toBe('registry-error')
      expect(registry.asked.filter((line) => line.startsWith('GET referrers/')).length).toBeLessThan(5)
    })
  })
})

describe('a registry that answers the dash-tag with the image itself (GitLab)', () => {
  const habits = { referrers: 404, dashTag: true } as const

  test('lists no referrers by that', async () => {
    await withRegistry(habits, async (registry, image) => {
      const many = registry.place(index([image]), 'many', mediaTypes.index)
      const broken: Digest[] = []
      const store = storeOf(`${registry.host}/a`, hastyPorts())
      for await (const found of store.readReferrers(many, ({ manifest }) => broken.push(manifest)))
        throw new Error(found.descriptor.digest)
      expect(broken).toEqual([])
      // The children of the image are not read as if they were listed.
      expect(registry.asked).not.toContain(`GET manifests/${image.digest}`)
    })
  })

  test.each(['image', 'index'])(
    'gets an index under the tag that lists what is attached to an %s alone',
    async (kind) => {
      await withRegistry(habits, async (registry, image) => {
        const store = storeOf(`${registry.host}/a`, hastyPorts())
        const digest = kind === 'image' ? image.digest : registry.place(index([image]), 'many', mediaTypes.index)
        const subject = (await store.getManifest(digest)).descriptor
        const put = await putArtifact(store, { artifactType: 'application/x', subject, layers: [] })
        expect(registry.fallback(digest)).toEqual([put.digest])
        expect(await listedBy(registry, digest)).toEqual([put.digest])
      })
    },
  )

  test('that tag written by cosign copy is never overwritten', async () => {
    await withRegistry({ referrers: 404 }, async (registry, image) => {
      registry.tags.set(fallbackTag(image.digest), image.digest)
      const store = storeOf(`${registry.host}/a`, hastyPorts())
      await expect(putArtifact(store, { artifactType: 'application/x', subject: image, layers: [] })).rejects.toThrow(
        'names the image itself',
      )
      expect(registry.tags.get(fallbackTag(image.digest))).toBe(image.digest)
    })
  })
})
