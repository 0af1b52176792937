import type { Ports } from '../../src/base/ports.ts'
import { emptyConfig, putArtifact } from '../../src/oci/artifact.ts'
import { fallbackTag } from '../../src/oci/digest.ts'
import { quiet, quietTimeMs } from '../../src/oci/quiet-time.ts'
import { mediaTypes, type Descriptor, type Digest } from '../../src/oci/types.ts'
import { codeOfSync, hastyPorts, putImage, storeOf } from './helpers.ts'
import { tinyRegistry, type Habits, type TinyRegistry } from './tiny-registry.ts'

const type = 'application/x'

async function withRegistry(habits: Habits, fn: (registry: TinyRegistry, image: Descriptor) => Promise<void>) {
  const registry = await tinyRegistry({ referrers: 404, ...habits })
  try {
    await fn(registry, await putImage(storeOf(`${registry.host}/a`, hastyPorts()), 'layer', 'v1'))
  } finally {
    await registry.close()
  }
}

const attach = (place: string, subject: Descriptor, note: string, ports: Ports = hastyPorts()): Promise<Descriptor> =>
  putArtifact(storeOf(place, ports), { artifactType: type, subject, layers: [], annotations: { note } })

/** Another writer, who replaces the whole index by one of his own. */
function replace(registry: TinyRegistry, subject: Digest, entries: readonly Digest[]): void {
  const manifests = entries.map((digest) => ({ mediaType: mediaTypes.manifest, digest, size: 2 }))
  registry.place({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }, fallbackTag(subject), mediaTypes.index)
}

describe('a registry that honours If-Match', () => {
  test('keeps what another writer added between our reading and our writing', async () => {
    let left = 3
    const other = `sha256:${'1'.repeat(64)}` as Digest
    let subject: Digest | null = null
    const beforeTag: Habits['beforeTag'] = (registry, tag) => {
      if (subject !== null && tag === fallbackTag(subject) && left-- > 0)
        replace(registry, subject, [...new Set([...registry.fallback(subject), other])])
    }
    await withRegistry({ ifMatch: 'honoured', beforeTag }, async (registry, image) => {
      subject = image.digest
      const ports = hastyPorts()
      const store = storeOf(`${registry.host}/a`, ports)
      const put = await putArtifact(store, { artifactType: type, subject: image, layers: [] })
      expect(registry.fallback(image.digest)).toEqual([other, put.digest].sort())
      ports.slept.length = 0
      await store.settle?.()
      expect(ports.slept).toEqual([])
    })
  })

  test('is not asked again for what a condition proved', async () => {
    await withRegistry({ ifMatch: 'honoured' }, async (registry, image) => {
      registry.asked.length = 0
      await attach(`${registry.host}/a`, image, '1')
      // The first write shows that conditions are honoured, the second one is made with the true condition.
      const about = registry.asked.filter((line) => line.endsWith(fallbackTag(image.digest)))
      expect(about.map((line) => line.split(' ')[0])).toEqual(['GET', 'PUT', 'PUT'])
    })
  })

  test('moves a legacy tag only from where it was seen, by its own condition', async () => {
    let meanwhile: Habits['beforeTag']
    const beforeTag: Habits['beforeTag'] = (registry, tag) => meanwhile?.(registry, tag)
    await withRegistry({ ifMatch: 'honoured', beforeTag }, async (registry, image) => {
      const store = storeOf(`${registry.host}/a`, hastyPorts())
      const other = await putImage(store, 'other')
      await store.retag?.('first', image.digest, null)
      meanwhile = ({ tags }, tag) => void tags.set(tag, image.digest)
      expect(await store.retag?.('v2', other.digest, null)).toBe(false)
      expect(registry.tags.get('v2')).toBe(image.digest)
    })
  })
})

test.each(['ignored', 'refused', 'always-412'] as const)(
  'a registry where If-Match is %s is written all the same',
  (ifMatch) =>
    withRegistry({ ifMatch }, async (registry, image) => {
      const store = storeOf(`${registry.host}/a`, hastyPorts())
      const put: Digest[] = []
      for (const note of ['1', '2'])
        put.push(
          (await putArtifact(store, { artifactType: type, subject: image, layers: [], annotations: { note } })).digest,
        )
      expect(registry.fallback(image.digest)).toEqual(put.sort())
      await store.settle?.()
    }),
)

describe('a registry without conditional writes', () => {
  /** Loses the listing as often as asked, while the writer waits for its quiet time. */
  function losing(
    registry: TinyRegistry,
    image: Descriptor,
    times: number,
    env: Record<string, string> = {},
  ): Ports & { slept: number[] } {
    const ports = hastyPorts({ env })
    let left = times
    const sleep = async (ms: number): Promise<void> => {
      ports.slept.push(ms)
      if (left-- > 0) replace(registry, image.digest, [])
    }
    return { ...ports, clock: { ...ports.clock, sleep } }
  }

  test('an entry that another writer took out is listed again until it stands', async () => {
    await withRegistry({}, async (registry, image) => {
      const ports = losing(registry, image, 3)
      const store = storeOf(`${registry.host}/a`, ports)
      const put = await putArtifact(store, { artifactType: type, subject: image, layers: [] })
      await store.settle?.()
      expect(registry.fallback(image.digest)).toEqual([put.digest])
      expect(ports.slept).toHaveLength(4)
      expect(ports.slept[0]).toBeGreaterThan(quiet.leastMs - 100)
      await store.settle?.()
      expect(ports.slept).toHaveLength(4)
    })
  })

  test('an entry that is lost again and again ends the run, which names it', async () => {
    await withRegistry({}, async (registry, image) => {
      const store = storeOf(`${registry.host}/a`, losing(registry, image, Number.POSITIVE_INFINITY))
      const put = await putArtifact(store, { artifactType: type, subject: image, layers: [] })
      await expect(store.settle?.()).rejects.toMatchObject({
        code: 'registry-error',
        exitCode: 3,
        message: new RegExp(`Not listed for certain: ${put.digest}`),
      })
    })
  })

  test('the quiet time can be set', async () => {
    await withRegistry({}, async (registry, image) => {
      const ports = losing(registry, image, 0, { SEALWRIGHT_QUIET_TIME_MS: '9000' })
      const store = storeOf(`${registry.host}/a`, ports)
      await putArtifact(store, { artifactType: type, subject: image, layers: [] })
      await store.settle?.()
      expect(ports.slept[0]).toBeGreaterThan(8000)
    })
    expect(quietTimeMs({}, 1)).toBe(quiet.leastMs)
    expect(quietTimeMs({}, 1000)).toBe(4000)
    expect(quietTimeMs({}, 1e6)).toBe(quiet.mostMs)
    expect(codeOfSync(() => quietTimeMs({ SEALWRIGHT_QUIET_TIME_MS: '1s' }, 1))).toBe('input-invalid')
  })

  test('writing the same referrer again writes nothing', async () => {
    await withRegistry({}, async (registry, image) => {
      const place = `${registry.host}/a`
      await attach(place, image, '1')
      registry.asked.length = 0
      await attach(place, image, '1')
      expect(registry.asked.filter((line) => line.startsWith('PUT manifests'))).toEqual([])
    })
  })

  test('all referrers of one subject are listed by one write', async () => {
    await withRegistry({}, async (registry, image) => {
      const store = storeOf(`${registry.host}/a`, hastyPorts())
      await store.putBlob({ bytes: Buffer.from('{}') })
      const manifests = ['1', '2', '3'].map((note) => ({
        bytes: Buffer.from(
          JSON.stringify({
            schemaVersion: 2,
            mediaType: mediaTypes.manifest,
            artifactType: type,
            config: emptyConfig,
            layers: [],
            subject: { mediaType: image.mediaType, digest: image.digest, size: image.size },
            annotations: { note },
          }),
        ),
        mediaType: mediaTypes.manifest,
      }))
      await store.putManifests?.(manifests)
      const writes = registry.asked.filter((line) => line === `PUT manifests/${fallbackTag(image.digest)}`)
      expect(writes).toHaveLength(1)
      expect(registry.fallback(image.digest)).toHaveLength(3)
    })
  })

  test('what is not understood in an index stays as it is, and does not keep us from writing', async () => {
    await withRegistry({}, async (registry, image) => {
      const foreign = [{ mediaType: 'x', digest: `sha512:${'1'.repeat(128)}`, size: 5 }, { size: -1 }, 'text', null]
      registry.place(
        { schemaVersion: 2, mediaType: mediaTypes.index, manifests: foreign, annotations: { a: 'b' } },
        fallbackTag(image.digest),
        mediaTypes.index,
      )
      const { digest } = await attach(`${registry.host}/a`, image, '1')
      const held = registry.manifests.get(registry.tags.get(fallbackTag(image.digest)) ?? digest)
      expect(JSON.parse(held?.bytes.toString() ?? '')).toEqual({
        schemaVersion: 2,
        mediaType: mediaTypes.index,
        annotations: { a: 'b' },
        manifests: [expect.objectContaining({ digest }), ...foreign],
      })
    })
  })

  test('an index by strangers that is no index at all is not overwritten', async () => {
    await withRegistry({}, async (registry, image) => {
      registry.place({ hello: 'there' }, fallbackTag(image.digest), mediaTypes.index)
      const before = registry.tags.get(fallbackTag(image.digest))
      await expect(attach(`${registry.host}/a`, image, '1')).rejects.toMatchObject({
        code: 'registry-error',
        message: /names something else \(sha256:/,
      })
      expect(registry.tags.get(fallbackTag(image.digest))).toBe(before)
    })
  })
})
