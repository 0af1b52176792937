import { execFileSync } from 'node:child_process'
import { createCipheriv, createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromBase64, toBase64 } from '../../src/encoding/base64.ts'
import { der, integer, octets, oid, sequence } from '../../src/encoding/der-write.ts'
import { layerOpener } from '../../src/encrypt/decrypt.ts'
import { encryptImage } from '../../src/encrypt/encrypt-image.ts'
import { askingOnce, openKey, type DecryptionKeys } from '../../src/encrypt/open-key.ts'
import { annotations, privateOptionsBytes } from '../../src/encrypt/options.ts'
import { packetBytes, wrapWithKek } from '../../src/encrypt/packet.ts'
import { unwrapPkcs7 } from '../../src/encrypt/pkcs7.ts'
import { readRecipients, wrapFor } from '../../src/encrypt/recipients.ts'
import { zstdCompressSync } from 'node:zlib'
import { loadImage } from '../../src/image/load.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { mediaTypes, type Descriptor, type Digest } from '../../src/oci/types.ts'
import { peer, vector, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { bytesOf, codeOf, makeImage } from './support.ts'

const ports = testPorts()
const uri = 'kbs:///default/image-key/test'
const secret = { key: randomBytes(32), nonce: randomBytes(16), digest: `sha256:${'1'.repeat(64)}` as Digest }
const options = privateOptionsBytes(secret)
const kek = randomBytes(32)
const wrapping = {
  kek: async (_: string, plaintext: Buffer) => {
    const iv = randomBytes(12)
    return { wrapped: wrapWithKek(kek, plaintext, iv), iv }
  },
  random: randomBytes,
}

/** Key files of one folder: RSA with a certificate, EC, and JWKs that name an algorithm. */
function keyFiles(): { read: (path: string) => Promise<string>; rsa: KeyObject; ec: KeyObject } {
  const directory = scratch('key-files')
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=reader', '-keyout', 'rsa.pem', '-out', 'rsa.crt'],
    { cwd: directory, stdio: 'pipe' },
  )
  execFileSync('openssl', ['rsa', '-in', 'rsa.pem', '-pubout', '-out', 'rsa.pub'], { cwd: directory, stdio: 'pipe' })
  const read = (path: string): string =>
    path.endsWith('.jwk')
      ? JSON.stringify({ ...jwk(path), alg: path.slice(path.indexOf('-') + 1, -4) })
      : path === 'ec.pub'
        ? String(ec.publicKey.export({ type: 'spki', format: 'pem' }))
        : execFileSync('cat', [join(directory, path)], { encoding: 'utf8' })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const rsa = createPrivateKey(read('rsa.pem'))
  const jwk = (path: string): object =>
    path.startsWith('rsa') ? { ...publicJwk(rsa) } : ec.publicKey.export({ format: 'jwk' })
  return { read: async (path) => read(path), rsa, ec: ec.privateKey }
}

function publicJwk(key: KeyObject): object {
  const { kty, n, e } = key.export({ format: 'jwk' })
  return { kty, n, e }
}

const files = keyFiles()

async function layerFor(...recipients: string[]): Promise<Descriptor> {
  const made = await wrapFor({ ...wrapping, recipients: await readRecipients(recipients, files.read) }, options)
  return { mediaType: `${mediaTypes.layerTar}+encrypted`, digest: secret.digest, size: 1, annotations: made }
}

const opens = async (layer: Descriptor, keys: DecryptionKeys): Promise<boolean> =>
  (await openKey(layer, keys)).key.equals(secret.key)

describe('forms of a wrapped key', () => {
  test.each([
    ['jwe:rsa.pub', 'RSA-OAEP', 'rsa'],
    ['jwe:rsa-RSA-OAEP-256.jwk', 'RSA-OAEP-256', 'rsa'],
    ['jwe:ec.pub', 'ECDH-ES+A256KW', 'ec'],
    ['jwe:ec-ECDH-ES+A192KW.jwk', 'ECDH-ES+A192KW', 'ec'],
    ['jwe:ec-ECDH-ES+A128KW.jwk', 'ECDH-ES+A128KW', 'ec'],
  ] as const)('%s is wrapped with %s', async (recipient, alg, name) => {
    const layer = await layerFor(recipient)
    const jwe = JSON.parse(fromBase64(layer.annotations?.[annotations.jwe] ?? '', 'test').toString()) as {
      protected: string
    }
    expect(JSON.parse(Buffer.from(jwe.protected, 'base64url').toString())).toMatchObject({ alg, enc: 'A256GCM' })
    expect(await opens(layer, { privateKeys: [files[name]] })).toBe(true)
    expect(await codeOf(openKey(layer, { privateKeys: [files[name === 'rsa' ? 'ec' : 'rsa']] }))).toBe(
      'decryption-failed',
    )
  })

  test('a JWK that names an algorithm of another kind, or none that is known, is refused', async () => {
    for (const name of ['rsa-ECDH-ES+A256KW.jwk', 'ec-RSA-OAEP.jwk', 'rsa-RSA1_5.jwk'])
      expect(await codeOf(readRecipients([`jwe:${name}`], files.read))).toBe('file-invalid')
  })

  test('recipients of all kinds in one run: each opens alone', async () => {
    const layer = await layerFor('jwe:rsa.pub', 'jwe:ec.pub', 'pkcs7:rsa.crt', 'pkcs11:rsa.pub', uri, `${uri}2`)
    expect(Object.keys(layer.annotations ?? {}).sort()).toEqual(
      [annotations.jwe, annotations.pkcs11, annotations.pkcs7, annotations.provider].sort(),
    )
    const only = (name: string): Descriptor => ({ ...layer, annotations: { [name]: layer.annotations?.[name] ?? '' } })
    for (const name of [annotations.jwe, annotations.pkcs7, annotations.pkcs11])
      expect(await opens(only(name), { privateKeys: [files.ec, files.rsa] })).toBe(true)
    // The key of the first URI is not available: the second one opens.
    const keys = { kek: async (wanted: string) => (wanted === `${uri}2` ? kek : null) }
    expect(await opens(only(annotations.provider), keys)).toBe(true)
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    for (const name of [annotations.jwe, annotations.pkcs7, annotations.pkcs11])
      expect(await codeOf(openKey(only(name), { privateKeys: [stranger] }))).toBe('decryption-failed')
  })

  test('a packet that cannot be read does not keep another recipient out', async () => {
    const layer = await layerFor('pkcs7:rsa.crt', uri)
    const more = { ...layer.annotations, [`${annotations.keysPrefix}provider.other`]: toBase64(Buffer.from('opaque')) }
    expect(await opens({ ...layer, annotations: more }, { kek: async () => kek })).toBe(true)
    const broken = { ...more, [annotations.pkcs7]: toBase64(Buffer.from('no DER')) }
    expect(await opens({ ...layer, annotations: broken }, { kek: async () => kek })).toBe(true)
    expect(await codeOf(openKey({ ...layer, annotations: broken }, {}))).toBe('format-invalid')
  })

  test('a PKCS#11 packet goes to the program that has the token, as it is', async () => {
    const layer = await layerFor('pkcs11:rsa.pub')
    const given: Buffer[] = []
    const token = async (packet: Buffer): Promise<Buffer> => {
      given.push(packet)
      return options
    }
    expect(await opens(layer, { token })).toBe(true)
    expect(JSON.parse(String(given[0]))).toEqual({
      version: 0,
      recipients: [{ version: 0, blob: expect.any(String), hash: 'sha1' }],
    })
    expect(await codeOf(openKey(layer, { token: async () => null }))).toBe('decryption-failed')
    expect(await codeOf(openKey(layer, { token: async () => Buffer.from('{}') }))).toBe('decryption-failed')
  })

  test.each([
    ['version 1', { version: 1, recipients: [] }],
    ['no recipients', { version: 0 }],
    ['an unknown hash', { version: 0, recipients: [{ version: 0, blob: 'AAAA', hash: 'md5' }] }],
    ['no blob', { version: 0, recipients: [{ version: 0, hash: 'sha1' }] }],
  ])('a PKCS#11 packet with %s is refused', async (_, packet) => {
    const text = toBase64(Buffer.from(JSON.stringify(packet)))
    const layer = { ...(await layerFor(uri)), annotations: { [annotations.pkcs11]: text } }
    await expect(openKey(layer, { privateKeys: [files.rsa] })).rejects.toMatchObject({
      code: 'decryption-failed',
      message: expect.stringContaining('PKCS#11 packet'),
    })
  })

  test('PGP is refused, with words that say that it is not offered', async () => {
    await expect(readRecipients(['pgp:someone@example.com'], files.read)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('does not encrypt for PGP keys'),
      remedy: expect.stringContaining('jwe:PATH'),
    })
    const layer = { ...(await layerFor(uri)), annotations: { [annotations.pgp]: 'AAAA' } }
    await expect(openKey(layer, { privateKeys: [files.rsa] })).rejects.toMatchObject({
      code: 'decryption-failed',
      remedy: expect.stringContaining('PGP keys only, which Sealwright does not offer'),
    })
  })

  test('files that are not what their form needs', async () => {
    for (const text of ['pkcs7:rsa.pub', 'pkcs11:ec.pub', 'pkcs11:rsa-RSA-OAEP.jwk', 'pkcs7:rsa.pem'])
      expect(await codeOf(readRecipients([text], files.read))).toBe('file-invalid')
    expect(await codeOf(readRecipients(['jwe:rsa.pub', 'pkcs7:rsa.crt'], files.read))).toBe('resolved')
    expect(await codeOf(readRecipients(['pkcs7:rsa.crt', 'pkcs7:rsa.crt'], files.read))).toBe('input-invalid')
  })
})

describe('packets of Confidential Containers', () => {
  const iv = (mode: string): Buffer => Buffer.alloc(mode === 'A256CTR' ? 16 : 12, 3)
  const wrapped = (mode: string): Buffer =>
    mode === 'A256CTR'
      ? createCipheriv('aes-256-ctr', kek, iv(mode)).update(options)
      : wrapWithKek(kek, options, iv(mode))
  const packet = (change: Record<string, unknown>, mode = 'A256GCM'): Record<string, unknown> => ({
    kid: uri,
    wrapped_data: toBase64(wrapped(mode)),
    iv: toBase64(iv(mode)),
    wrap_type: mode,
    ...change,
  })
  const v2 = { version: '0.1.0', provider: 'kbs', provider_settings: {}, annotations: {} }
  const layer = (value: unknown): Descriptor => ({
    mediaType: `${mediaTypes.layerTar}+encrypted`,
    digest: secret.digest,
    size: 1,
    annotations: { [annotations.provider]: toBase64(Buffer.from(JSON.stringify(value))) },
  })
  const keys = { kek: async (wanted: string) => (wanted === uri ? kek : null) }

  test.each([
    ['V1', packet({})],
    ['V2', packet(v2)],
    ['V2 without provider', packet({ ...v2, provider: undefined })],
    ['V2, A256CTR', packet(v2, 'A256CTR')],
    ['a host in the kid', packet({ kid: 'kbs://kbs.example:8080/default/image-key/test' })],
    ['unknown members', packet({ ...v2, more: 1 })],
  ])('%s opens, as in a guest', async (_, value) => {
    expect(await opens(layer(value), keys)).toBe(true)
  })

  test.each([
    ['another version', packet({ ...v2, version: '9' })],
    ['a kid without scheme', packet({ kid: '/default/image-key/test' })],
    ['another provider', packet({ ...v2, provider: 'aliyun' })],
    ['an unknown mode', packet({ wrap_type: 'A128GCM' })],
    ['the iv of the other mode', packet({ iv: toBase64(Buffer.alloc(16)) })],
    ['an iv of 12 bytes for A256CTR', packet({ iv: toBase64(Buffer.alloc(12)) }, 'A256CTR')],
    ['A256CTR under another key', packet({ wrapped_data: toBase64(Buffer.alloc(193)) }, 'A256CTR')],
  ])('%s is refused', async (_, value) => {
    expect(['decryption-failed', 'format-invalid']).toContain(await codeOf(openKey(layer(value), keys)))
  })

  test('an image does not choose how often its reader asks a KBS', async () => {
    const many = (count: number): string =>
      Array.from({ length: count }, (_, n) =>
        toBase64(Buffer.from(JSON.stringify(packet({ kid: `kbs:///default/image-key/${n}` })))),
      ).join(',')
    const named = (...texts: string[]): Descriptor => ({
      ...layer({}),
      annotations: Object.fromEntries(texts.map((text, n) => [`${annotations.keysPrefix}provider.${n}`, text])),
    })
    let asked = 0
    const counting = { kek: async () => (asked++, null) }
    expect(await codeOf(openKey(named(many(64)), askingOnce(counting)))).toBe('decryption-failed')
    expect(asked).toBe(64)
    await expect(openKey(named(many(65)), askingOnce(counting))).rejects.toThrow('more than 64 key packets')
    expect(asked).toBe(64)
    const once = askingOnce(counting)
    for (const n of Array(128).keys()) await once.kek?.(`kbs:///a/b/${n}`)
    await expect(once.kek?.('kbs:///a/b/other')).rejects.toThrow('more than 128 keys')
    expect(asked).toBe(64 + 128)
  })

  test('what is written is V2', () => {
    expect(
      JSON.parse(packetBytes({ kid: uri, wrapped: Buffer.alloc(1), iv: Buffer.alloc(12) }).toString()),
    ).toMatchObject(v2)
  })
})

describe('PKCS#7 packets', () => {
  const nonce = Buffer.alloc(12, 5)
  const parameters: [string, Buffer][] = [
    ['as RFC 5084 says', sequence(octets(nonce), integer(16))],
    ['as Go writes them', sequence(sequence(der(0x84, nonce), integer(16)))],
    ['marked primitive, as skopeo 1.9.3 does', der(0x10, sequence(der(0x84, nonce), integer(16)))],
  ]
  const bad: [string, Buffer][] = [
    ['a short tag', sequence(octets(nonce), integer(12))],
    ['no size of the tag', sequence(octets(nonce))],
    ['a nonce of 16 bytes', sequence(octets(Buffer.alloc(16)), integer(16))],
    ['no parameters', der(0x05)],
  ]

  /** Our packet with other parameters of AES-GCM. */
  async function packetWith(given: Buffer): Promise<Buffer> {
    const layer = await layerFor('pkcs7:rsa.crt')
    const whole = fromBase64(layer.annotations?.[annotations.pkcs7] ?? '', 'test')
    const info = whole.indexOf(oid('1.2.840.113549.1.7.1'))
    const set = whole.indexOf(0x31)
    const recipients = whole.subarray(set, set + 4 + whole.readUInt16BE(set + 2))
    expect(info).toBe(set + recipients.length + 4)
    // The content key is not known here, so the content stays that of another nonce: only the reading is looked at.
    const content = sequence(
      oid('1.2.840.113549.1.7.1'),
      sequence(oid('2.16.840.1.101.3.4.1.6'), given),
      der(0x80, Buffer.alloc(32)),
    )
    return sequence(oid('1.2.840.113549.1.7.3'), der(0xa0, sequence(integer(0), recipients, content)))
  }

  test.each(parameters)('parameters %s are read', async (_, given) => {
    expect(unwrapPkcs7(await packetWith(given), [files.rsa], 'test')).toBeNull()
  })
  test.each(bad)('%s is refused', async (_, given) => {
    const bytes = await packetWith(given)
    expect(() => unwrapPkcs7(bytes, [files.rsa], 'test')).toThrow(expect.objectContaining({ code: 'format-invalid' }))
  })

  test('no truncation and no flipped bit opens, or ends in another error than a refusal', async () => {
    const layer = await layerFor('pkcs7:rsa.crt')
    const whole = fromBase64(layer.annotations?.[annotations.pkcs7] ?? '', 'test')
    const open = (bytes: Buffer): string => {
      try {
        return String(unwrapPkcs7(bytes, [files.rsa], 'test')?.equals(options) ?? 'closed')
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    expect(open(whole)).toBe('true')
    for (let size = 0; size < whole.length; size += 7) expect(open(whole.subarray(0, size))).toBe('format-invalid')
    // What names the certificate is not looked at, so a change there changes nothing.
    for (let at = whole.length - 230; at < whole.length; at += 3) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] ?? 0) ^ 0x04
      expect(['format-invalid', 'closed']).toContain(open(changed))
    }
  })

  withPeers(['vectors:coco/ocicrypt/skopeo-1.9.3'], "opens skopeo 1.9.3's packet", async () => {
    const folder = 'coco/ocicrypt/skopeo-1.9.3'
    const store = openLayout(vector(`${folder}/enc-pkcs7`), 'localhost/x', ports)
    const index = JSON.parse(await readFile(vector(`${folder}/enc-pkcs7/index.json`), 'utf8')) as {
      manifests: { digest: Digest }[]
    }
    const image = await loadImage(store, index.manifests[0]?.digest as Digest)
    const key = createPrivateKey(await readFile(vector(`${folder}/rsa.pem`), 'utf8'))
    const [layer] = image.manifest.layers as [Descriptor]
    const plain = await bytesOf(await layerOpener(store, { privateKeys: [key] }, ports)(layer))
    expect((await openKey(layer, { privateKeys: [key] })).digest).toBe(
      'sha256:83859535ef0d72f529ef0b5aa09b72fdb916e81bd4f6b21931ec37b694ad6382',
    )
    expect(plain.length).toBe(layer.size)
  })

  withPeers(['skopeo'], 'skopeo opens our PKCS#7 layers, zstd too, and we open its', async () => {
    const directory = scratch('skopeo-pkcs7')
    const skopeo = (...args: string[]): Buffer =>
      execFileSync(peer('skopeo'), ['--insecure-policy', 'copy', ...args], { cwd: directory, stdio: 'pipe' })
    for (const name of ['rsa.pem', 'rsa.crt']) await writeFile(join(directory, name), await files.read(name))
    const { store, image } = await makeImage(join(directory, 'plain'), ports, [randomBytes(50_000)])
    const recipients = await readRecipients(['pkcs7:rsa.crt', 'jwe:ec.pub'], files.read)
    // No guest with a KBS is among them, so encrypted zstd is opened by all.
    const zstd = await makeImage(
      join(directory, 'zstd'),
      ports,
      [zstdCompressSync(randomBytes(50_000))],
      mediaTypes.layerZstd,
    )
    await encryptImage(zstd.store, zstd.image, { ...wrapping, target: zstd.store, recipients }, { tag: 'sealed' })
    skopeo('--decryption-key', 'rsa.pem', '--decryption-key', 'rsa.crt', 'oci:zstd:sealed', 'oci:out:zstd')
    await encryptImage(store, image, { ...wrapping, target: store, recipients }, { tag: 'sealed' })
    skopeo('--decryption-key', 'rsa.pem', '--decryption-key', 'rsa.crt', 'oci:plain:sealed', 'oci:out:x')
    const out = openLayout(join(directory, 'out'), 'localhost/x', ports)
    const found = await loadImage(out, (await out.resolve({ tag: 'x' }))?.digest as Digest)
    expect(found.manifest.layers.map(({ digest }) => digest)).toEqual(image.manifest.layers.map(({ digest }) => digest))
    skopeo('--encryption-key', 'pkcs7:rsa.crt', 'oci:plain:latest', 'oci:theirs:x')
    const theirs = openLayout(join(directory, 'theirs'), 'localhost/x', ports)
    const sealed = await loadImage(theirs, (await theirs.resolve({ tag: 'x' }))?.digest as Digest)
    const [layer] = sealed.manifest.layers as [Descriptor]
    const plain = await bytesOf(await layerOpener(theirs, { privateKeys: [files.rsa] }, ports)(layer))
    expect(plain.equals(await bytesOf(await store.openBlob(image.manifest.layers[0] as Descriptor)))).toBe(true)
  })
})
