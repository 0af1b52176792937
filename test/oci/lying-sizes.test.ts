import { copyGraph } from '../../src/oci/copy-graph.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { emptyConfig } from '../../src/oci/artifact.ts'
import { mediaTypes, type Store } from '../../src/oci/types.ts'
import { bodyTimeoutMs } from '../../src/oci/upload.ts'
import { scratch } from '../../testkit/ports.ts'
import { putGraph } from './graph-image.ts'
import { codeOf, hastyPorts, storeOf } from './helpers.ts'
import { tinyRegistry } from './tiny-registry.ts'

// Whoever attaches something writes the sizes in its descriptors, and none of them keeps an image from being copied (TRUST §5.2).

const bytes = Buffer.from('twelve bytes')
const sizes = [0, 1, 13, 150e9, 300e9, Number.MAX_SAFE_INTEGER]

async function withRegistries(run: (from: Store, targets: Store[]) => Promise<void>): Promise<void> {
  const [source, target] = [await tinyRegistry(), await tinyRegistry()]
  try {
    const ports = hastyPorts()
    const [from, to] = [storeOf(`${source.host}/a`, ports), storeOf(`${target.host}/a`, ports)]
    await run(from, [to, storeOf(`oci:${scratch()}`, ports)])
  } finally {
    await source.close()
    await target.close()
  }
}

test.each(sizes)('an attached blob of %d bytes by its descriptor is left out', async (size) => {
  await withRegistries(async (from, targets) => {
    const graph = await putGraph(from)
    const { descriptor: subject } = await from.getManifest(graph.index)
    const { digest } = await from.putBlob({ bytes })
    const layers = [{ mediaType: 'application/x-strange', digest, size }]
    const value = { schemaVersion: 2, mediaType: mediaTypes.manifest, config: emptyConfig, layers, subject } as const
    await from.putBlob({ bytes: Buffer.from('{}') })
    const strange = await from.putManifest(manifestBytes(value), mediaTypes.manifest)
    expect(
      await codeOf(
        (async () => {
          for await (const piece of await from.openBlob({ digest, size })) void piece
        })(),
      ),
    ).toBe('digest-mismatch')
    for (const to of targets) {
      const { left, gaps } = await copyGraph(from, to, graph.index, { tag: 'v1' })
      expect(left.map(({ descriptor }) => descriptor.digest)).toEqual([strange.digest])
      expect(gaps.map(({ error }) => error.code)).toEqual(['digest-mismatch'])
      expect(await to.resolve({ tag: 'v1' })).toMatchObject({ digest: graph.index })
    }
  })
})

test('no body takes longer than a timer can wait', () => {
  expect(bodyTimeoutMs(50e6)).toBe(1_120_000)
  for (const size of sizes) expect(bodyTimeoutMs(size)).toBeLessThan(2 ** 31)
})
