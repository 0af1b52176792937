import { VerificationError } from '../../../src/base/errors.ts'
import { der, integer, octets, oid, sequence } from '../../../src/encoding/der-write.ts'
import type { TimestampAuthority } from '../../../src/log/timestamp/authority.ts'
import { verifyTimestamp } from '../../../src/log/timestamp/verify.ts'
import { flip } from '../../../testkit/mutate.ts'
import { makeAuthority, timeStamping, type AuthorityOptions } from '../../../testkit/timestamp/authority.ts'
import { makeRefusal, makeResponse, makeToken, type StampOptions } from '../../../testkit/timestamp/token.ts'

const bytes = Buffer.from('the raw bytes of a signature')
const at = new Date('2026-11-01T12:00:00.250Z')
const authority = makeAuthority()
const other = makeAuthority({ name: 'Other TSA' })
const rootOnly: TimestampAuthority = { name: 'test', chain: authority.chain.slice(1) }

function refused(
  response: Buffer,
  authorities: readonly TimestampAuthority[] = [rootOnly],
  stamped: Buffer = bytes,
): string {
  try {
    verifyTimestamp(response, stamped, authorities)
  } catch (error) {
    if (error instanceof VerificationError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'accepted'
}

const critical = (id: string): Buffer => sequence(oid(id), der(0x01, Buffer.from([0xff])), octets(Buffer.from('x')))

describe('a token is refused with', () => {
  test.each<[string, StampOptions, string]>([
    ['a SHA-1 imprint', { imprint: 'sha1' }, 'uses the hash 1.3.14.3.2.26'],
    ['a digest that is shorter than its hash', { digest: Buffer.alloc(20) }, 'sha256 digest of 20 bytes'],
    ['two signers', { signers: 2 }, 'has 2 signers'],
    ['no signer', { signers: 0 }, 'has 0 signers'],
    ['unsigned attributes', { unsignedAttribute: true }, 'has unsigned attributes'],
    ['another signed content type', { contentType: '1.2.840.113549.1.7.1' }, 'content type is not TSTInfo'],
    ['another signed digest', { messageDigest: Buffer.alloc(32) }, 'not that of the content'],
    ['an ESSCertID of another certificate', { named: [other.leaf] }, 'neither in the token nor pinned'],
    ['an ESSCertID of its root first', { named: [authority.root] }, 'neither in the token nor pinned'],
    ['more than 16 ESSCertIDs', { named: Array<Buffer>(17).fill(authority.leaf) }, 'names 17 certificates'],
    ['no ESSCertID', { named: null }, 'does not name the certificate of its signer'],
    ['a signature by another key', { signingKey: other.key.privateKey }, 'signature does not verify'],
    ['another hash in the algorithm', { algorithm: sequence(oid('1.2.840.10045.4.3.3')) }, 'sha256 digest'],
    ['an RSA signature of an EC key', { algorithm: sequence(oid('1.2.840.113549.1.1.11'), der(5)) }, 'does not verify'],
    ['another name of its authority', { authorityName: other.chain[0]!.subject }, 'calls its authority otherwise'],
    ['CMS version 1', { version: 1 }, 'version 1, not 3'],
    ['attributes out of order', { unordered: true }, 'order of DER'],
    ['a critical extension', { extensions: critical('1.2.3.4') }, 'critical extension 1.2.3.4'],
    ['a local time', { timeText: '20261101120000' }, 'malformed time'],
    ['a fraction that ends with zero', { timeText: '20261101120000.50Z' }, 'malformed time'],
    ['the 31st of February', { timeText: '20260231120000Z' }, 'no such time'],
    ['an accuracy above an hour', { accuracy: integer(3601) }, 'accuracy of 3601000 ms'],
    ['1000 milliseconds', { accuracy: der(0x80, Buffer.from([3, 0xe8])) }, 'above 999'],
    ['an accuracy of 0 microseconds', { accuracy: der(0x81, Buffer.from([0])) }, 'accuracy of 0'],
    ['17 certificates', { certificates: Array<Buffer>(17).fill(other.leaf) }, 'holds 17 certificates'],
  ])('%s', (_title, options, why) => {
    expect(refused(makeToken(authority, bytes, options))).toContain(why)
  })

  test('an attribute that is there twice', () => {
    const again = sequence(oid('1.2.840.113549.1.9.3'), der(0x31, oid('1.2.840.113549.1.9.16.1.4')))
    expect(refused(makeToken(authority, bytes, { attributes: [again] }))).toContain('without exactly one value')
  })

  test('two signing-certificate attributes that disagree', () => {
    const v1 = sequence(
      oid('1.2.840.113549.1.9.16.2.12'),
      der(0x31, sequence(sequence(sequence(octets(Buffer.alloc(20)))))),
    )
    expect(refused(makeToken(authority, bytes, { attributes: [v1] }))).toMatch(/timestamp-invalid: .*signer is neither/)
  })
})

describe('a signer is refused', () => {
  test.each<[string, AuthorityOptions, string]>([
    ['that had expired', { to: new Date('2026-10-31T00:00:00Z') }, 'judged at 2026-11-01T12:00:00.250Z'],
    [
      'that was not yet valid',
      { from: new Date('2026-11-02T00:00:00Z') },
      'not valid before 2026-11-02T00:00:00.000Z; judged at 2026-11-01T12:00:00.250Z',
    ],
    ['whose purpose is not critical', { critical: false }, 'is not critical'],
    ['without a purpose', { purposes: null }, 'has no extended key usage'],
    ['with more purposes', { purposes: [timeStamping, '1.3.6.1.5.5.7.3.3'] }, 'not for time stamps alone'],
    ['for code', { purposes: ['1.3.6.1.5.5.7.3.3'] }, 'not for time stamps alone'],
    ['for any purpose', { purposes: ['2.5.29.37.0'] }, 'not for time stamps alone'],
    ['whose key may not sign', { usage: 0x20 }, 'may not sign'],
    ["on a curve that is not NIST's", { kind: 'K-256' }, 'a key on the curve secp256k1'],
    ['with a short RSA key', { kind: 'rsa-1024' }, 'RSA key of 1024 bits'],
    ['below a root for code', { rootPurposes: ['1.3.6.1.5.5.7.3.3'] }, 'vouches for'],
  ])('%s', (_title, options, why) => {
    const faulty = makeAuthority(options)
    const found = refused(makeToken(faulty, bytes), [{ name: 'faulty', chain: faulty.chain.slice(1) }])
    expect(found).toMatch(/^timestamp-invalid: /)
    expect(found).toContain(why)
  })

  test('when it is below the same root, but another signer is pinned', () => {
    const pinned = [{ name: 'pinned', chain: other.chain }]
    const sibling = { ...authority, rootKey: other.rootKey }
    expect(refused(makeToken(sibling, bytes), pinned)).toContain('no path to the pinned certificates')
  })
})

describe('a time stamp does not count', () => {
  const token = makeToken(authority, bytes)

  test.each<[string, readonly TimestampAuthority[], string]>([
    ['without a pinned authority', [], 'No time stamp authority is pinned'],
    ['by another authority', [{ name: 'other', chain: other.chain }], 'other: its signer has no path'],
    ['before its window', [{ ...rootOnly, window: { notBefore: new Date(at.getTime() + 1) } }], 'it counts from'],
    ['after its window', [{ ...rootOnly, window: { notAfter: new Date(at.getTime() - 1) } }], 'it counts to'],
    ['under another policy', [{ ...rootOnly, policies: ['1.2.3'] }], 'accepted: 1.2.3'],
    ['with an empty chain', [{ name: 'empty', chain: [] }], 'no path to the pinned certificates'],
    ['with a signer alone', [{ name: 'leaf', chain: authority.chain.slice(0, 1) }], '1 certificates'],
  ])('%s', (_title, authorities, why) => {
    expect(refused(token, authorities)).toContain(why)
  })

  test('for other bytes', () => {
    expect(refused(token, [rootOnly], Buffer.from('other'))).toContain('it stamps other bytes')
  })

  test('that tells the reason of the authority that made it, not of those that did not', () => {
    const late = { ...rootOnly, window: { notBefore: new Date(at.getTime() + 1) } }
    const others = { name: 'other', chain: other.chain }
    expect(refused(token, [others, late, others])).toContain('test: it counts from')
  })

  test('when the authority answered no, and its words are one line of text', () => {
    const found = refused(makeRefusal(2, 'no\n::warning::now', 15))
    expect(found).toContain('was not granted: rejection, the policy is not supported, no\\u000a::warning::now')
  })

  test('when it was granted and failed', () => {
    const failed = sequence(sequence(integer(0), der(0x03, Buffer.from([0, 0x80]))), token)
    expect(refused(failed)).toContain('was not granted')
  })

  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['more than 64 KiB', Buffer.alloc(65_537, 0x30)],
    ['a granted response without a token', sequence(sequence(integer(0)))],
    ['a response with something behind it', Buffer.concat([makeResponse(token), Buffer.from([0])])],
    ['CMS data', sequence(oid('1.2.840.113549.1.7.1'), der(0xa0, octets(Buffer.from('x'))))],
  ])('when it is %s', (_title, response) => {
    expect(refused(response)).toMatch(/^(?:format|timestamp)-invalid: /)
  })
})

describe('changed bytes', () => {
  const response = makeResponse(makeToken(authority, bytes))

  test('of a response: each bit of each 16th byte is refused, and so is each cut', () => {
    for (let byte = 0; byte < response.length; byte += 16) {
      for (let bit = 0; bit < 8; bit++) expect(refused(flip(response, byte * 8 + bit))).toMatch(/-invalid: /)
      expect(refused(response.subarray(0, byte))).toMatch(/^format-invalid: /)
    }
  })

  test('of the stamped bytes are refused', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++)
      expect(refused(response, [rootOnly], flip(bytes, bit))).toContain('it stamps other bytes')
  })
})
