import { createHash, generateKeyPairSync } from 'node:crypto'
import { InputError, VerificationError } from '../../../src/base/errors.ts'
import { CborEncoded, CborTag, type CborValue } from '../../../src/encoding/cbor/types.ts'
import { encodeCbor } from '../../../src/encoding/cbor/write.ts'
import { readClaims } from '../../../src/sign/cose/claims.ts'
import { checkPreimage, hashEnvelope, readHashEnvelope } from '../../../src/sign/cose/hash-envelope.ts'
import { parseSign1, withUnprotected } from '../../../src/sign/cose/sign1.ts'
import { verifySign1, type VerifyOptions } from '../../../src/sign/cose/verify.ts'
import { coseSigner, writeSign1, type NewSign1 } from '../../../src/sign/cose/write.ts'
import { flip } from '../../../testkit/mutate.ts'

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signer = coseSigner(pair.privateKey, pair.publicKey)
const payload = Buffer.from('content')

type Headers = [CborValue, CborValue][]

/** A message that is signed well, whatever its headers say. */
async function signed(headers: Headers, unprotected: Headers = [], more: Partial<NewSign1> = {}): Promise<Buffer> {
  return writeSign1({ payload, protected: new Map(headers), unprotected: new Map(unprotected), ...more }, signer)
}

function check(bytes: Buffer, options: VerifyOptions = {}): Buffer {
  return verifySign1(parseSign1(bytes, 'it'), pair.publicKey, options)
}

const refusal = (code: string, why: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(why) })

test('what we write is read, in deterministic form', async () => {
  const bytes = await signed([[3, 'text/plain']], [[4, Buffer.from('11')]])
  expect(check(bytes)).toEqual(payload)
  expect(bytes.subarray(0, 2).toString('hex')).toBe('d284')
})

const parts = (
  protectedBytes: CborValue,
  unprotected: CborValue,
  content: CborValue,
  signature: CborValue,
): CborValue[] => [protectedBytes, unprotected, content, signature]
const good = parts(Buffer.from('a10126', 'hex'), new Map(), payload, Buffer.alloc(64))
const tagged = (value: CborValue, tag = 18): Buffer => encodeCbor(new CborTag(tag, value))
const raw = (hex: string): CborEncoded => new CborEncoded(Buffer.from(hex, 'hex'))

test.each<[string, Buffer, string]>([
  ['of another tag', tagged(good, 98), 'has the CBOR tag 98, not 18'],
  ['of a huge tag', encodeCbor(new CborTag(2n ** 63n, good)), 'has the CBOR tag 9223372036854775808, not 18'],
  ['with two tags', tagged(new CborTag(18, good)), 'is not an array of four members'],
  ['without a tag', encodeCbor(good), 'lacks the CBOR tag 18'],
  ['of three members', tagged(good.slice(0, 3)), 'is not an array of four members'],
  ['of five members', tagged([...good, null]), 'is not an array of four members'],
  ['followed by bytes', Buffer.concat([tagged(good), Buffer.from([0])]), 'bytes follow the item'],
  [
    'with a protected map',
    tagged(parts(new Map(), new Map(), payload, payload)),
    'protected header that is not a byte string',
  ],
  ['with a protected array', tagged(parts(Buffer.from('80', 'hex'), new Map(), payload, payload)), 'is not a map'],
  [
    'with two protected maps',
    tagged(parts(Buffer.from('a0a0', 'hex'), new Map(), payload, payload)),
    'bytes follow the item',
  ],
  [
    'with an undefined unprotected header',
    tagged(parts(Buffer.alloc(0), undefined, payload, payload)),
    'unprotected header that is not a map',
  ],
  [
    'with an undefined payload',
    tagged(parts(Buffer.alloc(0), new Map(), undefined, payload)),
    'payload that is not a byte string',
  ],
  [
    'with a text as payload',
    tagged(parts(Buffer.alloc(0), new Map(), 'content', payload)),
    'payload that is not a byte string',
  ],
  [
    'without signature',
    tagged(parts(Buffer.alloc(0), new Map(), payload, null)),
    'signature that is not a byte string',
  ],
  [
    'with a protected label twice',
    tagged(parts(Buffer.from('a201260126', 'hex'), new Map(), payload, payload)),
    'a map has a key twice',
  ],
  [
    'with an unprotected label twice',
    tagged(parts(Buffer.alloc(0), raw('a204400440'), payload, payload)),
    'a map has a key twice',
  ],
  [
    'with a label in both headers',
    tagged(parts(Buffer.from('a10126', 'hex'), new Map([[1, -7]]), payload, payload)),
    'has the label 1 in both headers',
  ],
  [
    'with a label that is a byte string',
    tagged(parts(Buffer.from('a14100f6', 'hex'), new Map(), payload, payload)),
    'key that is not an integer or a text',
  ],
  [
    'with a key id that is a text',
    tagged(parts(Buffer.alloc(0), new Map([[4, 'kid']]), payload, payload)),
    'has a key id that is not a byte string',
  ],
  [
    'with a protected key id that is a number',
    tagged(parts(encodeCbor(new Map([[4, 1]])), new Map(), payload, payload)),
    'has a key id that is not a byte string',
  ],
  [
    'with a negative content type',
    tagged(parts(encodeCbor(new Map([[3, -1]])), new Map(), payload, payload)),
    'has a content type that is not a text or a number',
  ],
  ['of indefinite length', Buffer.from('d29f43a10126a04000ff', 'hex'), 'a length is indefinite'],
  [
    'with an indefinite protected header',
    tagged(parts(Buffer.from('bf0126ff', 'hex'), new Map(), payload, payload)),
    'a length is indefinite',
  ],
  [
    'with an indefinite unprotected header',
    tagged(parts(Buffer.alloc(0), raw('bfff'), payload, payload)),
    'a length is indefinite',
  ],
  [
    'with a payload in chunks',
    tagged(parts(Buffer.alloc(0), new Map(), raw('5f4100ff'), payload)),
    'a length is indefinite',
  ],
])('a message %s is refused', (_, bytes, why) => {
  expect(() => parseSign1(bytes, 'it')).toThrow(refusal('format-invalid', why) as Error)
})

test.each<[string, Headers, Headers, VerifyOptions, string]>([
  ['lists a critical parameter that it lacks', [[2, ['x']]], [], { understood: ['x'] }, 'but does not protect it'],
  ['lists one that is only unprotected', [[2, ['x']]], [['x', 1]], { understood: ['x'] }, 'but does not protect it'],
  [
    'lists one that is not understood',
    [
      [2, ['x']],
      ['x', 1],
    ],
    [],
    { understood: ['y'] },
    'critical parameter x, which is not supported',
  ],
  [
    'lists the text 4 for the label 4',
    [
      [2, ['4']],
      ['4', 1],
    ],
    [],
    {},
    'critical parameter 4, which is not supported',
  ],
  ['has an empty list of them', [[2, []]], [], {}, 'empty list of critical parameters'],
  ['has a list that is not signed', [], [[2, ['x']]], {}, 'unprotected list of critical parameters'],
  ['has a list that is not an array', [[2, 'x']], [], {}, 'not an array'],
])('a message is refused that %s', async (_, headers, unprotected, options, why) => {
  const bytes = await signed(headers, unprotected)
  expect(() => check(bytes, options)).toThrow(refusal('format-invalid', why) as Error)
})

test('a critical parameter that is understood is accepted', async () => {
  expect(
    check(
      await signed([
        [2, ['x', 4]],
        ['x', 1],
        [4, payload],
      ]),
      { understood: ['x'] },
    ),
  ).toEqual(payload)
})

test('every bit of the protected header, payload and signature is signed', async () => {
  const bytes = await signed([[3, 'a']])
  const unprotectedAt = parseSign1(bytes, 'it').unprotectedItem.offset
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    if (bit >> 3 === unprotectedAt) continue
    expect(() => check(flip(bytes, bit))).toThrow(VerificationError)
  }
})

test('a truncated message is refused', async () => {
  const bytes = await signed([[3, 'a']])
  for (let end = 0; end < bytes.length; end++)
    expect(() => check(bytes.subarray(0, end))).toThrow(refusal('format-invalid', 'end') as Error)
})

test('the unprotected header can be replaced, the rest stays', async () => {
  const bytes = await signed([], [[4, Buffer.from('11')]])
  const bare = withUnprotected(parseSign1(bytes, 'it'), Buffer.from([0xa0]))
  expect(check(bare)).toEqual(payload)
  expect(bare.length).toBe(bytes.length - 4)
  expect(parseSign1(bare, 'it').unprotected.labels()).toEqual([])
})

test('an algorithm counts only where it is signed, and for its own kind of key', async () => {
  const message = parseSign1(await signed([]), 'it')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
  const ed = generateKeyPairSync('ed25519').publicKey
  const k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey
  for (const key of [rsa, ed, k1])
    expect(() => verifySign1(message, key)).toThrow(refusal('signature-invalid', 'ES256') as Error)
  const unsigned = parseSign1(tagged(parts(Buffer.alloc(0), new Map([[1, -7]]), payload, Buffer.alloc(64))), 'it')
  expect(() => verifySign1(unsigned, pair.publicKey)).toThrow('names no algorithm in its protected header')
  for (const [alg, name] of [
    [-65_535, '-65535'],
    ['ES256', 'ES256'],
    [null, 'of another type'],
  ] as const) {
    const other = parseSign1(tagged(parts(encodeCbor(new Map([[1, alg]])), new Map(), payload, Buffer.alloc(64))), 'it')
    expect(() => verifySign1(other, pair.publicKey)).toThrow(`uses the algorithm ${name}`)
  }
})

test('a small RSA key counts for nothing', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const message = parseSign1(
    tagged(parts(encodeCbor(new Map([[1, -37]])), new Map(), payload, Buffer.alloc(128))),
    'it',
  )
  expect(() => verifySign1(message, publicKey)).toThrow('its RSA key has 1024 bits only')
})

test('a detached payload must be given, and an attached one must not differ', async () => {
  const detached = await signed([], [], { detached: true })
  expect(check(detached, { payload })).toEqual(payload)
  expect(() => check(detached)).toThrow(InputError)
  expect(() => check(detached, { payload: Buffer.from('other') })).toThrow(
    refusal('signature-invalid', 'not signed') as Error,
  )
  const attached = await signed([])
  expect(check(attached, { payload })).toEqual(payload)
  expect(() => check(attached, { payload: Buffer.from('other') })).toThrow('contains another payload')
})

test('external data is signed too', async () => {
  const bytes = await signed([], [], { externalAad: Buffer.from('context') })
  expect(check(bytes, { externalAad: Buffer.from('context') })).toEqual(payload)
  expect(() => check(bytes)).toThrow(refusal('signature-invalid', 'not signed') as Error)
})

test('a hash envelope names hash and content type of its preimage', async () => {
  const { payload: digest, parameters } = hashEnvelope(createHash('sha256').update(payload).digest(), 'text/plain')
  const message = parseSign1(await signed(parameters, [], { payload: digest }), 'it')
  const found = verifySign1(message, pair.publicKey)
  const envelope = readHashEnvelope(message)
  if (envelope === null) throw new Error('not a hash envelope')
  expect(envelope).toMatchObject({ contentType: 'text/plain', location: null })
  expect(envelope.hash.name).toBe('sha256')
  checkPreimage(envelope, found, payload, 'it')
  expect(() => checkPreimage(envelope, found, Buffer.from('other'), 'it')).toThrow(
    refusal('digest-mismatch', 'sha256') as Error,
  )
})

test.each<[string, Headers, Headers, string]>([
  ['an unprotected hash', [], [[258, -16]], 'has the label 258 in its unprotected header'],
  ['an unprotected location', [[258, -16]], [[260, 'x']], 'has the label 260 in its unprotected header'],
  [
    'a content type of its own',
    [
      [258, -16],
      [3, 'x'],
    ],
    [],
    'with a content type of its own',
  ],
  ['an unprotected content type', [[258, -16]], [[3, 'x']], 'with a content type of its own'],
  ['a hash that nobody knows', [[258, -14]], [], 'the hash -14, which is not supported'],
  ['a payload of another length', [[258, -43]], [], 'whose payload has 32 bytes'],
  ['a preimage without hash', [[259, 'x']], [], 'has the label 259, but names no hash'],
])('a hash envelope with %s is refused', async (_, headers, unprotected, why) => {
  const message = parseSign1(await signed(headers, unprotected, { payload: Buffer.alloc(32) }), 'it')
  expect(() => readHashEnvelope(message)).toThrow(refusal('format-invalid', why) as Error)
})

test('claims are read with and without a tag on their times, and only from the protected header', async () => {
  const claims = new Map<CborValue, CborValue>([
    [1, 'https://issuer'],
    [2, 'thing'],
    [6, new CborTag(1, 1_700_000_000)],
    [4, 1_800_000_000],
    ['svn', 3],
  ])
  const read = readClaims(parseSign1(await signed([[15, claims]]), 'it'))
  expect(read).toMatchObject({ issuer: 'https://issuer', subject: 'thing', notBefore: null })
  expect(read?.issuedAt?.toISOString()).toBe('2023-11-14T22:13:20.000Z')
  expect(read?.expires?.toISOString()).toBe('2027-01-15T08:00:00.000Z')
  expect(read?.all.integer('svn')).toBe(3)
  expect(readClaims(parseSign1(await signed([]), 'it'))).toBeNull()
  const unsigned = parseSign1(await signed([], [[15, claims]]), 'it')
  expect(() => readClaims(unsigned)).toThrow('has CWT claims in its unprotected header')
  for (const bad of [new CborTag(2, 1), '2026', 1e300])
    expect(() => readClaimsOf(bad)).toThrow('has a time that is not a number of seconds')
})

function readClaimsOf(issuedAt: CborValue): unknown {
  const header = encodeCbor(new Map<CborValue, CborValue>([[15, new Map([[6, issuedAt]])]]))
  return readClaims(parseSign1(tagged(parts(header, new Map(), payload, payload)), 'it'))
}
