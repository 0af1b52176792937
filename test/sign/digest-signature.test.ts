import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { integer, sequence } from '../../src/encoding/der-write.ts'
import { verifyDigest, type DigestName } from '../../src/sign/digest-signature.ts'

const bytes = Buffer.from('an artifact')
const digestOf = (hash: DigestName, of = bytes): Buffer => createHash(hash).update(of).digest()

test.each([
  ['prime256v1', 'sha256'],
  ['prime256v1', 'sha512'],
  ['secp384r1', 'sha256'],
  ['secp384r1', 'sha384'],
  ['secp521r1', 'sha512'],
] as const)('ECDSA on %s over %s: what OpenSSL signed verifies, and nothing else', (namedCurve, hash) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  const other = generateKeyPairSync('ec', { namedCurve })
  const signature = sign(hash, bytes, privateKey)
  expect(verifyDigest(publicKey, hash, digestOf(hash), signature)).toBe(true)
  expect(verifyDigest(other.publicKey, hash, digestOf(hash), signature)).toBe(false)
  expect(verifyDigest(publicKey, hash, digestOf(hash, Buffer.from('another')), signature)).toBe(false)
  expect(verifyDigest(publicKey, hash, digestOf(hash), signature.subarray(0, -1))).toBe(false)
})

test('r and s outside of the order are refused, zero included', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  for (const [r, s] of [
    [0, 0],
    [0, 1],
    [1, 0],
  ] as const)
    expect(verifyDigest(publicKey, 'sha256', digestOf('sha256'), sequence(integer(r), integer(s)))).toBe(false)
  const order = Buffer.from('00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
  const wide = Buffer.concat([Buffer.of(2, order.length), order])
  expect(verifyDigest(publicKey, 'sha256', digestOf('sha256'), sequence(wide, integer(1)))).toBe(false)
})

test('RSA: the hash that was signed counts, with its name', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signature = sign('sha256', bytes, privateKey)
  expect(verifyDigest(publicKey, 'sha256', digestOf('sha256'), signature)).toBe(true)
  expect(verifyDigest(publicKey, 'sha512', digestOf('sha512'), signature)).toBe(false)
  expect(verifyDigest(publicKey, 'sha256', digestOf('sha256', Buffer.from('x')), signature)).toBe(false)
})

test('a key of another kind verifies nothing', () => {
  const { publicKey } = generateKeyPairSync('ed25519')
  expect(verifyDigest(publicKey, 'sha256', digestOf('sha256'), Buffer.alloc(64))).toBe(false)
  const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const signature = sign('sha256', bytes, koblitz.privateKey)
  expect(verifyDigest(koblitz.publicKey, 'sha256', digestOf('sha256'), signature)).toBe(false)
})
