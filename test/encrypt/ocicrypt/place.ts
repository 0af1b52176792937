import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { encryptImage } from '../../../src/encrypt/encrypt-image.ts'
import { wrapWithKek } from '../../../src/encrypt/packet.ts'
import { readRecipients, type Wrapping } from '../../../src/encrypt/recipients.ts'
import { manifestBytes } from '../../../src/oci/manifest.ts'
import { openLayout } from '../../../src/oci/layout.ts'
import { loadImage } from '../../../src/image/load.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../../src/oci/types.ts'
import type { Ports } from '../../../src/base/ports.ts'
import { sha256 } from '../../../src/base/streams.ts'
import { writeTar } from '../../../src/tar/write.ts'
import { root } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { entry } from '../../../testkit/small-image.ts'
import { bytesOf } from '../support.ts'

/** URI of the key that the key provider has. */
export const uri = 'kbs:///default/image-key/app'

/** Key files of all forms, images of one layer, and what encrypts them. */
export interface Place {
  readonly folder: string
  readonly store: Store
  readonly ports: Ports
  readonly kek: Buffer
  /** Plain layers of `tag`, one image each, by their bytes before encryption. */
  readonly plain: ReadonlyMap<string, Buffer>
  wrapping(recipients: readonly string[]): Promise<Wrapping>
  /** Encrypts the image `tag` as `to`. @returns its layer */
  seal(tag: string, recipients: readonly string[], to: string): Promise<Descriptor>
  stored(layer: Descriptor): Promise<Buffer>
  /** A folder with the named key files of this place, for a reader. */
  keys(name: string, files: readonly string[]): string
}

/** Compressions of an image's layers, with the media type that says so. */
export const compressions = {
  tar: [mediaTypes.layerTar, (bytes: Buffer) => bytes],
  gzip: [mediaTypes.layerGzip, (bytes: Buffer) => gzipSync(bytes)],
  zstd: [mediaTypes.layerZstd, (bytes: Buffer) => zstdCompressSync(bytes)],
} as const

/** Images by tag, with compression and architecture. */
const images: Readonly<Record<string, readonly [keyof typeof compressions, string]>> = {
  tar: ['tar', 'amd64'],
  gzip: ['gzip', 'amd64'],
  zstd: ['zstd', 'amd64'],
  arm64: ['gzip', 'arm64'],
  s390x: ['gzip', 's390x'],
  second: ['gzip', 'amd64'],
  third: ['tar', 'amd64'],
}

export async function makePlace(ports: Ports): Promise<Place> {
  const folder = scratch('ocicrypt')
  writeKeys(folder)
  const kek = readFileSync(join(folder, 'app.key'))
  const store = openLayout(join(folder, 'images'), 'localhost/test', ports)
  const plain = new Map<string, Buffer>()
  for (const [tag, [compression, architecture]] of Object.entries(images)) {
    const [mediaType, compress] = compressions[compression]
    const tar = await bytesOf(writeTar([entry('etc/secret', `${tag} ${randomBytes(40_000).toString('base64')}`)]))
    const bytes = compress(tar)
    plain.set(tag, bytes)
    const layer = { mediaType, ...(await store.putBlob({ bytes })) }
    const config = await store.putBlob({ bytes: Buffer.from(configText(architecture, sha256(tar))) })
    const manifest = {
      schemaVersion: 2 as const,
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.config, ...config },
      layers: [layer],
    }
    await store.putManifest(manifestBytes(manifest), mediaTypes.manifest, { tag })
  }
  const read = async (path: string): Promise<string> => readFileSync(join(folder, path), 'utf8')
  const wrapping = async (recipients: readonly string[]): Promise<Wrapping> => ({
    recipients: await readRecipients(recipients, read),
    random: randomBytes,
    kek: async (_, plaintext) => {
      const iv = randomBytes(12)
      return { wrapped: wrapWithKek(kek, plaintext, iv), iv }
    },
  })
  return {
    ...{ folder, store, ports, kek, plain, wrapping },
    seal: async (tag, recipients, to) => {
      const image = await loadImage(store, (await store.resolve({ tag }))?.digest as Digest)
      const made = await encryptImage(store, image, { ...(await wrapping(recipients)), target: store }, { tag: to })
      return made.manifest.layers[0] as Descriptor
    },
    stored: async (layer) => bytesOf(await store.openBlob(layer)),
    keys: (name, files) => {
      const to = join(folder, 'keys', name)
      rmSync(to, { recursive: true, force: true })
      mkdirSync(to, { recursive: true })
      for (const file of files) cpSync(join(folder, file), join(to, file))
      return to
    },
  }
}

/** A provider `NAME` that is our command line with the key of this place. @returns file for `OCICRYPT_KEYPROVIDER_CONFIG` */
export function providerConfig(folder: string, name: string): string {
  const program = join(folder, 'sealwright')
  const cli = join(root, 'testkit/cli-entry.ts')
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`)
  chmodSync(program, 0o755)
  const args = ['keyprovider', 'exec', '--provider', name, '--key-file', `${uri}=${join(folder, 'app.key')}`]
  const file = join(folder, `${name}.json`)
  writeFileSync(file, JSON.stringify({ 'key-providers': { [name]: { cmd: { path: program, args } } } }))
  return file
}

function configText(architecture: string, diffId: string): string {
  return JSON.stringify({ os: 'linux', architecture, config: {}, rootfs: { type: 'layers', diff_ids: [diffId] } })
}

function writeKeys(folder: string): void {
  writeFileSync(join(folder, 'app.key'), randomBytes(32), { mode: 0o600 })
  const openssl = (...args: string[]): unknown => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  for (const [name, bits] of [
    ['rsa', 2048],
    ['other', 2048],
    ['large', 3072],
  ] as const)
    openssl(...`req -x509 -newkey rsa:${bits} -nodes -subj /CN=${name} -keyout ${name}.pem -out ${name}.crt`.split(' '))
  const rsa = createPrivateKey(readFileSync(join(folder, 'rsa.pem')))
  const { kty, n, e } = rsa.export({ format: 'jwk' })
  for (const name of ['rsa', 'large']) openssl('rsa', '-in', `${name}.pem`, '-pubout', '-out', `${name}.pub`)
  openssl('pkcs8', '-topk8', '-nocrypt', '-in', 'rsa.pem', '-outform', 'DER', '-out', 'rsa.der')
  writeFileSync(join(folder, 'rsa.jwk'), JSON.stringify({ kty, n, e, alg: 'RSA-OAEP-256' }))
  for (const namedCurve of ['P-256', 'P-384', 'P-521']) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve })
    writeFileSync(join(folder, `${namedCurve}.pub`), publicKey.export({ type: 'spki', format: 'pem' }))
    writeFileSync(join(folder, `${namedCurve}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(join(folder, `${namedCurve}.sec1`), privateKey.export({ type: 'sec1', format: 'pem' }))
    writeFileSync(join(folder, `${namedCurve}.private.jwk`), JSON.stringify(privateKey.export({ format: 'jwk' })))
    for (const alg of ['ECDH-ES+A192KW', 'ECDH-ES+A128KW'])
      writeFileSync(
        join(folder, `${namedCurve}.${alg}.jwk`),
        JSON.stringify({ ...publicKey.export({ format: 'jwk' }), alg }),
      )
  }
}
