import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { encrypting } from '../../src/encrypt/cipher.ts'
import { CipherThread } from '../../src/encrypt/cipher-thread.ts'
import { decryptImage } from '../../src/encrypt/decrypt-image.ts'
import { encryptImage } from '../../src/encrypt/encrypt-image.ts'
import { wrapWithKek } from '../../src/encrypt/packet.ts'
import { readRecipients } from '../../src/encrypt/recipients.ts'
import { loadImage } from '../../src/image/load.ts'
import type { Image } from '../../src/image/types.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { blobPath } from '../../src/oci/layout-files.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Digest, type Store } from '../../src/oci/types.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { codeOf, makeImage } from './support.ts'

const ports = testPorts()
const program = join(import.meta.dirname, '../../testkit/threads-entry.ts')
const inThread = { threads: program, worth: 0 }
const key = Buffer.alloc(32, 9)
const keys = { kek: async () => key }
/** Around a piece of a ring (512 KiB) and a part of the cipher (64 KiB), and longer than all pieces of a ring. */
const sizes = [1, 65_535, 65_537, 524_288, 524_289, 5_000_001]
const contents = sizes.map((size) => randomBytes(size))

const target = (): Store => openLayout(scratch('target'), 'localhost/x', ports)

/** Equal random bytes each time, so that results can be compared. */
async function plan(to: Store) {
  let count = 0
  const random = (n: number): Buffer => createHash('sha512').update(`${count++}`).digest().subarray(0, n)
  const iv = Buffer.alloc(12)
  return {
    target: to,
    recipients: await readRecipients(['kbs:///default/image-key/test'], async () => ''),
    random,
    kek: async (_: string, plaintext: Buffer) => ({ wrapped: wrapWithKek(key, plaintext, iv), iv }),
  }
}

/** Stores that compare digests themselves, as registries do, and those that leave it to the reader. */
const kinds: [string, (store: Store) => Store][] = [
  ['a folder', (store) => store],
  ['a store that compares digests', (store) => ({ ...store, unchecked: false })],
]

async function sealed(store: Store, image: Image): Promise<{ to: Store; image: Image }> {
  const to = target()
  const made = await encryptImage(store, image, { ...(await plan(to)), ...inThread })
  return { to, image: await loadImage(to, made.descriptor.digest) }
}

function blobs(directory: string): string[] {
  return readdirSync(join(directory, 'blobs/sha256'))
}

test('pieces stay as they are when a receiver holds all of them, as the channel of a task does', async () => {
  const plain = randomBytes(9_000_000)
  const secrets = { key: Buffer.alloc(32, 3), nonce: Buffer.alloc(16, 4) }
  const pieces = (): AsyncIterable<Uint8Array> =>
    Readable.from([plain.subarray(0, 4_000_000), plain.subarray(4_000_000)])
  const held = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> => {
    const all: Uint8Array[] = []
    for await (const piece of stream) all.push(piece)
    return Buffer.concat(all)
  }
  await using thread = new CipherThread(inThread)
  const aside = thread.encrypting(pieces(), secrets, null)
  const sealed = await held(aside.stream)
  expect(sealed.equals(await held(encrypting(pieces(), secrets).stream))).toBe(true)
  const opening = { ...secrets, hmac: aside.hmac(), subject: 'layer' }
  expect((await held(thread.decrypting(Readable.from([sealed]), opening))).equals(plain)).toBe(true)
})

describe.each(kinds)('cipher in a thread, from %s', (_, of) => {
  test('gives the bytes that one thread gives, and back again', async () => {
    const { store: folder, image } = await makeImage(scratch('plain'), ports, contents, mediaTypes.layerTar)
    const store = of(folder)
    const alone = await encryptImage(store, image, await plan(target()))
    const aside = await encryptImage(store, image, { ...(await plan(target())), ...inThread })
    expect(aside).toEqual(alone)
    // A program that does not exist: the caller's thread does the work.
    const missing = { threads: '/nonexistent/threads.js', worth: 0 }
    expect(await encryptImage(store, image, { ...(await plan(target())), ...missing })).toEqual(alone)

    const { to, image: encrypted } = await sealed(store, image)
    for (const choice of [{}, inThread, missing]) {
      const made = await decryptImage(of(to), encrypted, keys, { target: target(), ...choice })
      expect(made.descriptor.digest).toBe(image.descriptor.digest)
    }
  })

  test('a layer that was changed, shortened or extended: no blob, no tag', async () => {
    const plain = scratch('plain')
    const { store: folder, image } = await makeImage(plain, ports, [randomBytes(3_000_000)], mediaTypes.layerTar)
    const path = blobPath(plain, image.manifest.layers[0]?.digest as Digest)
    const good = readFileSync(path)
    const flipped = Buffer.from(good)
    flipped[1_500_000] = (flipped[1_500_000] ?? 0) ^ 1
    for (const bytes of [flipped, good.subarray(0, -1), Buffer.concat([good, Buffer.alloc(2_000_000)])]) {
      writeFileSync(path, bytes)
      const directory = scratch('to')
      const to = openLayout(directory, 'localhost/x', ports)
      const code = codeOf(encryptImage(of(folder), image, { ...(await plan(to)), ...inThread }, { tag: 'x' }))
      expect(await code).toBe('digest-mismatch')
      expect(blobs(directory)).toEqual([])
      expect(await to.resolve({ tag: 'x' })).toBeNull()
      expect(readdirSync(directory).sort()).toEqual(['blobs', 'index.json', 'oci-layout'])
    }
  })

  test('another authentication code, another ciphertext, another plain digest', async () => {
    const { store, image } = await makeImage(scratch('plain'), ports, [randomBytes(3_000_000)], mediaTypes.layerTar)
    const { to, image: encrypted } = await sealed(store, image)
    const [layer] = encrypted.manifest.layers
    if (layer === undefined) throw new Error('no layer')
    const options = 'org.opencontainers.image.enc.pubopts'
    const json = JSON.parse(Buffer.from(layer.annotations?.[options] ?? '', 'base64').toString()) as object
    const forged = Buffer.from(JSON.stringify({ ...json, hmac: randomBytes(32).toString('base64') })).toString('base64')
    const manifest = {
      ...encrypted.manifest,
      layers: [{ ...layer, annotations: { ...layer.annotations, [options]: forged } }],
    }
    const { digest } = await to.putManifest(manifestBytes(manifest), mediaTypes.manifest)
    const directory = scratch('opened')
    const out = { target: openLayout(directory, 'localhost/x', ports), tag: 'x', ...inThread }
    expect(await codeOf(decryptImage(of(to), await loadImage(to, digest), keys, out))).toBe('decryption-failed')

    const path = join(to.name.replace('oci:', ''), 'blobs/sha256', layer.digest.slice(7))
    const bytes = readFileSync(path)
    bytes[2_999_999] = (bytes[2_999_999] ?? 0) ^ 1
    writeFileSync(path, bytes)
    expect(await codeOf(decryptImage(of(to), encrypted, keys, out))).toMatch(/decryption-failed|digest-mismatch/)
    expect(blobs(directory)).toEqual([])
  })
})

test('a target that fails in the middle ends the thread, and its error is the one that is thrown', async () => {
  const { store, image } = await makeImage(scratch('plain'), ports, [randomBytes(9_000_000)], mediaTypes.layerTar)
  const to = target()
  const full: Store = {
    ...to,
    putBlob: async (source) => {
      if (!('stream' in source)) return to.putBlob(source)
      for await (const _ of source.stream) throw new Error('disk full')
      throw new Error('no piece came')
    },
  }
  await expect(encryptImage(store, image, { ...(await plan(full)), ...inThread })).rejects.toThrow('disk full')
})

test('a source that fails in the middle: its error is thrown', async () => {
  const { store, image } = await makeImage(scratch('plain'), ports, [randomBytes(9_000_000)], mediaTypes.layerTar)
  const broken: Store = {
    ...store,
    openBlob: async (what, how) => {
      const source = await store.openBlob(what, how)
      return (async function* () {
        let count = 0
        for await (const piece of source) {
          if (count++ === 20) throw new Error('connection lost')
          yield piece
        }
      })()
    },
  }
  await expect(encryptImage(broken, image, { ...(await plan(target())), ...inThread })).rejects.toThrow(
    'connection lost',
  )
})
