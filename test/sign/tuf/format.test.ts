import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto'
import type { JsonObject, JsonValue } from '../../../src/base/json.ts'
import { publicTufRoot } from '../../../src/sign/public-root.ts'
import { canonicalJson, readSignedJson } from '../../../src/sign/tuf/canonical.ts'
import { readTufKey } from '../../../src/sign/tuf/keys.ts'
import { readMetadata } from '../../../src/sign/tuf/metadata.ts'
import { TrustedSet } from '../../../src/sign/tuf/trusted-set.ts'
import { signTuf, TufWriter } from '../../../testkit/sigstore/tuf.ts'
import { at } from './setup.ts'

const text = (value: JsonValue): string => canonicalJson(value, 'it').toString()

test('canonical form: sorted by code point, only quote and backslash escaped', () => {
  expect(text({ b: [1, true, null], a: 'q"\\\n\u0001é' })).toBe('{"a":"q\\"\\\\\n\u0001é","b":[1,true,null]}')
  // In UTF-16 units the order of these two is the other way round.
  expect(text({ '\u{10000}': 1, '\uffff': 2 })).toBe('{"\uffff":2,"\u{10000}":1}')
  expect(() => text({ a: 1.5 })).toThrow('has no canonical form')
  expect(() => text({ a: 2 ** 53 })).toThrow('has no canonical form')
  expect(() => text({ a: '\ud800' })).toThrow('lone surrogate')
})

test.each([
  ['{"signed":1,"signed":2}', 'has the member "signed" twice'],
  ['[]', 'is not a JSON object'],
  ['{"a":', 'is not JSON'],
  ['\ufeff{}', 'is not JSON'],
  [`{"a":${'['.repeat(40)}${']'.repeat(40)}}`, 'nests deeper'],
])('%s is not read', (json, why) => {
  expect(() => readSignedJson(Buffer.from(json), 'it')).toThrow(why)
})

test("the root of Sigstore's public instance is signed by its own keys", async () => {
  const root = await publicTufRoot()
  const set = new TrustedSet(root, at)
  expect(set.rootVersion).toBeGreaterThanOrEqual(16)
  expect(set.consistent).toBe(true)
  const changed = Buffer.from(root.toString().replace('"consistent_snapshot": true', '"consistent_snapshot": false'))
  expect(changed.equals(root)).toBe(false)
  expect(() => new TrustedSet(changed, at)).toThrow('is signed by 0 of its own keys; 3 are required')
})

test('keys by scheme: each verifies its own signature, and a mislabelled one is refused', () => {
  const pem = (kind: 'P-256' | 'P-384' | 'rsa') => {
    const { publicKey, privateKey } =
      kind === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: kind })
    return { privateKey, text: publicKey.export({ format: 'pem', type: 'spki' }).toString() }
  }
  const bytes = Buffer.from('signed')
  const [p256, p384, rsa] = [pem('P-256'), pem('P-384'), pem('rsa')]
  const pss = { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
  const cases = [
    ['ecdsa', 'ecdsa-sha2-nistp256', p256.text, sign('sha256', bytes, p256.privateKey)],
    ['ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp384', p384.text, sign('sha384', bytes, p384.privateKey)],
    ['rsa', 'rsassa-pss-sha256', rsa.text, sign('sha256', bytes, pss)],
  ] as const
  for (const [keytype, scheme, key, signature] of cases) {
    const read = readTufKey({ keytype, scheme }, key, 'the key')
    expect(read?.verify(bytes, signature)).toBe(true)
    expect(read?.verify(Buffer.from('other'), signature)).toBe(false)
  }
  expect(() => readTufKey({ keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256' }, p384.text, 'the key')).toThrow(
    'is a key of the kind secp384r1',
  )
  expect(() => readTufKey({ keytype: 'rsa', scheme: 'rsassa-pss-sha256' }, 'x', 'the key')).toThrow(
    'is not a public key',
  )
  expect(() => readTufKey({ keytype: 'ed25519', scheme: 'ed25519' }, 'AB', 'the key')).toThrow('lower-case hex')
  expect(readTufKey({ keytype: 'sphincs', scheme: 'sphincs-shake-128s' }, 'x', 'the key')).toBeNull()
})

const keys = new TufWriter().keys.root
const signed = (change: JsonObject): Buffer =>
  signTuf(
    { _type: 'timestamp', spec_version: '1.0', version: 1, expires: '2030-01-01T00:00:00Z', meta: {}, ...change },
    keys,
  )

test.each([
  [{ version: 0 }, 'version of timestamp.json is not a whole number from 1'],
  [{ version: '1' }, 'version of timestamp.json is not a whole number'],
  [{ expires: '2030-01-01' }, 'has no expiry'],
  [{ expires: '2030-13-01T00:00:00Z' }, 'has no expiry'],
  [{ spec_version: '2.0.0' }, 'is not of version 1'],
  [{ _type: 'Timestamp' }, 'is not of the type'],
])('a timestamp with %j is refused', (change, why) => {
  expect(() => readMetadata('timestamp', signed(change))).toThrow(why)
})

test('signatures: two of one key id are refused, an empty one is one that is to come', () => {
  const document = JSON.parse(signed({}).toString()) as { signatures: { keyid: string; sig: string }[] }
  const [first] = document.signatures
  const of = (signatures: JsonValue[]): Buffer => Buffer.from(JSON.stringify({ ...document, signatures }))
  expect(() => readMetadata('timestamp', of([{ ...first }, { ...first }]))).toThrow('two signatures of the key id')
  expect(readMetadata('timestamp', of([{ ...first, sig: '' }])).signatures.size).toBe(1)
  expect(() => readMetadata('timestamp', of([{ ...first, sig: 'AB' }]))).toThrow('lower-case hex')
  expect(() => readMetadata('timestamp', of([1]))).toThrow('lower-case hex')
})

test('every cut and every flipped byte of a root is refused, never an internal error', () => {
  const root = new TufWriter().publishRoot()
  for (let cut = 0; cut < root.length; cut += 37)
    expect(() => new TrustedSet(root.subarray(0, cut), at)).toThrow(expect.objectContaining({ exitCode: 1 }))
  const digest = createHash('sha256').update(readMetadata('root', root).covered).digest('hex')
  for (let i = 0; i < root.length; i += 17) {
    const bytes = Buffer.from(root)
    bytes[i] = (bytes[i] ?? 0) ^ 1
    try {
      const set = new TrustedSet(bytes, at)
      // What changed then is not covered: a signature beyond the threshold has no place here, so only members outside of it.
      expect(
        createHash('sha256')
          .update(set.roots[0]?.covered ?? '')
          .digest('hex'),
      ).toBe(digest)
    } catch (error) {
      expect(error).toMatchObject({ exitCode: 1 })
    }
  }
})
