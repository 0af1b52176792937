import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decryptImage } from '../../src/encrypt/decrypt-image.ts'
import { encryptImage } from '../../src/encrypt/encrypt-image.ts'
import { annotations } from '../../src/encrypt/options.ts'
import { wrapWithKek } from '../../src/encrypt/packet.ts'
import { readRecipients, type Wrapping } from '../../src/encrypt/recipients.ts'
import { rewrapImage } from '../../src/encrypt/rewrap.ts'
import { loadImage } from '../../src/image/load.ts'
import type { Image } from '../../src/image/types.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../src/oci/types.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { codeOf, makeImage } from './support.ts'

const ports = testPorts()
const uri = 'kbs:///default/image-key/test'
const key = randomBytes(32)
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const publicPem = String(pair.publicKey.export({ type: 'spki', format: 'pem' }))
const byKek = { kek: async () => key }
const byFile = { privateKeys: [pair.privateKey] }

async function wrapping(...texts: string[]): Promise<Wrapping> {
  return {
    recipients: await readRecipients(texts, async () => publicPem),
    random: randomBytes,
    kek: async (_, plaintext) => {
      const iv = randomBytes(12)
      return { wrapped: wrapWithKek(key, plaintext, iv), iv }
    },
  }
}

async function sealed(layers?: number[]): Promise<{ store: Store; plain: Image; image: Image; directory: string }> {
  const directory = scratch('sealed')
  const { store, image: plain } = await makeImage(directory, ports, [randomBytes(400_000), Buffer.from('second')])
  const { descriptor } = await encryptImage(
    store,
    plain,
    { target: store, ...(await wrapping(uri)) },
    { layers, tag: 'sealed' },
  )
  return { store, plain, image: await loadImage(store, descriptor.digest), directory }
}

const newLayout = (): { directory: string; target: Store } => {
  const directory = scratch('target')
  return { directory, target: openLayout(directory, 'localhost/x', ports) }
}

/** Files below a folder. */
function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
}

describe('decryption of a whole image', () => {
  test.each([
    ['all layers', undefined],
    ['the last layer', [1]],
  ])('%s: the manifest is the one that was encrypted', async (_, layers) => {
    const { store, plain, image } = await sealed(layers)
    const { target } = newLayout()
    const made = await decryptImage(store, image, byKek, { target, tag: 'plain' })
    expect(made.descriptor.digest).toBe(plain.descriptor.digest)
    expect(made.layers.map((layer) => layer.plain)).toEqual(plain.manifest.layers.map(({ digest }) => digest))
    expect((await target.resolve({ tag: 'plain' }))?.digest).toBe(plain.descriptor.digest)
  })

  test('each layer is read once, and its key asked for once', async () => {
    const { store, image } = await sealed()
    const read: string[] = []
    let asked = 0
    const counting: Store = {
      ...store,
      openBlob: (blob, how) => {
        read.push(blob.digest)
        return store.openBlob(blob, how)
      },
    }
    const kek = async (): Promise<Buffer> => {
      asked++
      return key
    }
    await decryptImage(counting, image, { kek }, { target: newLayout().target })
    expect(read.sort()).toEqual([...image.manifest.layers, image.manifest.config].map(({ digest }) => digest).sort())
    expect(asked).toBe(1)
  })

  test('a plain image and a wrong key are refused before anything is written', async () => {
    const { store, plain, image } = await sealed()
    const { target, directory } = newLayout()
    expect(await codeOf(decryptImage(store, plain, byKek, { target }))).toBe('input-invalid')
    const wrong = { kek: async () => randomBytes(32) }
    expect(await codeOf(decryptImage(store, image, wrong, { target }))).toBe('decryption-failed')
    expect(filesIn(directory)).toEqual([])
  })

  test('a changed MAC, ciphertext or digest leaves nothing in plain behind', async () => {
    const { store, image, directory: from } = await sealed()
    const [layer, second] = image.manifest.layers as [Descriptor, Descriptor]
    const given = Buffer.from(layer.annotations?.[annotations.publicOptions] ?? '', 'base64').toString()
    const hmac = given.replace(/"hmac":"[^"]*"/, `"hmac":"${Buffer.alloc(32).toString('base64')}"`)
    const bytes = readFileSync(join(from, 'blobs/sha256', layer.digest.slice(7)))
    bytes[100] = (bytes[100] ?? 0) ^ 1
    const changed = await store.putBlob({ bytes })
    const variants: Descriptor[] = [
      {
        ...layer,
        annotations: { ...layer.annotations, [annotations.publicOptions]: Buffer.from(hmac).toString('base64') },
      },
      { ...layer, ...changed },
      // MAC and ciphertext agree, the private options name another digest.
      {
        ...layer,
        annotations: { ...layer.annotations, [annotations.provider]: second.annotations?.[annotations.provider] ?? '' },
      },
    ]
    for (const one of variants) {
      const { target, directory } = newLayout()
      const forged = { ...image, manifest: { ...image.manifest, layers: [one, second] } }
      expect(await codeOf(decryptImage(store, forged, byKek, { target, tag: 'x' }))).toBe('decryption-failed')
      expect(await target.resolve({ tag: 'x' })).toBeNull()
      expect(filesIn(directory).filter((path) => !/\/(?:oci-layout|index\.json)$/.test(path))).toEqual([])
    }
  })

  test('a ciphertext whose MAC holds, but whose plain digest is another, is refused', async () => {
    const { store, image } = await sealed()
    const [layer, second] = image.manifest.layers as [Descriptor, Descriptor]
    const packet = JSON.parse(Buffer.from(layer.annotations?.[annotations.provider] ?? '', 'base64').toString()) as {
      wrapped_data: string
      iv: string
    }
    const { unwrapWithKek } = await import('../../src/encrypt/packet.ts')
    const opened = unwrapWithKek(key, {
      kid: uri,
      wrapped: Buffer.from(packet.wrapped_data, 'base64'),
      iv: Buffer.from(packet.iv, 'base64'),
    })
    const lie = Buffer.from(opened.toString().replace(/sha256:[0-9a-f]{64}/, `sha256:${'0'.repeat(64)}`))
    const iv = Buffer.alloc(12)
    const text = JSON.stringify({
      ...packet,
      wrapped_data: wrapWithKek(key, lie, iv).toString('base64'),
      iv: iv.toString('base64'),
    })
    const forged = {
      ...layer,
      annotations: { ...layer.annotations, [annotations.provider]: Buffer.from(text).toString('base64') },
    }
    const { target } = newLayout()
    await expect(
      decryptImage(store, { ...image, manifest: { ...image.manifest, layers: [forged, second] } }, byKek, { target }),
    ).rejects.toMatchObject({
      code: 'decryption-failed',
      message: expect.stringContaining('does not decrypt to what it says'),
    })
  })
})

describe('other recipients for the same layers', () => {
  const noReading = (store: Store): Store => ({
    ...store,
    openBlob: async ({ digest }) => Promise.reject(new Error(`${digest} was read`)),
    putBlob: async () => Promise.reject(new Error('a blob was written')),
  })

  test('no blob is read or written within a store, and only the new recipient opens', async () => {
    const { store, plain, image } = await sealed()
    const quiet = noReading(store)
    const made = await rewrapImage(quiet, image, byKek, {
      target: quiet,
      wrapping: await wrapping('jwe:reader.pub'),
      keep: false,
      tag: 'new',
    })
    expect(made.layers).toBe(2)
    const after = await loadImage(store, made.descriptor.digest)
    const blobs = ({ manifest }: Image): string[] =>
      [...manifest.layers, manifest.config].map(({ digest, size }) => `${digest} ${size}`)
    expect(blobs(after)).toEqual(blobs(image))
    const { target } = newLayout()
    expect(await codeOf(decryptImage(store, after, byKek, { target }))).toBe('decryption-failed')
    expect((await decryptImage(store, after, byFile, { target })).descriptor.digest).toBe(plain.descriptor.digest)
  })

  test('an image of 5 GB takes no longer: its layer is a hole with a wrong digest, which any reading would find', async () => {
    const { store, image, directory } = await sealed()
    const [first] = image.manifest.layers as [Descriptor]
    const layer = { ...first, digest: `sha256:${'5'.repeat(64)}` as Digest, size: 5e9 }
    const path = join(directory, 'blobs/sha256', '5'.repeat(64))
    writeFileSync(path, '')
    truncateSync(path, layer.size)
    const given = { ...image, manifest: { ...image.manifest, layers: [layer] } }
    const made = await rewrapImage(store, given, byKek, {
      target: store,
      wrapping: await wrapping('jwe:x'),
      keep: false,
    })
    const { content } = await store.getManifest(made.descriptor.digest)
    expect(content).toMatchObject({ layers: [{ digest: layer.digest, size: 5e9 }] })
    rmSync(path)
  })

  test('`keep`: old and new recipients open, also two of one form', async () => {
    const { store, plain, image } = await sealed()
    const first = await rewrapImage(store, image, byKek, {
      target: store,
      wrapping: await wrapping('jwe:reader.pub', `${uri}2`),
      keep: true,
    })
    const after = await loadImage(store, first.descriptor.digest)
    for (const layer of after.manifest.layers)
      expect(layer.annotations?.[annotations.provider]?.split(',').length).toBe(2)
    for (const keys of [
      byFile,
      { kek: async (wanted: string) => (wanted === uri ? key : null) },
      { kek: async (wanted: string) => (wanted === `${uri}2` ? key : null) },
    ])
      expect((await decryptImage(store, after, keys, { target: newLayout().target })).descriptor.digest).toBe(
        plain.descriptor.digest,
      )
  })

  test('to another layout the blobs go along as they are', async () => {
    const { store, plain, image } = await sealed([0])
    const { target } = newLayout()
    const { descriptor, layers } = await rewrapImage(store, image, byKek, {
      target,
      wrapping: await wrapping('jwe:x'),
      keep: false,
    })
    expect(layers).toBe(1)
    const after = await loadImage(target, descriptor.digest)
    expect((await decryptImage(target, after, byFile, { target: newLayout().target })).descriptor.digest).toBe(
      plain.descriptor.digest,
    )
  })

  test('without a key, of a plain image, of zstd for a KBS', async () => {
    const { store, plain, image } = await sealed()
    const options = { target: noReading(store), wrapping: await wrapping('jwe:x'), keep: false }
    expect(await codeOf(rewrapImage(store, image, {}, options))).toBe('decryption-failed')
    expect(await codeOf(rewrapImage(store, plain, byKek, options))).toBe('input-invalid')
    const zstd = await makeImage(scratch('zstd'), ports, [Buffer.from('z')], mediaTypes.layerZstd)
    const made = await encryptImage(zstd.store, zstd.image, { target: zstd.store, ...(await wrapping('jwe:x')) })
    const loaded = await loadImage(zstd.store, made.descriptor.digest)
    const forKbs = { target: zstd.store, wrapping: await wrapping(uri), keep: true }
    expect(await codeOf(rewrapImage(zstd.store, loaded, byFile, forKbs))).toBe('unsupported')
  })

  test('annotations of another kind stay', async () => {
    const { store, image } = await sealed()
    const layers = image.manifest.layers.map((layer) => ({
      ...layer,
      annotations: { ...layer.annotations, 'org.example.name': 'x' },
    }))
    await store.putManifest(manifestBytes({ ...image.manifest, layers }), mediaTypes.manifest)
    const given = { ...image, manifest: { ...image.manifest, layers } }
    const { descriptor } = await rewrapImage(store, given, byKek, {
      target: store,
      wrapping: await wrapping('jwe:x'),
      keep: false,
    })
    for (const layer of (await loadImage(store, descriptor.digest)).manifest.layers)
      expect(Object.keys(layer.annotations ?? {}).sort()).toEqual(
        ['org.example.name', annotations.jwe, annotations.publicOptions].sort(),
      )
  })
})
