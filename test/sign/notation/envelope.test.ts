import { InputError, VerificationError } from '../../../src/base/errors.ts'
import { isObject } from '../../../src/base/json.ts'
import { CborTag, type CborValue } from '../../../src/encoding/cbor/types.ts'
import type { Descriptor } from '../../../src/oci/types.ts'
import { readNotation } from '../../../src/sign/notation/attach.ts'
import { attributes, notationPayloadType, schemes, type NotationFormat } from '../../../src/sign/notation/names.ts'
import { notationPayload, readNotationPayload } from '../../../src/sign/notation/payload.ts'
import { judgeNotation, type NotationTrust } from '../../../src/sign/notation/verify.ts'
import { writeNotation, type NewNotationSignature } from '../../../src/sign/notation/write.ts'
import { writeSign1 } from '../../../src/sign/cose/write.ts'
import { flip } from '../../../testkit/mutate.ts'
import { makeKey } from '../../../testkit/tee/pki/pki.ts'
import { certified, codeSigning, keyUsage, purposes, type CertifiedSigner } from './fixtures.ts'

const target: Descriptor = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'a'.repeat(64)}`,
  size: 42,
}
const formats: NotationFormat[] = ['cose', 'jws']
const signingTime = new Date('2026-01-02T03:04:05.678Z')
const now = new Date('2026-06-01T00:00:00Z')

const write = async (
  by: CertifiedSigner,
  format: NotationFormat,
  more: Partial<NewNotationSignature> = {},
): Promise<Buffer> => writeNotation({ target, chain: by.chain, signer: by.signer, signingTime, ...more }, format)

function failures(
  bytes: Buffer,
  format: NotationFormat,
  by: CertifiedSigner,
  change: Partial<NotationTrust> = {},
  about = target,
): string[] {
  const trust = { store: by.chain.slice(1), identities: '*' as const, stampedTime: null, now, ...change }
  return judgeNotation(readNotation(bytes, format, 'it'), about, trust)
    .filter(({ ok }) => !ok)
    .map(({ name, why }) => `${name}: ${why}`)
}

describe.each(formats)('%s', (format) => {
  test.each(['P-256', 'P-384', 'rsa'] as const)('what a key of %s signs is read and judged', async (kind) => {
    const by = certified(kind)
    const bytes = await write(by, format)
    const signature = readNotation(bytes, format, 'it')
    expect(signature).toMatchObject({ scheme: schemes.x509, expiry: null, timestamp: null })
    expect(signature.signingTime.toISOString()).toBe('2026-01-02T03:04:05.000Z')
    expect(signature.agent).toMatch(/^sealwright\//)
    expect(failures(bytes, format, by)).toEqual([])
  })

  test('each step gives its own reason', async () => {
    const by = certified()
    const bytes = await write(by, format, { expiry: new Date('2026-05-01T00:00:00Z') })
    expect(failures(bytes, format, by)).toEqual(['expiry: the signature expired at 2026-05-01T00:00:00.000Z'])
    expect(failures(bytes, format, by, { now: new Date('2026-04-01') })).toEqual([])
    const good = await write(by, format)
    expect(failures(good, format, by, { store: certified().chain })).toEqual([
      'authenticity: no certificate of its chain is in the trust store',
    ])
    expect(failures(good, format, by, { identities: [{ CN: 'Other' }] })).toEqual([
      expect.stringMatching(/^identity: the signer is C=US, ST=WA, O=Sealwright tests, CN=Signer/),
    ])
    expect(failures(good, format, by, { now: new Date('2041-01-01') })).toEqual([
      expect.stringMatching(/^authentic-timestamp: certificate 0 of it is valid from/),
    ])
    const other = { ...target, digest: `sha256:${'b'.repeat(64)}` as const }
    expect(failures(good, format, by, {}, other)).toEqual([
      expect.stringMatching(/^subject: it signs sha256:a+ .*, not sha256:b+$/),
    ])
    for (const change of [{ size: 43 }, { mediaType: 'application/vnd.oci.image.index.v1+json' }])
      expect(failures(good, format, by, {}, { ...target, ...change })).toEqual([expect.stringMatching(/^subject: /)])
  })

  test('a leaf in the trust store counts, and a self-signed one is a chain of its own', async () => {
    const by = certified()
    expect(failures(await write(by, format), format, by, { store: by.chain.slice(0, 1) })).toEqual([])
    const key = makeKey('P-256')
    const alone = certified('P-256', { key, by: key, subject: 'Alone', issuer: 'Alone' })
    const single = { ...alone, chain: alone.chain.slice(0, 1) }
    const bytes = await write(single, format)
    expect(failures(bytes, format, alone, { store: single.chain })).toEqual([])
    expect(failures(bytes, format, alone)).toEqual(['authenticity: no certificate of its chain is in the trust store'])
  })

  test('no changed bit makes another good signature', async () => {
    const by = certified()
    const bytes = await write(by, format)
    // Every eleventh bit: all bytes are reached in eleven steps of the offset, here one of them.
    for (let bit = 0; bit < bytes.length * 8; bit += 11) {
      let left: string[]
      try {
        left = failures(flip(bytes, bit), format, by)
      } catch (error) {
        if (!(error instanceof VerificationError)) throw error
        continue
      }
      // The name of the program and of the unprotected attribute are not signed.
      if (left.length === 0)
        expect(readNotation(flip(bytes, bit), format, 'it').agent).not.toBe(readNotation(bytes, format, 'it').agent)
    }
  })
})

test.each<[string, Parameters<typeof certified>[1], Parameters<typeof certified>[2], string]>([
  ['has no key usage', { usage: null }, {}, 'has no critical key usage'],
  [
    'has a key usage that is not critical',
    { usage: null, extensions: [keyUsage(false, 0x80)] },
    {},
    'has no critical key usage',
  ],
  ['may not sign', { usage: null, extensions: [keyUsage(true, 0x40)] }, {}, 'may not sign'],
  [
    'may encipher keys as well',
    { usage: null, extensions: [keyUsage(true, 0xa0)] },
    {},
    'the key usage keyEncipherment as well',
  ],
  ['is an authority', { ca: { pathLength: 0 }, usage: 0x84 }, {}, 'is an authority'],
  [
    'is a server',
    { extensions: [purposes(codeSigning, '1.3.6.1.5.5.7.3.1')] },
    {},
    'has the purpose 1.3.6.1.5.5.7.3.1',
  ],
  ['stamps times', { extensions: [purposes('1.3.6.1.5.5.7.3.8')] }, {}, 'has the purpose 1.3.6.1.5.5.7.3.8'],
  ['is for anything', { extensions: [purposes('2.5.29.37.0')] }, {}, 'has the purpose 2.5.29.37.0'],
  [
    'stands below one that is no authority',
    {},
    { ca: undefined as never, usage: 0x80 },
    'is not marked as an authority',
  ],
  ['stands below one that may not issue', {}, { usage: 0x02 }, 'has no critical key usage for certificates'],
  ['has no root', {}, { issuer: 'Other' }, 'does not reach its root'],
])('a leaf is not used that %s', async (_, leaf, root, why) => {
  const by = certified('P-256', leaf, root)
  await expect(write(by, 'cose')).rejects.toThrow(
    expect.objectContaining({ code: 'file-invalid', message: expect.stringContaining(why) }) as Error,
  )
})

test('a chain of another key, or of a kind that Notary Project lacks, is not used', async () => {
  const by = certified()
  await expect(write({ ...by, signer: certified().signer }, 'jws')).rejects.toThrow(
    'the first certificate belongs to another key',
  )
  await expect(write({ ...by, signer: certified('P-384').signer }, 'jws')).rejects.toThrow(InputError)
  await expect(write({ ...by, chain: [] }, 'jws')).rejects.toThrow('it carries no certificate')
})

type Headers = [CborValue, CborValue][]
const base = (change: Record<string, CborValue | null> = {}): Headers => {
  const time = new CborTag(1, 1_767_323_045)
  const all: Record<string, CborValue | null> = {
    [attributes.scheme]: schemes.x509,
    [attributes.signingTime]: time,
    ...change,
  }
  return Object.entries(all).filter((entry): entry is [string, CborValue] => entry[1] !== null)
}

test.each<[string, Headers, string]>([
  [
    'another content type',
    [[3, 'text/plain'], [2, [attributes.scheme]], ...base()],
    `does not sign ${notationPayloadType}`,
  ],
  ['a scheme that is not critical', base(), `does not list ${attributes.scheme} as critical`],
  [
    'an unknown scheme',
    [[2, [attributes.scheme]], ...base({ [attributes.scheme]: 'other' })],
    'has the signing scheme other',
  ],
  ['no scheme', base({ [attributes.scheme]: null }), 'has the signing scheme null'],
  [
    'no time',
    [[2, [attributes.scheme]], ...base({ [attributes.signingTime]: null })],
    'does not have the one time of the scheme',
  ],
  [
    'a time without tag',
    [[2, [attributes.scheme]], ...base({ [attributes.signingTime]: 1 })],
    'not an integer under tag 1',
  ],
  [
    'a time under tag 0',
    [[2, [attributes.scheme]], ...base({ [attributes.signingTime]: new CborTag(0, '2026') })],
    'not an integer under tag 1',
  ],
  [
    'an expiry that is not critical',
    [[2, [attributes.scheme]], ...base({ [attributes.expiry]: new CborTag(1, 1) })],
    `does not list ${attributes.expiry} as critical`,
  ],
  [
    'the time of a signing authority',
    [[2, [attributes.scheme]], ...base({ [attributes.authenticSigningTime]: new CborTag(1, 1) })],
    'does not have the one time',
  ],
  [
    'a signing authority without its time',
    [[2, [attributes.scheme]], ...base({ [attributes.scheme]: schemes.signingAuthority })],
    `does not list ${attributes.authenticSigningTime} as critical`,
  ],
  [
    'a plugin',
    [[2, [attributes.scheme, 'plugin']], ...base({ plugin: 'x' })],
    'has the critical attribute plugin, which is not supported',
  ],
  [
    'a critical label that is a number',
    [[2, [attributes.scheme, 3]], ...base()],
    'a critical attribute that is not supported',
  ],
  [
    'a critical attribute that it lacks',
    [[2, [attributes.scheme, attributes.expiry]], ...base()],
    `lists ${attributes.expiry} as critical, but lacks it`,
  ],
  [
    'a critical attribute twice',
    [[2, [attributes.scheme, attributes.scheme]], ...base()],
    'lists a critical attribute twice',
  ],
])('a COSE envelope with %s is refused', async (_, headers, why) => {
  const by = certified()
  const all = new Map<CborValue, CborValue>([[3, notationPayloadType], ...headers])
  const unprotected = new Map<CborValue, CborValue>([[33, by.chain.map(({ bytes }) => bytes)]])
  const bytes = await writeSign1({ protected: all, unprotected, payload: notationPayload(target) }, by.signer)
  expect(() => readNotation(bytes, 'cose', 'it')).toThrow(
    expect.objectContaining({ code: 'format-invalid', message: expect.stringContaining(why) }) as Error,
  )
})

/** A JWS envelope with other members. */
async function jws(change: { signed?: object; outer?: object; header?: object }): Promise<Buffer> {
  const outer: unknown = JSON.parse((await write(certified(), 'jws')).toString())
  if (!isObject(outer) || !isObject(outer['header'])) throw new Error('not written')
  const signed: unknown = JSON.parse(Buffer.from(String(outer['protected']), 'base64url').toString())
  const text = JSON.stringify({ ...(signed as object), ...change.signed })
  return Buffer.from(
    JSON.stringify({
      ...outer,
      protected: Buffer.from(text).toString('base64url'),
      header: { ...outer['header'], ...change.header },
      ...change.outer,
    }),
  )
}

test.each<[string, Parameters<typeof jws>[0], string]>([
  ['no algorithm', { signed: { alg: 'none' } }, 'uses the algorithm none'],
  ['an algorithm of COSE only', { signed: { alg: 'EdDSA' } }, 'uses the algorithm EdDSA'],
  ['a MAC', { signed: { alg: 'HS256' } }, 'uses the algorithm HS256'],
  ['another content type', { signed: { cty: 'JWT' } }, 'does not sign'],
  [
    'a critical attribute of JWS',
    { signed: { crit: [attributes.scheme, 'b64'], b64: false } },
    'has the critical attribute b64',
  ],
  ['a malformed list', { signed: { crit: attributes.scheme } }, 'malformed list of critical attributes'],
  [
    'a critical attribute that it lacks',
    { signed: { crit: [attributes.scheme, 'toString'] } },
    'lists toString as critical, but lacks it',
  ],
  [
    'a time in another form',
    { signed: { [attributes.signingTime]: '2026-01-02 03:04:05' } },
    'a time that is not RFC 3339',
  ],
  ['no certificates', { header: { x5c: [] } }, 'does not carry 1 to 10 certificates'],
  ['a certificate in base64url', { header: { x5c: ['_-__'] } }, 'is not base64'],
  ['no unprotected header', { outer: { header: 1 } }, 'has no unprotected header'],
  ['no signature', { outer: { signature: null } }, 'has no text "signature"'],
  ['padding', { outer: { payload: 'e30=' } }, 'is not base64url'],
])('a JWS envelope with %s is refused', async (_, change, why) => {
  const bytes = await jws(change)
  expect(() => readNotation(bytes, 'jws', 'it')).toThrow(why)
})

test('a JWS envelope with a member twice is refused', async () => {
  const text = (await write(certified(), 'jws')).toString()
  expect(() => readNotation(Buffer.from(text.replace('{', '{"payload":"e30",')), 'jws', 'it')).toThrow(
    'has the member payload twice',
  )
  expect(() => readNotation(Buffer.from('['.repeat(20)), 'jws', 'it')).toThrow('nests more than 8 levels')
  expect(() => readNotation(Buffer.from('[]'), 'jws', 'it')).toThrow('is not a JSON object')
  expect(() => readNotation(Buffer.alloc((4 << 20) + 1), 'jws', 'it')).toThrow('has more than 4194304 bytes')
})

test.each([
  ['{"targetArtifact":{"mediaType":"a","digest":"b"}}', 'names no descriptor'],
  ['{"TargetArtifact":{}}', 'names no targetArtifact'],
  [
    '{"targetArtifact":{"mediaType":"a","digest":"b","size":1,"Digest":"c"}}',
    'has the member Digest, which Go reads as another',
  ],
  ['{"targetArtifact":{"mediaType":"a","digest":"b","digest":"c","size":1}}', 'has the member digest twice'],
  ['{"targetArtifact":{"mediaType":"a","digest":"b","size":1,"annotations":{"a":1}}}', 'malformed annotations'],
  ['[]', 'names no targetArtifact'],
  ['x', 'is not valid JSON'],
])('the payload %s is refused', (text, why) => {
  expect(() => readNotationPayload(Buffer.from(text), 'it')).toThrow(why)
})
