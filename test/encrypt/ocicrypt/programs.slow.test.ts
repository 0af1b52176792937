import { createPrivateKey } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { sha256 } from '../../../src/base/streams.ts'
import { decryptImage } from '../../../src/encrypt/decrypt-image.ts'
import { layerOpener } from '../../../src/encrypt/decrypt.ts'
import { loadImage } from '../../../src/image/load.ts'
import { openLayout } from '../../../src/oci/layout.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../../src/oci/types.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { testPorts } from '../../../testkit/ports.ts'
import { runPeer, type PeerResult } from '../../../testkit/run-peer.ts'
import { bytesOf } from '../support.ts'
import { makePlace, providerConfig, uri, type Place } from './place.ts'

const ports = testPorts()
let place: Place

beforeAll(async () => {
  place = await makePlace(ports)
  // The newest buildah looks for the programs of container networks before it pulls.
  const helpers = join(place.folder, 'helpers')
  mkdirSync(helpers)
  for (const name of ['netavark', 'aardvark-dns']) {
    writeFileSync(join(helpers, name), '#!/bin/sh\nexit 1\n')
    chmodSync(join(helpers, name), 0o755)
  }
  writeFileSync(join(place.folder, 'containers.conf'), `[engine]\nhelper_binaries_dir=["${helpers}"]\n`)
})

/** Runs buildah or skopeo in the folder of the place. */
function program(name: string, ...args: string[]): Promise<PeerResult> {
  const conf = join(place.folder, 'containers.conf')
  const provider = providerConfig(place.folder, 'attestation-agent')
  const env = { CONTAINERS_CONF: conf, OCICRYPT_KEYPROVIDER_CONFIG: provider }
  return runPeer(name, args, { cwd: place.folder, env })
}

/** Images and keys of readers; a certificate is given like a key. */
const forms: [tag: string, recipients: string[], keys: string[]][] = [
  ['gzip', ['jwe:rsa.pub'], ['rsa.pem']],
  ['tar', ['jwe:P-384.pub', 'jwe:rsa.pub'], ['P-384.pem']],
  ['zstd', ['pkcs7:rsa.crt'], ['rsa.pem', 'rsa.crt']],
  ['gzip', ['jwe:P-256.pub', 'pkcs7:rsa.crt'], ['rsa.pem', 'rsa.crt']],
]
const decryption = (keys: readonly string[]): string[] => keys.flatMap((key) => ['--decryption-key', key])

async function layersOf(store: Store, tag: string): Promise<readonly Descriptor[]> {
  return (await loadImage(store, (await store.resolve({ tag }))?.digest as Digest)).manifest.layers
}

/** The layer of an image that a program encrypted, as our keys open it. */
async function openedTheirs(layout: string): Promise<Buffer> {
  const store = openLayout(join(place.folder, layout), 'localhost/x', ports)
  const keys = { privateKeys: [createPrivateKey(readFileSync(join(place.folder, 'rsa.pem')))] }
  const [layer] = await layersOf(store, 'x')
  expect(layer?.mediaType).toContain('+encrypted')
  return bytesOf(await layerOpener(store, keys, ports)(layer as Descriptor))
}

/** `decrypt` writes the same layer under its own digest, and a manifest that names it. */
async function expectDecrypted(layout: string, plain: Buffer): Promise<void> {
  const store = openLayout(join(place.folder, layout), 'localhost/x', ports)
  const image = await loadImage(store, (await store.resolve({ tag: 'x' }))?.digest as Digest)
  const keys = { privateKeys: [createPrivateKey(readFileSync(join(place.folder, 'rsa.pem')))] }
  const target = openLayout(join(place.folder, `${layout}-decrypted`), 'localhost/y', ports)
  await decryptImage(store, image, keys, { target, tag: 'x' })
  const [layer] = await layersOf(target, 'x')
  expect(layer).toMatchObject({ digest: sha256(plain), size: plain.length, mediaType: mediaTypes.layerGzip })
  expect((await bytesOf(await target.openBlob(layer as Descriptor))).equals(plain)).toBe(true)
}

describe.each(['buildah', 'buildah-new'])('%s', (name) => {
  const store = (folder: string): string[] => {
    const at = join(place.folder, `${name}-${folder}`)
    return ['--root', join(at, 'root'), '--runroot', join(at, 'run'), '--storage-driver', 'vfs']
  }

  withPeers([name], 'opens our images, and a container of them has the file', async () => {
    for (const [at, [tag, recipients, keys]] of forms.entries()) {
      await place.seal(tag, recipients, 'sealed')
      const args = store(String(at))
      const config = (await loadImage(place.store, (await place.store.resolve({ tag }))?.digest as Digest)).configDigest
      const pulled = await program(name, ...args, 'pull', '-q', ...decryption(keys), 'oci:images:sealed')
      expect([pulled.code, pulled.output.trim()]).toEqual([0, config.slice(7)])
      const container = await program(name, ...args, 'from', config.slice(7))
      const mounted = await program(name, ...args, 'mount', container.output.trim())
      expect(readFileSync(join(mounted.output.trim(), 'etc/secret'), 'utf8')).toMatch(new RegExp(`^${tag} `))
    }
  })

  withPeers([name], 'refuses without the key, and with another', async () => {
    await place.seal('gzip', ['jwe:rsa.pub'], 'sealed')
    const pull = (folder: string, ...keys: string[]): Promise<PeerResult> =>
      program(name, ...store(folder), 'pull', '-q', ...decryption(keys), 'oci:images:sealed')
    // The newest takes a layer without key as it is, until it is not what the configuration says.
    expect(await pull('none')).toMatchObject({
      code: 125,
      output: expect.stringMatching(name === 'buildah' ? /missing private key/ : /does not match config's DiffID/),
    })
    expect(await pull('other', 'other.pem')).toMatchObject({
      code: 125,
      output: expect.stringContaining('none of the private keys could be used'),
    })
  })

  withPeers([name], 'encrypts, and we open it', async () => {
    const args = store('theirs')
    const plain = await program(name, ...args, 'pull', '-q', 'oci:images:gzip')
    const push = (recipient: string, to: string): Promise<PeerResult> =>
      program(name, ...[...args, 'push', '-q', '--encryption-key', recipient, plain.output.trim(), `oci:${to}:x`])
    // It compresses on the way, and writes down the digest before that.
    for (const recipient of ['jwe:rsa.pub', 'pkcs7:rsa.crt']) {
      const to = `${name}-${recipient.slice(0, 3)}`
      expect(await push(recipient, to)).toEqual({ code: 0, output: '' })
      const packed = await openedTheirs(to)
      expect(gunzipSync(packed).includes('etc/secret')).toBe(true)
      await expectDecrypted(to, packed)
    }
  })
})

describe('key provider', () => {
  withPeers(['buildah-new'], 'the newest buildah opens an image for a KBS key', async () => {
    await place.seal('gzip', [uri], 'sealed')
    const at = join(place.folder, 'provided')
    const args = ['--root', join(at, 'root'), '--runroot', join(at, 'run'), '--storage-driver', 'vfs', 'pull', '-q']
    const pulled = await program(
      'buildah-new',
      ...[...args, '--decryption-key', 'provider:attestation-agent', 'oci:images:sealed'],
    )
    expect([pulled.code, pulled.output]).toEqual([0, expect.stringMatching(/^[0-9a-f]{64}\n$/)])
  })

  withPeers(['buildah', 'skopeo'], 'Debian 12 does not know the word', async () => {
    await place.seal('gzip', [uri], 'sealed')
    const key = ['--decryption-key', 'provider:attestation-agent']
    const skopeo = await program('skopeo', '--insecure-policy', 'copy', ...key, 'oci:images:sealed', 'oci:none:x')
    expect(skopeo).toMatchObject({ code: 1, output: expect.stringContaining('provider:attestation-agent') })
  })
})

describe.each(['skopeo', 'skopeo-new'])('%s', (name) => {
  const copy = (...args: string[]): Promise<PeerResult> =>
    program(name, '--insecure-policy', 'copy', '--quiet', ...args)

  withPeers([name], 'opens our images of all forms, and we open what it encrypts', async () => {
    for (const [at, [tag, recipients, keys]] of forms.entries()) {
      await place.seal(tag, recipients, 'sealed')
      const to = `${name}-${at}`
      expect(await copy(...decryption(keys), 'oci:images:sealed', `oci:${to}:x`)).toEqual({ code: 0, output: '' })
      const [layer] = await layersOf(openLayout(join(place.folder, to), 'localhost/x', ports), 'x')
      const [plain] = await layersOf(place.store, tag)
      expect(layer?.digest).toBe(plain?.digest)
    }
    for (const recipient of ['jwe:rsa.pub', 'pkcs7:rsa.crt']) {
      const to = `${name}-${recipient.slice(0, 3)}`
      expect(await copy('--encryption-key', recipient, 'oci:images:gzip', `oci:${to}:x`)).toEqual({
        code: 0,
        output: '',
      })
      expect((await openedTheirs(to)).equals(place.plain.get('gzip') ?? Buffer.alloc(0))).toBe(true)
    }
  })

  withPeers([name], 'opens every platform of an index, and one of them alone', async () => {
    const children: Descriptor[] = []
    for (const [tag, architecture] of [
      ['gzip', 'amd64'],
      ['arm64', 'arm64'],
      ['s390x', 's390x'],
    ] as const) {
      await place.seal(tag, ['jwe:rsa.pub'], 'sealed')
      const found = await place.store.resolve({ tag: 'sealed' })
      if (found !== null) children.push({ ...found, platform: { os: 'linux', architecture } })
    }
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: children }
    await place.store.putManifest(Buffer.from(JSON.stringify(index)), mediaTypes.index, { tag: 'many' })
    const all = `${name}-all`
    const opened = await copy('--all', '--decryption-key', 'rsa.pem', 'oci:images:many', `oci:${all}:x`)
    expect(opened).toEqual({ code: 0, output: '' })
    const made = JSON.parse(readFileSync(join(place.folder, all, 'index.json'), 'utf8')) as {
      manifests: { digest: Digest }[]
    }
    const store = openLayout(join(place.folder, all), 'localhost/x', ports)
    for (const platform of ['linux/amd64', 'linux/arm64', 'linux/s390x']) {
      const image = await loadImage(store, made.manifests[0]?.digest as Digest, platform)
      const tag = image.platform.architecture === 'amd64' ? 'gzip' : image.platform.architecture
      expect(image.manifest.layers[0]?.digest).toBe((await layersOf(place.store, tag))[0]?.digest)
    }
    const one = ['--override-arch', 's390x', '--insecure-policy', 'copy', '--quiet', '--decryption-key', 'rsa.pem']
    expect(await program(name, ...one, 'oci:images:many', `oci:${name}-one:x`)).toEqual({ code: 0, output: '' })
  })
})
