import { randomBytes } from 'node:crypto'
import { layerOpener } from '../../src/encrypt/decrypt.ts'
import { encryptImage } from '../../src/encrypt/encrypt-image.ts'
import type { EncryptionPlan } from '../../src/encrypt/encrypt-layer.ts'
import { wrapWithKek } from '../../src/encrypt/packet.ts'
import { openLayout } from '../../src/oci/layout.ts'
import type { Descriptor, Store } from '../../src/oci/types.ts'
import { readOnce } from '../../src/tasks/read-once.ts'
import { describeImage, describePass } from '../../src/sbom/scan.ts'
import { loadImage } from '../../src/image/load.ts'
import { bytesOf, makeImage, type Short } from '../image/make-image.ts'
import { application, debian } from '../sbom/fixture.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

const ports = testPorts()
const key = randomBytes(32)
const uri = 'kbs:///default/image-key/test'
/** Larger than a piece of any stream on the way. */
const large: Short = { path: 'opt/large', text: randomBytes(5 << 20) }
const layers = [debian, [...application, large], [{ path: 'app/.wh.server.js' }, { path: 'opt/.wh.stray' }]]

function planFor(target: Store): EncryptionPlan {
  const kek = async (_uri: string, plaintext: Buffer): Promise<{ wrapped: Buffer; iv: Buffer }> => {
    const iv = randomBytes(12)
    return { wrapped: wrapWithKek(key, plaintext, iv), iv }
  }
  return { target, recipients: [{ scheme: 'kbs', keyId: uri }], kek, random: randomBytes }
}

function counting(store: Store): { store: Store; opened: string[] } {
  const opened: string[] = []
  const openBlob: Store['openBlob'] = async (blob) => {
    opened.push(blob.digest)
    return store.openBlob(blob)
  }
  return { store: { ...store, openBlob }, opened }
}

const emptyStore = (): Store => openLayout(scratch('target'), 'localhost/target', ports)

describe('one reading for SBOM and encryption', () => {
  test('gives what the steps give one by one, and opens each layer once', async () => {
    const made = await makeImage(layers)
    const { store, opened } = counting(made.store)
    const target = emptyStore()
    const encryption = planFor(target)
    const { pass, catalogue, encrypted } = await readOnce(store, made.image, { encryption })
    const joint = describePass(pass, catalogue)
    const done = await encrypted()
    expect(opened.toSorted()).toEqual(made.image.manifest.layers.map(({ digest }) => digest).toSorted())

    const single = await describeImage(made.store, made.image)
    expect(joint.spdx.equals(single.spdx)).toBe(true)
    expect(joint.cyclonedx.equals(single.cyclonedx)).toBe(true)
    expect(joint.inventory.equals(single.inventory)).toBe(true)
    expect(joint.packages).toBeGreaterThan(3)

    // Nothing but the configuration is left to read.
    const rest = counting(made.store)
    const image = await encryptImage(rest.store, made.image, encryption, { done, tag: 'latest' })
    expect(rest.opened).toEqual([made.image.configDigest])
    const open = layerOpener(target, { kek: async () => key }, ports)
    for (const [i, layer] of image.manifest.layers.entries()) {
      const plain = await bytesOf(await made.store.openBlob(made.image.manifest.layers[i] as Descriptor))
      expect((await bytesOf(await open(layer))).equals(plain)).toBe(true)
    }
    const again = await describeImage(target, await loadImage(target, image.descriptor.digest), { open })
    expect(again.inventory.equals(single.inventory)).toBe(true)
    expect(again.spdx.equals(single.spdx)).toBe(true)
  })

  test('encrypts the chosen layers only', async () => {
    const { store, image } = await makeImage(layers)
    const { encrypted } = await readOnce(store, image, { encryption: planFor(emptyStore()), layers: [1] })
    expect([...(await encrypted()).keys()]).toEqual([image.manifest.layers[1]?.digest])
  })

  test('a layer that is there twice is encrypted once', async () => {
    const { store, image } = await makeImage([debian, debian])
    const { pass, encrypted } = await readOnce(store, image, { encryption: planFor(emptyStore()) })
    expect(pass.layers).toHaveLength(2)
    expect((await encrypted()).size).toBe(1)
  })
})

describe('what goes wrong', () => {
  const watched = (target: Store): { target: Store; puts: () => number } => {
    let puts = 0
    const putBlob: Store['putBlob'] = (source) => {
      puts++
      return target.putBlob(source)
    }
    return { target: { ...target, putBlob }, puts: () => puts }
  }

  test('layers that cannot be encrypted, and numbers that are no layer, are refused before anything is written', async () => {
    const zstd = await makeImage([debian], { compression: 'zstd' })
    const { target, puts } = watched(emptyStore())
    const encryption = planFor(target)
    await expect(readOnce(zstd.store, zstd.image, { encryption })).rejects.toMatchObject({ code: 'unsupported' })
    const { store, image } = await makeImage([debian])
    await expect(readOnce(store, image, { encryption, layers: [1] })).rejects.toMatchObject({ code: 'input-invalid' })
    expect(puts()).toBe(0)
  })

  test('a layer with another digest: the reason is told, and no layer counts as encrypted', async () => {
    const { store, image } = await makeImage([[large]])
    const damaged: Store = {
      ...store,
      openBlob: async (blob) => {
        const { verified } = await import('../../src/base/streams.ts')
        const bytes = await bytesOf(await store.openBlob(blob))
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
        return verified([bytes] as unknown as AsyncIterable<Uint8Array>, blob)
      },
    }
    const target = emptyStore()
    await expect(readOnce(damaged, image, { encryption: planFor(target) })).rejects.toMatchObject({
      code: expect.stringMatching(/^(digest-mismatch|format-invalid)$/),
    })
  })

  test('a wrong diff id is refused', async () => {
    const { store, image } = await makeImage([debian], { diffIds: [`sha256:${'0'.repeat(64)}`] })
    await expect(readOnce(store, image, { encryption: planFor(emptyStore()) })).rejects.toMatchObject({
      code: 'digest-mismatch',
    })
  })

  test('a target that fails at once stops the reading with its own error', async () => {
    const { store, image } = await makeImage([[large]])
    const broken: Store = { ...emptyStore(), putBlob: () => Promise.reject(new Error('the disk is full')) }
    await expect(readOnce(store, image, { encryption: planFor(broken) })).rejects.toThrow('the disk is full')
  })

  test('a target that fails at the end is told by the encrypted layers', async () => {
    const { store, image } = await makeImage([debian])
    const broken: Store = {
      ...emptyStore(),
      putBlob: async (source) => {
        if ('stream' in source) await bytesOf(source.stream)
        throw new Error('the registry refused it')
      },
    }
    const { pass, encrypted } = await readOnce(store, image, { encryption: planFor(broken) })
    expect(pass.layers).toHaveLength(1)
    await expect(encrypted()).rejects.toThrow('the registry refused it')
  })
})
