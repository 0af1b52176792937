import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readCbor } from '../../../src/encoding/cbor/read.ts'
import { encodeCbor } from '../../../src/encoding/cbor/write.ts'
import type { CborValue } from '../../../src/encoding/cbor/types.ts'
import { coseKeyOf, coseKeyThumbprint, readCoseKey, readCoseKeySet } from '../../../src/sign/cose/key.ts'
import { parseSign1 } from '../../../src/sign/cose/sign1.ts'
import { verifySign1 } from '../../../src/sign/cose/verify.ts'
import { coseSigner, writeSign1 } from '../../../src/sign/cose/write.ts'
import { isSameKey } from '../../../src/sign/public-key.ts'

const pairs: [string, () => { privateKey: KeyObject; publicKey: KeyObject }][] = [
  ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ['P-521', () => generateKeyPairSync('ec', { namedCurve: 'P-521' })],
  ['Ed25519', () => generateKeyPairSync('ed25519')],
  ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['RSA 3072', () => generateKeyPairSync('rsa', { modulusLength: 3072 })],
]
const algorithms: Record<string, number> = {
  'P-256': -7,
  'P-384': -35,
  'P-521': -36,
  Ed25519: -8,
  RSA: -37,
  'RSA 3072': -38,
}

const read = (value: CborValue): KeyObject => readCoseKey(readCbor(encodeCbor(value), 'key'), 'key').key

test.each(pairs)('a key of %s signs by its own algorithm, and is published as COSE_Key', async (name, make) => {
  const { privateKey, publicKey } = make()
  const signer = coseSigner(privateKey, publicKey)
  expect(signer.algorithm).toBe(algorithms[name])
  const message = parseSign1(await writeSign1({ protected: new Map(), payload: Buffer.from('x') }, signer), 'it')
  expect(verifySign1(message, publicKey)).toEqual(Buffer.from('x'))
  const again = read(coseKeyOf(publicKey))
  expect(again.equals(publicKey)).toBe(true)
  expect(coseKeyThumbprint(again)).toEqual(coseKeyThumbprint(publicKey))
  // Another key of the same kind did not sign it.
  expect(() => verifySign1(message, make().publicKey)).toThrow('is not signed by this key')
})

test('COSE has no algorithm for a foreign curve', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  expect(() => coseSigner(privateKey, publicKey)).toThrow('COSE has no algorithm for this kind of key')
  expect(() => coseKeyOf(publicKey)).toThrow('is of a kind that COSE has no form for')
})

/** RFC 9679 §6 publishes this key and its thumbprint. */
test('the thumbprint of the example in RFC 9679', () => {
  const key = new Map<CborValue, CborValue>([
    [1, 2],
    [-1, 1],
    [-2, Buffer.from('65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d', 'hex')],
    [-3, Buffer.from('1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c', 'hex')],
    [2, Buffer.from('meriadoc.brandybuck@buckland.example')],
  ])
  expect(coseKeyThumbprint(read(key)).toString('hex')).toBe(
    '496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec',
  )
})

const x = Buffer.alloc(32, 1)
test.each<[string, CborValue, string]>([
  ['of another type', new Map([[1, 4]]), 'has the key type 4, which is not supported'],
  ['without a type', new Map([[3, 4]]), 'has the key type null, which is not supported'],
  [
    'that is private',
    new Map<CborValue, CborValue>([
      [1, 1],
      [-1, 6],
      [-2, x],
      [-4, x],
    ]),
    'contains a private key',
  ],
  [
    'that is a private EC key',
    new Map<CborValue, CborValue>([
      [1, 2],
      [-1, 1],
      [-2, x],
      [-3, x],
      [-4, x],
    ]),
    'contains a private key',
  ],
  [
    'that is a private RSA key',
    new Map<CborValue, CborValue>([
      [1, 3],
      [-1, x],
      [-2, x],
      [-3, x],
    ]),
    'contains a private key',
  ],
  [
    'on another curve',
    new Map<CborValue, CborValue>([
      [1, 2],
      [-1, 8],
      [-2, x],
      [-3, x],
    ]),
    'on a curve other than P-256',
  ],
  [
    'of X25519',
    new Map<CborValue, CborValue>([
      [1, 1],
      [-1, 4],
      [-2, x],
    ]),
    'on a curve other than Ed25519',
  ],
  [
    'with a compressed point',
    new Map<CborValue, CborValue>([
      [1, 2],
      [-1, 1],
      [-2, x],
      [-3, true],
    ]),
    'not a byte string',
  ],
  [
    'with a short coordinate',
    new Map<CborValue, CborValue>([
      [1, 2],
      [-1, 1],
      [-2, x],
      [-3, x.subarray(1)],
    ]),
    'a part -3 that is missing or has a wrong length',
  ],
  [
    'that is not on its curve',
    new Map<CborValue, CborValue>([
      [1, 2],
      [-1, 1],
      [-2, x],
      [-3, x],
    ]),
    'is not a valid public key',
  ],
])('a key %s is refused', (_, value, why) => {
  expect(() => read(value)).toThrow(why)
})

test('a set leaves out the keys that it cannot read, and is bounded', () => {
  const { publicKey } = generateKeyPairSync('ed25519')
  const named = new Map<CborValue, CborValue>([...coseKeyOf(publicKey), [2, Buffer.from('a')]])
  const set = readCoseKeySet(encodeCbor([new Map([[1, 99]]), named, 'x']), 'set')
  expect(set.map(({ kid }) => kid?.toString())).toEqual(['a'])
  expect(() => readCoseKeySet(encodeCbor(named), 'set')).toThrow('is not an array of at most 256 keys')
  expect(() => readCoseKeySet(encodeCbor(Array.from({ length: 257 }, () => 0)), 'set')).toThrow('at most 256 keys')
})

test('keys of different types are compared without harm to the next key', () => {
  const [one, other] = [generateKeyPairSync('ec', { namedCurve: 'P-256' }), generateKeyPairSync('ed25519')]
  const pem = other.privateKey.export({ format: 'pem', type: 'pkcs8' })
  expect([isSameKey(one.publicKey, other.publicKey), isSameKey(other.publicKey, other.publicKey)]).toEqual([
    false,
    true,
  ])
  expect(isSameKey(createPublicKey(createPrivateKey(pem)), other.publicKey)).toBe(true)
})
