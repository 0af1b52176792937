import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { InputError, VerificationError } from '../../src/base/errors.ts'
import { openCosignKey } from '../../src/sign/cosign-key.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { loadPublicKey, verifySignature } from '../../src/sign/public-key.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { newSigner, privatePem, type KeyKind } from './fixtures.ts'

const bytes = Buffer.from('hello')

describe('private keys', () => {
  test.each(['p256', 'p384', 'rsa', 'ed25519'] as const)(
    '%s signs what its public key verifies',
    async (kind: KeyKind) => {
      const signer = await newSigner(kind)
      const key = loadPublicKey(signer.publicKeyPem)
      expect(key.hint).toBe(signer.hint)
      const signature = await signer.sign(bytes)
      expect(verifySignature(key, bytes, signature)).toBe(true)
      expect(verifySignature(key, Buffer.from('other'), signature)).toBe(false)
      expect(verifySignature(key, bytes, signature.subarray(1))).toBe(false)
      expect(verifySignature(loadPublicKey((await newSigner(kind)).publicKeyPem), bytes, signature)).toBe(false)
    },
  )

  const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  test.each([
    ['SEC1', ec.export({ format: 'pem', type: 'sec1' }).toString()],
    [
      'SEC1 with parameters',
      `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${ec.export({ format: 'pem', type: 'sec1' }).toString()}`,
    ],
    ['PKCS#1', rsa.export({ format: 'pem', type: 'pkcs1' }).toString()],
    ['PKCS#8', rsa.export({ format: 'pem', type: 'pkcs8' }).toString()],
  ])('reads %s', async (_title, pem) => {
    expect((await loadSigner(pem, null)).name).toBe('key')
  })

  test('encrypted PKCS#8 needs the right password', async () => {
    const pem = ec.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'right' }).toString()
    expect((await loadSigner(pem, 'right')).publicKeyPem).toBe(
      createPublicKey(ec).export({ format: 'pem', type: 'spki' }),
    )
    await expect(loadSigner(pem, 'wrong')).rejects.toMatchObject({ code: 'file-invalid' })
    await expect(loadSigner(pem, null)).rejects.toMatchObject({ code: 'input-missing', subject: 'key-password' })
  })

  const oldForm = ec.export({ format: 'pem', type: 'sec1', cipher: 'aes-256-cbc', passphrase: 'x' }).toString()
  test.each([
    ['no PEM', 'hello'],
    ['a public key', createPublicKey(ec).export({ format: 'pem', type: 'spki' }).toString()],
    ['two keys', privatePem() + privatePem()],
    ['RFC 1421 encryption', oldForm],
    [
      'another curve',
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
        .privateKey.export({ format: 'pem', type: 'pkcs8' })
        .toString(),
    ],
    [
      'short RSA',
      generateKeyPairSync('rsa', { modulusLength: 1024 })
        .privateKey.export({ format: 'pem', type: 'pkcs8' })
        .toString(),
    ],
    ['X25519', generateKeyPairSync('x25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()],
    ['a cut file', privatePem().slice(0, -40)],
  ])('refuses %s and shows no key material', async (_title, pem) => {
    const error: unknown = await loadSigner(pem, 'x').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InputError)
    expect(String(error)).not.toContain(pem.split('\n')[1] || 'hello')
  })
})

describe('cosign keys', () => {
  const file = (name: string): string => readFileSync(vector(`sigstore/cosign-keys/${name}`), 'utf8')

  withPeers(['vectors:sigstore/cosign-keys'], 'opens both forms with the right password only', async () => {
    for (const name of ['pemcosignkey.pem', 'pemsigstorekey.pem']) {
      const signer = await loadSigner(file(name), 'hello')
      expect(verifySignature(loadPublicKey(signer.publicKeyPem), bytes, await signer.sign(bytes))).toBe(true)
      await expect(loadSigner(file(name), 'Hello')).rejects.toMatchObject({ code: 'file-invalid' })
      await expect(loadSigner(file(name), null)).rejects.toMatchObject({ code: 'file-invalid' })
    }
  })

  withPeers(['vectors:sigstore/cosign-keys'], 'refuses a box that holds SEC1', async () => {
    await expect(loadSigner(file('pemcosigneckey.pem'), 'hello')).rejects.toMatchObject({ code: 'file-invalid' })
  })

  const body = {
    kdf: { name: 'scrypt', params: { N: 32768, r: 8, p: 1 }, salt: Buffer.alloc(32).toString('base64') },
    cipher: { name: 'nacl/secretbox', nonce: Buffer.alloc(24).toString('base64') },
    ciphertext: Buffer.alloc(40).toString('base64'),
  }
  test.each([
    ['endless work', { ...body, kdf: { ...body.kdf, params: { N: 1 << 30, r: 8, p: 1 } } }],
    ['no work', { ...body, kdf: { ...body.kdf, params: { N: 2, r: 8, p: 1 } } }],
    ['another r', { ...body, kdf: { ...body.kdf, params: { N: 32768, r: 1, p: 1 } } }],
    ['another kdf', { ...body, kdf: { ...body.kdf, name: 'pbkdf2' } }],
    ['another cipher', { ...body, cipher: { ...body.cipher, name: 'aes' } }],
    ['a short salt', { ...body, kdf: { ...body.kdf, salt: 'AAAA' } }],
    ['no ciphertext', { ...body, ciphertext: null }],
    ['a box that does not open', body],
    ['no object', []],
  ])('refuses %s', (_title, value) => {
    expect(() => openCosignKey(Buffer.from(JSON.stringify(value)), '')).toThrow(InputError)
  })
})

describe('public keys', () => {
  const pem = createPublicKey(privatePem()).export({ format: 'pem', type: 'spki' }).toString()
  const der = Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64')
  const wrap = (value: Buffer, label = 'PUBLIC KEY'): string =>
    `-----BEGIN ${label}-----\n${value.toString('base64')}\n-----END ${label}-----\n`

  test('reads SPKI in any line length', () => {
    expect(loadPublicKey(wrap(der)).pem).toBe(pem)
  })

  test.each([
    ['trailing bytes', wrap(Buffer.concat([der, Buffer.from([0])]))],
    ['a cut key', wrap(der.subarray(0, -1))],
    ['another label', wrap(der, 'CERTIFICATE')],
    ['two keys', pem + pem],
    ['a private key', privatePem()],
    ['nothing', ''],
    [
      'DSA',
      generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 })
        .publicKey.export({ format: 'pem', type: 'spki' })
        .toString(),
    ],
  ])('refuses %s', (_title, text) => {
    expect(() => loadPublicKey(text)).toThrow(VerificationError)
  })
})

test.each([
  ['P-256', 27],
  ['P-384', 24],
] as const)('a public key on %s counts in one form: a compressed point is refused', (namedCurve, at) => {
  const der = generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'der', type: 'spki' })
  const size = namedCurve === 'P-256' ? 32 : 48
  const point = Buffer.concat([Buffer.from([2 + ((der.at(-1) ?? 0) & 1)]), der.subarray(at, at + size)])
  const head = Buffer.from(der.subarray(0, at - 1))
  const bits = Buffer.concat([Buffer.from([0x03, point.length + 1, 0]), point])
  const algorithm = head.subarray(2, 4 + (head[3] ?? 0))
  const body = Buffer.concat([algorithm, bits])
  const compressed = Buffer.concat([Buffer.from([0x30, body.length]), body])
  expect(createPublicKey({ key: compressed, format: 'der', type: 'spki' }).asymmetricKeyType).toBe('ec')
  const pem = `-----BEGIN PUBLIC KEY-----\n${compressed.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END PUBLIC KEY-----\n`
  expect(() => loadPublicKey(pem)).toThrow(expect.objectContaining({ code: 'format-invalid' }))
})
