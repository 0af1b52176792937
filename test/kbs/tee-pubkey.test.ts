import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { isObject, type JsonObject, type JsonValue } from '../../src/base/json.ts'
import { openResourceJwe } from '../../src/kbs/jwe.ts'
import { Failure } from '../../src/kbs-server/failure.ts'
import { sealFor, teePubkey } from '../../src/kbs-server/tee-pubkey.ts'

const pairs: [string, string, () => { privateKey: KeyObject; publicKey: KeyObject }][] = [
  ['P-256', 'ECDH-ES+A256KW', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['P-521', 'ECDH-ES+A256KW', () => generateKeyPairSync('ec', { namedCurve: 'P-521' })],
  ['RSA', 'RSA-OAEP-256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
]
const teeKey = (publicKey: KeyObject, alg: string): JsonObject => ({
  alg,
  ...(publicKey.export({ format: 'jwk' }) as JsonObject),
})

test.each(['constructor', '__proto__', 'oct'])('a key of kind %s is none', (kty) => {
  expect(teePubkey({ kty })).toBeNull()
})

/** As the guest's library writes a header again before it authenticates it: `alg`, `enc`, the rest sorted. */
function rendered(header: string): string {
  const sorted = (value: JsonValue): JsonValue =>
    isObject(value)
      ? Object.fromEntries(
          Object.entries(value)
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([k, v]) => [k, sorted(v)]),
        )
      : value
  const { alg, enc, ...others } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as JsonObject
  return Buffer.from(JSON.stringify({ alg, enc, ...(sorted(others) as JsonObject) })).toString('base64url')
}

test.each(pairs)(
  'a resource for %s (%s) opens, also for a guest that renders the header again',
  async (_, alg, pair) => {
    const { privateKey, publicKey } = pair()
    for (const size of [0, 1, 32, 5000]) {
      const value = Buffer.alloc(size, 7)
      const jwe = sealFor(teeKey(publicKey, alg), value)
      expect(await openResourceJwe(jwe, privateKey)).toEqual(value)
      const { protected: header } = JSON.parse(jwe) as { protected: string }
      expect(rendered(header)).toBe(header)
    }
  },
)

test('P-384, which no guest has, is refused as Trustee refuses it', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  expect(() => sealFor(teeKey(publicKey, 'ECDH-ES+A256KW'), Buffer.from('value'))).toThrow('JweError')
})

test('no two resources share key, nonce or ephemeral key', () => {
  const key = teeKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey, 'ECDH-ES+A256KW')
  const all = Array.from({ length: 20 }, () => JSON.parse(sealFor(key, Buffer.from('value'))) as Record<string, string>)
  for (const member of ['protected', 'encrypted_key', 'iv', 'ciphertext', 'tag'])
    expect(new Set(all.map((one) => one[member])).size).toBe(20)
})

test('a changed header, tag or key does not open', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwe = JSON.parse(sealFor(teeKey(publicKey, 'ECDH-ES+A256KW'), Buffer.from('value'))) as Record<string, string>
  const header = JSON.parse(Buffer.from(jwe['protected'] ?? '', 'base64url').toString('utf8')) as JsonObject
  const { alg, enc, epk } = header as { alg: string; enc: string; epk: JsonObject }
  const turned = Buffer.from(JSON.stringify({ enc, alg, epk })).toString('base64url')
  const other = Buffer.from(jwe['tag'] ?? '', 'base64url').map((byte, at) => (at === 0 ? byte ^ 1 : byte))
  for (const change of [{ protected: turned }, { tag: Buffer.from(other).toString('base64url') }])
    await expect(openResourceJwe(JSON.stringify({ ...jwe, ...change }), privateKey)).rejects.toBeDefined()
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  await expect(openResourceJwe(JSON.stringify(jwe), stranger)).rejects.toBeDefined()
})

test.each([
  ['another algorithm', { alg: 'RSA1_5' }],
  ['an algorithm of another kind of key', { alg: 'RSA-OAEP-256' }],
  ['a curve that JOSE does not use here', { crv: 'secp256k1' }],
  ['a point that is not on the curve', { x: 'AAAA', y: 'AAAA' }],
])('a key with %s gets no resource', (_, change) => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  expect(() => sealFor({ ...teeKey(publicKey, 'ECDH-ES+A256KW'), ...change }, Buffer.from('value'))).toThrow(Failure)
})
