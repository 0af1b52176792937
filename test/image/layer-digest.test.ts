import { join } from 'node:path'
import { inventoryBytes } from '../../src/image/inventory.ts'
import type { PassOptions } from '../../src/image/layer-stream.ts'
import { passImage } from '../../src/image/pass.ts'
import { sha256 } from '../../src/base/streams.ts'
import { archive, member } from '../../testkit/raw-tar.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { build } from '../build/support.ts'
import { run } from '../sbom/subjects/run.ts'
import { makeImage } from './make-image.ts'

const threads = join(import.meta.dirname, '../../testkit/threads-entry.ts')
const ways: [string, PassOptions][] = [
  ['without threads', {}],
  ['in threads', { threads, worth: { image: 0, layer: 0 } }],
]
const content = Buffer.alloc(3000, 'a')
const files = Buffer.concat([member({ name: 'app/a' }, content), member({ name: 'app/b' }, content)])
/** A whole record of 20 blocks: 14 with the files, 2 with the end mark, 4 that fill it. */
const full = Buffer.concat([files, Buffer.alloc(10_240 - files.length)])
const cut = (blocks: number): Buffer => full.subarray(0, full.length - blocks * 512)
const emptyRecord = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(10_240)])
const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

type Made = Awaited<ReturnType<typeof makeImage>>
async function imageOf(layer: Buffer, whole: Buffer, compression: 'zstd' | 'gzip' = 'zstd'): Promise<Made> {
  return makeImage([layer], { compression, diffIds: [sha256(whole)] })
}

const taken: [string, Buffer, Buffer, number][] = [
  ['nothing', full, full, 0],
  ['the fill of its last record, as skopeo does', cut(4), full, 2048],
  ['half of its end mark as well', cut(5), full, 2560],
  ['all behind its last entry', cut(6), full, 3072],
  ['a whole record', files, Buffer.concat([files, Buffer.alloc(10_240)]), 10_240],
]
const refused: [string, Buffer, Buffer][] = [
  ['a bit of content changed', flipped(cut(4), 600), full],
  ['a bit of an owner changed behind the name', flipped(cut(4), 500), full],
  ['21 blocks less', files, emptyRecord(Buffer.concat([files, Buffer.alloc(512)]))],
  ['half a block less', full.subarray(0, full.length - 256), full],
  ['a block of zeros more', Buffer.concat([full, Buffer.alloc(512)]), full],
  [
    'content of zeros left out',
    archive(member({ name: 'z', size: 512 })).subarray(0, 512),
    archive(member({ name: 'z' }, Buffer.alloc(512))),
  ],
  ['its last entry less', member({ name: 'app/a' }, content), full],
]

describe.each(ways)('%s', (_way, options) => {
  test.each(taken)(
    'a zstd layer that leaves out %s has the inventory of the whole one',
    async (_what, layer, whole, bytes) => {
      const [made, plain] = [await imageOf(layer, whole), await imageOf(whole, whole, 'gzip')]
      const notes: string[] = []
      const log = { info: (line: string) => void notes.push(line), progress: () => {} }
      const found = await passImage(made.store, made.image, [], {
        ...options,
        log: log as unknown as NonNullable<PassOptions['log']>,
      })
      const expected = await passImage(plain.store, plain.image, [])
      expect(inventoryBytes(found.inventory)).toEqual(inventoryBytes(expected.inventory))
      expect(found.layers).toMatchObject([{ diffId: sha256(whole), size: whole.length }])
      expect(found.layers[0]?.omitted).toBe(bytes === 0 ? undefined : bytes)
      expect(notes).toEqual(bytes === 0 ? [] : [expect.stringContaining(`leaves out the last ${bytes} zero bytes`)])
    },
  )

  test.each(refused)('a zstd layer with %s is refused', async (_what, layer, whole) => {
    const made = await imageOf(layer, whole)
    await expect(passImage(made.store, made.image, [], options)).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:digest-mismatch|format-invalid)$/),
    })
  })

  test('a gzip layer leaves out nothing: no writer of these does', async () => {
    const made = await imageOf(cut(4), full, 'gzip')
    await expect(passImage(made.store, made.image, [], options)).rejects.toMatchObject({ code: 'digest-mismatch' })
  })
})

test('the report of an SBOM says it, also where the layers were unpacked earlier in the job', async () => {
  const [made, plain] = [await imageOf(cut(4), full), await imageOf(full, full)]
  const state = scratch('state')
  const layersOf = async ({ directory }: Made): Promise<string | undefined> => {
    const { report } = await run({ image: `oci:${directory}` }, testPorts(), state)
    return report.facts.find(([name]) => name === 'Layers')?.[1]
  }
  for (let i = 0; i < 2; i++)
    expect(await layersOf(made)).toBe('1, of which leave out zeros at the end of their archive: 1')
  expect(await layersOf(plain)).toBe('1')
})

test('the embedded builder takes such a base image, and no other one', async () => {
  const from = async (layer: Buffer): Promise<unknown> => {
    const { directory, digest } = await imageOf(layer, full)
    return build({ Containerfile: `FROM oci:${directory}@${digest}\nLABEL a=b\n` })
  }
  await expect(from(cut(4))).resolves.toMatchObject({ config: { rootfs: { diff_ids: [sha256(full)] } } })
  await expect(from(flipped(cut(4), 600))).rejects.toMatchObject({ code: 'digest-mismatch' })
})
