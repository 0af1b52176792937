import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { fromBase64, toBase64 } from '../../src/encoding/base64.ts'
import { layerOpener } from '../../src/encrypt/decrypt.ts'
import { openKey, readPrivateKey, type DecryptionKeys } from '../../src/encrypt/open-key.ts'
import { encryptImage, type EncryptedImage } from '../../src/encrypt/encrypt-image.ts'
import { encryptOnTheWay } from '../../src/encrypt/on-the-way.ts'
import { annotations } from '../../src/encrypt/options.ts'
import { wrapWithKek } from '../../src/encrypt/packet.ts'
import { readRecipients, type KekWrap } from '../../src/encrypt/recipients.ts'
import { loadImage } from '../../src/image/load.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { mediaTypes, type Descriptor, type Digest } from '../../src/oci/types.ts'
import { vector, withPeers, peer } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { bytesOf, codeOf, makeImage } from './support.ts'

const uri = 'kbs:///default/image-key/test'
const ports = testPorts()

function kek(key: Buffer): KekWrap {
  return async (_uri, plaintext) => {
    const iv = randomBytes(12)
    return { wrapped: wrapWithKek(key, plaintext, iv), iv }
  }
}

/** Gives the public keys of a folder, as the task has the step fetch them. */
function keysIn(directory: string): (path: string) => Promise<string> {
  return (path) => readFile(resolve(directory, path), 'utf8')
}

async function sealed(
  recipientTexts: string[],
  key: Buffer = randomBytes(32),
  contents = [randomBytes(300_000), Buffer.from('second')],
) {
  const directory = scratch('encrypt')
  const made = await makeImage(directory, ports, contents)
  const recipients = await readRecipients(recipientTexts, keysIn(directory))
  const plan = { target: made.store, recipients, kek: kek(key), random: randomBytes }
  const encrypted = await encryptImage(made.store, made.image, plan, { tag: 'latest-encrypted' })
  return { ...made, directory, encrypted, key }
}

function keysOf(key: Buffer): DecryptionKeys {
  return { kek: async (wanted) => (wanted === uri ? key : null) }
}

function layerOf(encrypted: EncryptedImage, index = 0): Descriptor {
  const layer = encrypted.manifest.layers[index]
  if (layer === undefined) throw new Error('no such layer')
  return layer
}

describe('encryption of layers', () => {
  test('a KBS key opens what it closed, the config stays, keys differ', async () => {
    const { store, image, encrypted, key } = await sealed([uri])
    expect(encrypted.manifest.config.digest).toBe(image.configDigest)
    const open = layerOpener(store, keysOf(key), ports)
    for (const [i, layer] of encrypted.manifest.layers.entries()) {
      const plain = image.manifest.layers[i] as Descriptor
      expect(layer.mediaType).toBe('application/vnd.oci.image.layer.v1.tar+gzip+encrypted')
      expect(layer.size).toBe(plain.size)
      expect((await bytesOf(await open(layer))).equals(await bytesOf(await store.openBlob(plain)))).toBe(true)
    }
    const options = await Promise.all(encrypted.manifest.layers.map((layer) => openKey(layer, keysOf(key))))
    expect(options[0]?.key.equals(options[1]?.key ?? Buffer.alloc(0))).toBe(false)
  })

  test('several JWE recipients and a KBS key, each opens it', async () => {
    const directory = scratch('keys')
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
    await writeFile(join(directory, 'ec.pub'), ec.publicKey.export({ type: 'spki', format: 'pem' }))
    await writeFile(join(directory, 'rsa.pub'), rsa.publicKey.export({ type: 'spki', format: 'pem' }))
    const { store, encrypted, key } = await sealed([`jwe:${directory}/ec.pub`, `jwe:${directory}/rsa.pub`, uri])
    for (const keys of [{ privateKeys: [ec.privateKey] }, { privateKeys: [rsa.privateKey] }, keysOf(key)]) {
      expect((await bytesOf(await layerOpener(store, keys, ports)(layerOf(encrypted)))).length).toBe(
        layerOf(encrypted).size,
      )
    }
    expect(await codeOf(openKey(layerOf(encrypted), {}))).toBe('decryption-failed')
  })

  test('chosen layers only; a layer that is not there is refused', async () => {
    const { store, image } = await makeImage(scratch('layers'), ports, [Buffer.from('a'), Buffer.from('b')])
    const plan = {
      target: store,
      recipients: await readRecipients([uri], keysIn('/')),
      kek: kek(randomBytes(32)),
      random: randomBytes,
    }
    const { layers } = await encryptImage(store, image, plan, { layers: [1] })
    expect(layers.map((layer) => layer.plain === layer.encrypted)).toEqual([true, false])
    expect(await codeOf(encryptImage(store, image, plan, { layers: [2] }))).toBe('input-invalid')
    // What is encrypted for somebody already would stay open to them, whatever the next encryption says.
    const partly = await encryptImage(store, image, plan, { layers: [1], tag: 'partly' })
    const again = await loadImage(store, partly.descriptor.digest)
    for (const layers of [[0], [1], undefined])
      expect(await codeOf(encryptImage(store, again, plan, { layers }))).toBe('unsupported')
    const [first, ...rest] = image.manifest.layers
    const foreign = { ...first, annotations: { 'org.opencontainers.image.enc.keys.jwe': 'x' } } as Descriptor
    const carrying = { ...image, manifest: { ...image.manifest, layers: [foreign, ...rest] } }
    expect(await codeOf(encryptImage(store, carrying, plan, { layers: [1] }))).toBe('unsupported')
  })

  test('equal keys give an equal manifest', async () => {
    const { store, image } = await makeImage(scratch('equal'), ports, [Buffer.from('a')])
    const fixed = {
      target: store,
      recipients: await readRecipients([uri], keysIn('/')),
      random: (n: number) => Buffer.alloc(n, 7),
      kek: async (_: string, p: Buffer) => ({
        wrapped: wrapWithKek(Buffer.alloc(32), p, Buffer.alloc(12)),
        iv: Buffer.alloc(12),
      }),
    }
    const first = await encryptImage(store, image, fixed)
    expect((await encryptImage(store, image, fixed)).descriptor.digest).toBe(first.descriptor.digest)
  })

  test('on the way of another reader: bytes pass unchanged and are encrypted once', async () => {
    const { store, image } = await makeImage(scratch('way'), ports, [randomBytes(3 << 20), Buffer.from('x')])
    const key = randomBytes(32)
    const plan = {
      target: store,
      recipients: await readRecipients([uri], keysIn('/')),
      kek: kek(key),
      random: randomBytes,
    }
    let opened = 0
    const way = encryptOnTheWay(async (layer) => {
      opened++
      return store.openBlob(layer)
    }, plan)
    for (const layer of image.manifest.layers) {
      expect((await bytesOf(await way.open(layer))).equals(await bytesOf(await store.openBlob(layer)))).toBe(true)
    }
    const encrypted = await encryptImage(
      { ...store, openBlob: async () => Promise.reject(new Error('read twice')) },
      image,
      plan,
      { done: await way.finish() },
    )
    expect(opened).toBe(2)
    expect((await bytesOf(await layerOpener(store, keysOf(key), ports)(layerOf(encrypted)))).length).toBe(
      layerOf(encrypted).size,
    )
  })

  test('a reader that stops early leaves no layer behind', async () => {
    const { store, image } = await makeImage(scratch('early'), ports, [randomBytes(3 << 20)])
    const plan = {
      target: store,
      recipients: await readRecipients([uri], keysIn('/')),
      kek: kek(randomBytes(32)),
      random: randomBytes,
    }
    const way = encryptOnTheWay((layer) => store.openBlob(layer), plan)
    for await (const _ of await way.open(image.manifest.layers[0] as Descriptor)) break
    expect((await way.finish()).size).toBe(0)
  })
})

describe('what cannot be encrypted or opened', () => {
  test('zstd is refused with the remedy, and nothing is written', async () => {
    const { store, image } = await makeImage(scratch('zstd'), ports, [Buffer.from('a')], mediaTypes.layerZstd)
    const plan = {
      target: store,
      recipients: await readRecipients([uri], keysIn('/')),
      kek: kek(randomBytes(32)),
      random: randomBytes,
    }
    await expect(encryptImage(store, image, plan)).rejects.toMatchObject({
      code: 'unsupported',
      remedy: expect.stringContaining('gzip'),
    })
  })

  test('a zstd layer of the base is named, and so are the ways out of it', async () => {
    const { store, image } = await makeImage(scratch('base'), ports, [
      Buffer.from('a'),
      Buffer.from('b'),
      Buffer.from('c'),
    ])
    const layers = image.manifest.layers.map((layer, i) =>
      i === 1 ? { ...layer, mediaType: mediaTypes.layerZstd } : layer,
    )
    const mixed = { ...image, manifest: { ...image.manifest, layers } }
    const recipients = await readRecipients([uri], keysIn('/'))
    const plan = { target: store, recipients, kek: kek(randomBytes(32)), random: randomBytes }
    await expect(encryptImage(store, mixed, plan)).rejects.toMatchObject({
      message: `layer 1, which the base image brought, of type ${mediaTypes.layerZstd} cannot be encrypted`,
      remedy: expect.stringMatching(
        /base image[^;]*recompress[^;]*skopeo copy --dest-compress-format gzip[^;]*; or .*layers: 0,2[^;]*; or .*jwe:/,
      ),
    })
    const made = await encryptImage(store, mixed, plan, { layers: [0, 2] })
    expect(made.manifest.layers.map(({ mediaType }) => mediaType.endsWith('+encrypted'))).toEqual([true, false, true])
  })

  test.each(['kbs:///a/b', 'kbs://host/a/b/c', 'kbs:///a/b/../c', 'kbs:///a/b/.c', '/default/image-kek/x', 'a'])(
    'recipient %s',
    async (text) => {
      expect(await codeOf(readRecipients([text], keysIn('/')))).toBe('input-invalid')
    },
  )
  test('a recipient without a scheme is answered with both ways to write it', async () => {
    await expect(readRecipients(['k.pub'], keysIn('/'))).rejects.toMatchObject({
      remedy: 'For a public key write jwe:k.pub, for a KBS key kbs:///repo/type/tag.',
    })
  })
  test('no recipient, a private key, a short RSA key, a missing file', async () => {
    const directory = scratch('bad')
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    await writeFile(join(directory, 'private.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    await writeFile(
      join(directory, 'short.pem'),
      generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' }),
    )
    expect(await codeOf(readRecipients([], keysIn(directory)))).toBe('input-missing')
    expect(await codeOf(readRecipients(['jwe:private.pem'], keysIn(directory)))).toBe('file-invalid')
    expect(await codeOf(readRecipients(['jwe:short.pem'], keysIn(directory)))).toBe('file-invalid')
    expect(await codeOf(readRecipients(['jwe:none.pem'], keysIn(directory)))).toBe('ENOENT')
  })

  const change = (layer: Descriptor, name: string, edit: (value: Record<string, unknown>) => void): Descriptor => {
    const value = JSON.parse(fromBase64(layer.annotations?.[name] ?? '', 'test').toString()) as Record<string, unknown>
    edit(value)
    return { ...layer, annotations: { ...layer.annotations, [name]: toBase64(Buffer.from(JSON.stringify(value))) } }
  }

  test('wrong key, changed MAC, changed packet, no +encrypted, bad kid, unknown cipher', async () => {
    const { store, encrypted, key } = await sealed([uri])
    const layer = layerOf(encrypted)
    const opened = async (one: Descriptor, keys = keysOf(key)) => bytesOf(await layerOpener(store, keys, ports)(one))
    expect(await codeOf(opened(layer))).toBe('resolved')
    expect(await codeOf(opened(layer, keysOf(randomBytes(32))))).toBe('decryption-failed')
    expect(await codeOf(opened(layer, {}))).toBe('decryption-failed')
    expect(
      await codeOf(opened(change(layer, annotations.publicOptions, (o) => (o['hmac'] = toBase64(Buffer.alloc(32)))))),
    ).toBe('decryption-failed')
    expect(await codeOf(opened(change(layer, annotations.publicOptions, (o) => (o['cipher'] = 'NONE'))))).toBe(
      'decryption-failed',
    )
    expect(await codeOf(opened(change(layer, annotations.publicOptions, (o) => delete o['cipheroptions'])))).toBe(
      'decryption-failed',
    )
    expect(await codeOf(opened(change(layer, annotations.provider, (o) => (o['kid'] = '/default/image-kek/x'))))).toBe(
      'decryption-failed',
    )
    expect(await codeOf(opened(change(layer, annotations.provider, (o) => (o['version'] = '9'))))).toBe(
      'decryption-failed',
    )
    expect(await codeOf(opened({ ...layer, mediaType: mediaTypes.layerGzip }))).toBe('format-invalid')
  })

  test('a flipped byte of ciphertext is found before any byte comes out', async () => {
    const { store, encrypted, key, directory } = await sealed([uri])
    const layer = layerOf(encrypted)
    const path = join(directory, 'blobs/sha256', layer.digest.slice(7))
    const bytes = await readFile(path)
    bytes[100] = (bytes[100] ?? 0) ^ 1
    const { digest, size } = await store.putBlob({ bytes })
    expect(await codeOf(layerOpener(store, keysOf(key), ports)({ ...layer, digest, size }))).toBe('decryption-failed')
    // Over a registry the ciphertext is spooled: the same must hold.
    expect(
      await codeOf(layerOpener({ ...store, kind: 'registry' }, keysOf(key), ports)({ ...layer, digest, size })),
    ).toBe('decryption-failed')
    expect((await bytesOf(await layerOpener({ ...store, kind: 'registry' }, keysOf(key), ports)(layer))).length).toBe(
      layer.size,
    )
  })

  test('a private option that names another digest', async () => {
    const { store, encrypted, key } = await sealed([uri])
    const layer = layerOf(encrypted)
    const options = await openKey(layer, keysOf(key))
    const lie = Buffer.from(
      JSON.stringify({
        symkey: toBase64(options.key),
        digest: `sha256:${'0'.repeat(64)}`,
        cipheroptions: { nonce: toBase64(options.nonce) },
      }),
    )
    const changed = change(layer, annotations.provider, (o) => {
      o['iv'] = toBase64(Buffer.alloc(12))
      o['wrapped_data'] = toBase64(wrapWithKek(key, lie, Buffer.alloc(12)))
    })
    expect(await codeOf((async () => bytesOf(await layerOpener(store, keysOf(key), ports)(changed)))())).toBe(
      'decryption-failed',
    )
  })
})

const plainLayer = 'sha256:83859535ef0d72f529ef0b5aa09b72fdb916e81bd4f6b21931ec37b694ad6382'

describe('other implementations', () => {
  const folder = 'coco/ocicrypt/skopeo-1.9.3'
  for (const [name, file] of [
    ['enc-jwe-rsa', 'rsa.pem'],
    ['enc-jwe-ec', 'ec.pem'],
  ] as const) {
    withPeers([`vectors:${folder}`], `opens skopeo's ${name}`, async () => {
      const store = openLayout(vector(`${folder}/${name}`), 'localhost/x', ports)
      const index = JSON.parse(await readFile(vector(`${folder}/${name}/index.json`), 'utf8')) as {
        manifests: { digest: Digest }[]
      }
      const image = await loadImage(store, index.manifests[0]?.digest as Digest)
      const key = readPrivateKey(await readFile(vector(`${folder}/${file}`), 'utf8'), file)
      const bytes = await bytesOf(
        await layerOpener(store, { privateKeys: [key] }, ports)(image.manifest.layers[0] as Descriptor),
      )
      expect(bytes).toEqual(await readFile(vector(`${folder}/plain/blobs/sha256/${plainLayer.slice(7)}`)))
    })
  }

  withPeers(
    ['vectors:coco/ocicrypt/self-made-coco-keyprovider'],
    'known answer of the provider packet, both ways',
    async () => {
      const base = 'coco/ocicrypt/self-made-coco-keyprovider'
      const kat = JSON.parse(await readFile(vector(`${base}/kat.json`), 'utf8')) as Record<string, string> & {
        annotations: Record<string, string>
      }
      const store = openLayout(vector(base), 'localhost/x', ports)
      const image = await loadImage(store, kat['manifest_digest'] as Digest)
      const key = Buffer.from(kat['kek_hex'] ?? '', 'hex')
      const open = layerOpener(store, { kek: async () => key }, ports)
      const plain = await bytesOf(await open(image.manifest.layers[0] as Descriptor))

      const target = openLayout(scratch('kat'), 'localhost/x', ports)
      const random = [kat['symkey_hex'], kat['layer_nonce_hex']].map((hex) => Buffer.from(hex ?? '', 'hex'))
      const iv = Buffer.from(kat['packet_iv_hex'] ?? '', 'hex')
      const { encryptLayer } = await import('../../src/encrypt/encrypt-layer.ts')
      const layer = await encryptLayer(
        { mediaType: mediaTypes.layerGzip, digest: plainLayer, size: plain.length },
        (async function* () {
          yield plain
        })(),
        {
          target,
          recipients: await readRecipients(['kbs:///default/image-kek/test-1'], keysIn('/')),
          random: () => random.shift() as Buffer,
          kek: async (_, p) => ({ wrapped: wrapWithKek(key, p, iv), iv }),
        },
      )
      expect(layer.digest).toBe(kat['encrypted_layer_digest'])
      expect(layer.annotations).toEqual(kat.annotations)
    },
  )

  withPeers(['skopeo'], 'skopeo opens our JWE layers, RSA and EC, and we open what it encrypts', async () => {
    const directory = scratch('skopeo')
    const skopeo = (...args: string[]): void => {
      execFileSync(peer('skopeo'), ['--insecure-policy', 'copy', ...args], { cwd: directory, stdio: 'pipe' })
    }
    const { store, image } = await makeImage(join(directory, 'plain'), ports, [randomBytes(100_000), Buffer.from('b')])
    const pairs = {
      ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    }
    for (const [name, { publicKey, privateKey }] of Object.entries(pairs)) {
      await writeFile(join(directory, `${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }))
      await writeFile(join(directory, `${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    }
    const recipients = await readRecipients(['jwe:ec.pub', 'jwe:rsa.pub'], keysIn(directory))
    for (const chosen of [recipients, [recipients[0]], [recipients[1]]]) {
      const list = chosen.flatMap((one) => (one === undefined ? [] : [one]))
      await encryptImage(
        store,
        image,
        { target: store, recipients: list, kek: kek(randomBytes(32)), random: randomBytes },
        { tag: 'sealed' },
      )
      for (const { keyId } of list) {
        const name = keyId === recipients[0]?.keyId ? 'ec' : 'rsa'
        skopeo('--decryption-key', `${name}.pem`, 'oci:plain:sealed', `oci:out-${name}:x`)
        const out = openLayout(join(directory, `out-${name}`), 'localhost/x', ports)
        const found = await out.resolve({ tag: 'x' })
        const digests = (await loadImage(out, found?.digest as Digest)).manifest.layers.map(({ digest }) => digest)
        expect(digests).toEqual(image.manifest.layers.map(({ digest }) => digest))
      }
    }
    skopeo('--encryption-key', 'jwe:rsa.pub', 'oci:plain:latest', 'oci:theirs:x')
    const theirs = openLayout(join(directory, 'theirs'), 'localhost/x', ports)
    const found = await theirs.resolve({ tag: 'x' })
    const sealedImage = await loadImage(theirs, found?.digest as Digest)
    const bytes = await bytesOf(
      await layerOpener(
        theirs,
        { privateKeys: [pairs.rsa.privateKey] },
        ports,
      )(sealedImage.manifest.layers[0] as Descriptor),
    )
    expect(bytes.equals(await bytesOf(await store.openBlob(image.manifest.layers[0] as Descriptor)))).toBe(true)
  })
})
