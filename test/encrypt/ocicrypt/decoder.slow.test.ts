import { execFile } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DecryptionKeys } from '../../../src/encrypt/open-key.ts'
import { layerOpener } from '../../../src/encrypt/decrypt.ts'
import { rewrapImage } from '../../../src/encrypt/rewrap.ts'
import { loadImage } from '../../../src/image/load.ts'
import type { Descriptor, Digest } from '../../../src/oci/types.ts'
import { decode, encode, type Decoded } from '../../../testkit/ctd-decoder.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { testPorts } from '../../../testkit/ports.ts'
import { bytesOf } from '../support.ts'
import { compressions, makePlace, providerConfig, uri, type Place } from './place.ts'

const ports = testPorts()
const needs = ['ctd-decoder', 'openssl']
const run = promisify(execFile)
let place: Place

beforeAll(async () => {
  place = await makePlace(ports)
})

/** Recipients of an image, and the files that a reader of it needs. */
const readers: [recipients: string[], files: string[]][] = [
  [['jwe:rsa.pub'], ['rsa.pem']],
  [['jwe:rsa.pub'], ['rsa.der']],
  [['jwe:rsa.jwk'], ['rsa.pem']],
  [['jwe:P-256.pub'], ['P-256.pem']],
  [['jwe:P-384.pub'], ['P-384.private.jwk']],
  [['jwe:P-521.pub'], ['P-521.pem']],
  [['jwe:P-256.ECDH-ES+A192KW.jwk'], ['P-256.pem']],
  [['jwe:P-384.ECDH-ES+A128KW.jwk'], ['P-384.pem']],
  [['pkcs7:rsa.crt'], ['rsa.pem', 'rsa.crt']],
  [
    ['pkcs7:other.crt', 'pkcs7:rsa.crt'],
    ['rsa.pem', 'rsa.crt'],
  ],
  [['jwe:rsa.pub', 'jwe:P-256.pub', 'pkcs7:other.crt'], ['P-256.pem']],
  [
    ['jwe:rsa.pub', 'jwe:P-256.pub', 'pkcs7:other.crt'],
    ['other.pem', 'other.crt'],
  ],
]

const privateKey = (name: string): DecryptionKeys => ({
  privateKeys: [createPrivateKey(readFileSync(join(place.folder, `${name}.pem`)))],
})

async function opened(layer: Descriptor, files: readonly string[], env = {}): Promise<Decoded> {
  return decode(layer, await place.stored(layer), { keys: place.keys('reader', files), env })
}

/** The decoder gives the plain layer, byte for byte. */
async function expectOpened(tag: string, layer: Descriptor, files: readonly string[], env = {}): Promise<void> {
  const { code, bytes, said } = await opened(layer, files, env)
  expect({ code, said }).toEqual({ code: 0, said: '' })
  expect(bytes.equals(place.plain.get(tag) ?? Buffer.alloc(0))).toBe(true)
}

describe('ocicrypt opens our images', () => {
  withPeers(needs, 'public keys: every form of key and compression', async () => {
    for (const [tag, [mediaType]] of Object.entries(compressions)) {
      for (const [recipients, files] of readers) {
        const layer = await place.seal(tag, recipients, `${tag}-sealed`)
        expect(layer.mediaType).toBe(`${mediaType}+encrypted`)
        await expectOpened(tag, layer, files)
      }
    }
  })

  withPeers(needs, 'a KBS key, by our key provider as a program, under the name that our images carry', async () => {
    const env = { OCICRYPT_KEYPROVIDER_CONFIG: providerConfig(place.folder, 'attestation-agent') }
    await expectOpened('gzip', await place.seal('gzip', [uri], 'kbs'), [], env)
    await expectOpened('tar', await place.seal('tar', ['jwe:rsa.pub', uri], 'kbs-jwe'), [], env)
    // The partner needs no provider.
    await expectOpened('tar', await place.seal('tar', ['jwe:rsa.pub', uri], 'kbs-jwe'), ['rsa.pem'])
  })

  withPeers(needs, 'after rewrap: added and replaced recipients', async () => {
    const keys = privateKey('rsa')
    for (const keep of [true, false]) {
      await place.seal('gzip', ['jwe:rsa.pub'], 'before')
      const image = await loadImage(place.store, (await place.store.resolve({ tag: 'before' }))?.digest as Digest)
      const wrapping = await place.wrapping(['jwe:P-384.pub', 'pkcs7:other.crt'])
      const { descriptor } = await rewrapImage(place.store, image, keys, { target: place.store, wrapping, keep })
      const [layer] = (await loadImage(place.store, descriptor.digest)).manifest.layers as [Descriptor]
      await expectOpened('gzip', layer, ['P-384.pem'])
      await expectOpened('gzip', layer, ['other.pem', 'other.crt'])
      if (keep) await expectOpened('gzip', layer, ['rsa.pem'])
      else expect(await opened(layer, ['rsa.pem'])).toMatchObject({ code: 1 })
    }
  })

  withPeers([...needs, 'softhsm2-util', 'pkcs11-tool'], 'a key in a token', async () => {
    const { folder } = place
    mkdirSync(join(folder, 'tokens'))
    writeFileSync(join(folder, 'hsm.conf'), `directories.tokendir = ${folder}/tokens\n`)
    const module = '/usr/lib/softhsm/libsofthsm2.so'
    const env = { PATH: process.env['PATH'] ?? '', SOFTHSM2_CONF: join(folder, 'hsm.conf'), PIN: '1234' }
    const tool = (name: string, ...args: string[]): Promise<unknown> => run(peer(name), args, { cwd: folder, env })
    await tool('softhsm2-util', '--init-token', '--free', '--label', 't', '--pin', '1234', '--so-pin', '5678')
    const token = ['--module', module, '--login', '--pin', 'env:PIN', '--id', '01']
    await tool('pkcs11-tool', ...token, '--label', 'k', '--keypairgen', '--key-type', 'rsa:2048', '--usage-decrypt')
    await tool('pkcs11-tool', ...token, '--read-object', '--type', 'pubkey', '-o', 'token.der')
    await run('openssl', ['rsa', '-pubin', '-inform', 'DER', '-in', 'token.der', '-pubout', '-out', 'token.pub'], {
      cwd: folder,
    })
    const key = `pkcs11:token=t;object=k;type=private?module-path=${module}&pin-value=1234`
    writeFileSync(join(folder, 'token.yaml'), `pkcs11:\n  uri: ${key}\n`)
    writeFileSync(
      join(folder, 'ocicrypt.conf'),
      `pkcs11:\n  module-directories: [/usr/lib/softhsm]\n  allowed-module-paths: [/usr/lib/softhsm/]\n`,
    )
    const withToken = { ...env, OCICRYPT_CONFIG: join(folder, 'ocicrypt.conf') }
    await expectOpened('gzip', await place.seal('gzip', ['pkcs11:token.pub'], 'token'), ['token.yaml'], withToken)
    // Several recipients in one packet: the one of the token is found.
    const both = await place.seal('gzip', ['pkcs11:rsa.pub', 'pkcs11:token.pub'], 'token')
    await expectOpened('gzip', both, ['token.yaml'], withToken)
    expect(
      await opened(await place.seal('gzip', ['pkcs11:rsa.pub'], 'token'), ['token.yaml'], withToken),
    ).toMatchObject({
      code: 1,
      bytes: Buffer.alloc(0),
    })
  })
})

describe('ocicrypt refuses', () => {
  const refusals: [why: string, recipients: string[], files: string[], said: RegExp][] = [
    ['another key', ['jwe:rsa.pub'], ['other.pem'], /JWE: No suitable private key found/],
    ['no key', ['jwe:rsa.pub'], [], /missing private key needed for decryption/],
    ['PKCS#7 without the certificate', ['pkcs7:rsa.crt'], ['rsa.pem'], /no x509 certificates found/],
    ['PKCS#7 with the certificate of another', ['pkcs7:rsa.crt'], ['rsa.pem', 'other.crt'], /PKCS7: No suitable/],
    ['a KBS key without a provider', [uri], ['rsa.pem'], /missing private key needed for decryption/],
    // Opened by `sealwright decrypt`, which reads more forms of keys.
    ['an EC key in PEM of SEC 1', ['jwe:P-256.pub'], ['P-256.sec1'], /no private key, certificate or PKCS#11 key file/],
  ]
  withPeers(needs, 'keys that do not fit, each with its reason', async () => {
    for (const [why, recipients, files, said] of refusals) {
      const result = await opened(await place.seal('gzip', recipients, 'refused'), files)
      expect([why, result.code, result.bytes.length]).toEqual([why, 1, 0])
      expect(result.said).toMatch(said)
    }
  })

  withPeers(needs, 'our key provider without the key: its words reach the reader', async () => {
    const env = { OCICRYPT_KEYPROVIDER_CONFIG: providerConfig(place.folder, 'attestation-agent') }
    const result = await opened(await place.seal('gzip', [`${uri}2`], 'refused'), [], env)
    expect([result.code, result.bytes.length]).toEqual([1, 0])
    // A provider of another name is not asked: nothing else of the image says who wrapped its key.
    const renamed = { OCICRYPT_KEYPROVIDER_CONFIG: providerConfig(place.folder, 'sealwright') }
    expect(await opened(await place.seal('gzip', [uri], 'refused'), [], renamed)).toMatchObject({
      code: 1,
      said: expect.stringContaining('missing private key needed for decryption'),
    })
  })

  withPeers(needs, 'changed bytes of a layer, of its MAC and of its packet', async () => {
    const layer = await place.seal('gzip', ['jwe:rsa.pub'], 'changed')
    const sealed = await place.stored(layer)
    const options = { keys: place.keys('reader', ['rsa.pem']) }
    const flipped = Buffer.from(sealed)
    flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 1
    for (const bytes of [flipped, sealed.subarray(0, -1), Buffer.concat([sealed, Buffer.alloc(1)])])
      expect(await decode(layer, bytes, options)).toMatchObject({
        code: 1,
        said: expect.stringMatching(/could not properly decrypt byte stream/),
      })
    for (const [name, value] of Object.entries(layer.annotations ?? {})) {
      const changed = Buffer.from(value, 'base64')
      const at = changed.length - 20
      changed[at] = (changed[at] ?? 0) ^ 1
      const annotations = { ...layer.annotations, [name]: changed.toString('base64') }
      expect(await decode({ ...layer, annotations }, sealed, options)).toMatchObject({ code: 1 })
    }
  })
})

describe('we open what ocicrypt 1.3.2 encrypts', () => {
  const sourceOf = async (tag: string): Promise<Descriptor> => {
    const image = await loadImage(place.store, (await place.store.resolve({ tag }))?.digest as Digest)
    return image.manifest.layers[0] as Descriptor
  }
  /** The layer of an image, encrypted by ocicrypt. */
  const theirs = async (
    tag: string,
    recipients: readonly string[],
    env: Record<string, string>,
  ): Promise<Descriptor> => {
    const source = await sourceOf(tag)
    const { annotations, bytes, said } = await encode(recipients, source, place.plain.get(tag) ?? Buffer.alloc(0), {
      env,
    })
    expect(said).toBe('')
    const stored = await place.store.putBlob({ bytes })
    return { ...stored, mediaType: `${source.mediaType}+encrypted`, annotations: annotations ?? {} }
  }
  const expectOurs = async (tag: string, layer: Descriptor, keys: DecryptionKeys): Promise<void> => {
    const bytes = await bytesOf(await layerOpener(place.store, keys, ports)(layer))
    expect(bytes.equals(place.plain.get(tag) ?? Buffer.alloc(0))).toBe(true)
  }

  withPeers(needs, 'JWE, PKCS#7, PKCS#11 and several at once', async () => {
    const sha1 = { OCICRYPT_OAEP_HASHALG: 'sha1' }
    for (const [recipients, env, name] of [
      [['jwe:rsa.pub'], {}, 'rsa'],
      [['pkcs7:rsa.crt'], {}, 'rsa'],
      [['pkcs11:rsa.pub'], sha1, 'rsa'],
      // Its default hash is SHA-256, for which the key must be larger.
      [['pkcs11:large.pub'], {}, 'large'],
      [['jwe:rsa.pub', 'jwe:P-256.pub', 'pkcs7:rsa.crt', 'pkcs11:rsa.pub'], sha1, 'rsa'],
    ] as const) {
      const layer = await theirs(
        'gzip',
        recipients.map((one) => one.replace(':', `:${place.folder}/`)),
        env,
      )
      expect(Object.keys(layer.annotations ?? {})).toHaveLength(recipients.length === 1 ? 2 : 4)
      await expectOurs('gzip', layer, privateKey(name))
    }
    const small = encode([`pkcs11:${place.folder}/rsa.pub`], await sourceOf('gzip'), Buffer.alloc(1), {})
    expect(await small).toMatchObject({ code: 1, said: expect.stringContaining('message too long for RSA key size') })
  })

  withPeers(needs, 'a recipient that ocicrypt adds to our layer opens it, for both of us', async () => {
    const layer = await place.seal('gzip', ['jwe:P-256.pub'], 'added')
    const added = await encode(
      [`jwe:${place.folder}/rsa.pub`, `pkcs7:${place.folder}/other.crt`],
      layer,
      Buffer.alloc(0),
      { keys: place.keys('owner', ['P-256.pem']) },
    )
    expect([added.code, added.bytes.length, added.said]).toEqual([0, 0, ''])
    const both = { ...layer, annotations: added.annotations ?? {} }
    await expectOpened('gzip', both, ['rsa.pem'])
    await expectOpened('gzip', both, ['other.pem', 'other.crt'])
    await expectOpened('gzip', both, ['P-256.pem'])
    for (const name of ['rsa', 'P-256', 'other']) await expectOurs('gzip', both, privateKey(name))
  })

  withPeers(needs, 'a key of our provider, beside a public key', async () => {
    const env = { OCICRYPT_KEYPROVIDER_CONFIG: providerConfig(place.folder, 'attestation-agent') }
    const layer = await theirs('tar', [`provider:attestation-agent:${uri}`, `jwe:${place.folder}/rsa.pub`], env)
    await expectOurs('tar', layer, privateKey('rsa'))
    await expectOurs('tar', layer, { kek: async () => place.kek })
  })
})
