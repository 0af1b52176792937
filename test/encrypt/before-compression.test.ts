import { randomBytes } from 'node:crypto'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { join } from 'node:path'
import { readdirSync } from 'node:fs'
import { sha256 } from '../../src/base/streams.ts'
import { encrypting } from '../../src/encrypt/cipher.ts'
import { decryptImage } from '../../src/encrypt/decrypt-image.ts'
import { layerOpener } from '../../src/encrypt/decrypt.ts'
import { annotations, privateOptionsBytes, publicOptions } from '../../src/encrypt/options.ts'
import { packetBytes, wrapWithKek } from '../../src/encrypt/packet.ts'
import { toBase64 } from '../../src/encoding/base64.ts'
import { loadImage } from '../../src/image/load.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { mediaTypes, type Descriptor, type Digest } from '../../src/oci/types.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { bytesOf, codeOf } from './support.ts'

const ports = testPorts()
const kek = randomBytes(32)
const keys = { kek: async () => kek }
const content = randomBytes(300_000)
const gzip = gzipSync(content)

/** An image with one layer whose key comes with the digest `named`, as its key packet says. */
async function sealed(plain: Buffer, mediaType: string, named: string, change = { nonce: 0 }) {
  const folder = scratch('packed')
  const store = openLayout(join(folder, 'sealed'), 'localhost/test', ports)
  const [key, nonce, iv] = [randomBytes(32), randomBytes(16), randomBytes(12)]
  const { stream, hmac } = encrypting(
    (async function* () {
      yield plain
    })(),
    { key, nonce },
  )
  const blob = await store.putBlob({ bytes: await bytesOf(stream) })
  nonce[15] = (nonce[15] ?? 0) ^ change.nonce
  const wrapped = wrapWithKek(kek, privateOptionsBytes({ key, nonce, digest: named as Digest }), iv)
  const layer: Descriptor = {
    mediaType: `${mediaType}+encrypted`,
    ...blob,
    annotations: {
      [annotations.publicOptions]: publicOptions(hmac()),
      [annotations.provider]: toBase64(packetBytes({ kid: 'kbs:///a/b/c', wrapped, iv })),
    },
  }
  const config = {
    os: 'linux',
    architecture: 'amd64',
    config: {},
    rootfs: { type: 'layers', diff_ids: [sha256(content)] },
  }
  const stored = await store.putBlob({ bytes: Buffer.from(JSON.stringify(config)) })
  const { digest } = await store.putManifest(
    manifestBytes({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, ...stored },
      layers: [layer],
    }),
    mediaTypes.manifest,
    { tag: 'x' },
  )
  const target = openLayout(join(folder, 'plain'), 'localhost/plain', ports)
  return {
    read: async () => bytesOf(await layerOpener(store, keys, ports)(layer)),
    decrypt: async () => decryptImage(store, await loadImage(store, digest), keys, { target, tag: 'x' }),
    written: () => readdirSync(join(folder, 'plain/blobs/sha256')),
  }
}

test.each([
  ['gzip', gzip, mediaTypes.layerGzip],
  ['zstd', zstdCompressSync(content), mediaTypes.layerZstd],
] as const)('%s: a key that comes with the digest before compression opens the layer', async (_, plain, type) => {
  const { read, decrypt } = await sealed(plain, type, sha256(content))
  expect((await read()).equals(plain)).toBe(true)
  expect((await decrypt()).layers.map((layer) => layer.plain)).toEqual([sha256(plain)])
})

const cases: [why: string, given: Parameters<typeof sealed>][] = [
  ['the digest of other content', [gzip, mediaTypes.layerGzip, sha256(Buffer.from('other'))]],
  ['the right digest and another nonce', [gzip, mediaTypes.layerGzip, sha256(content), { nonce: 1 }]],
  ['the digest as stored and another nonce', [gzip, mediaTypes.layerGzip, sha256(gzip), { nonce: 1 }]],
  ['a type without compression', [gzip, mediaTypes.layerTar, sha256(content)]],
  ['data that are not compressed', [content, mediaTypes.layerGzip, sha256(Buffer.from('other'))]],
  ['damaged data', [gzip.subarray(0, -4), mediaTypes.layerGzip, sha256(content)]],
]
test.each(cases)('%s is refused, and nothing of the layer is left behind', async (_, given) => {
  const { read, decrypt, written } = await sealed(...given)
  expect(await codeOf(read())).toBe('decryption-failed')
  expect(await codeOf(decrypt())).toBe('decryption-failed')
  expect(written()).toEqual([])
})
