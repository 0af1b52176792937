import { reasonCodes } from '../../../src/base/errors.ts'
import { integer, der } from '../../../src/encoding/der-write.ts'
import type { TimestampAuthority } from '../../../src/log/timestamp/authority.ts'
import { readAuthorityChain } from '../../../src/log/timestamp/authority.ts'
import { verifyTimestamp } from '../../../src/log/timestamp/verify.ts'
import { makeAuthority, type SignerKind } from '../../../testkit/timestamp/authority.ts'
import { makeResponse, makeToken, testPolicy } from '../../../testkit/timestamp/token.ts'

const bytes = Buffer.from('the raw bytes of a signature')
const at = new Date('2026-11-01T12:00:00.250Z')
const authority = makeAuthority()
const pinned: TimestampAuthority = { name: 'test', chain: authority.chain }
const rootOnly: TimestampAuthority = { name: 'test', chain: authority.chain.slice(1) }

describe('a time stamp', () => {
  test('gives time, accuracy, serial number, policy, authority and key', () => {
    const accuracy = Buffer.concat([integer(2), der(0x80, Buffer.from([5])), der(0x81, Buffer.from([1]))])
    expect(
      verifyTimestamp(makeResponse(makeToken(authority, bytes, { at, accuracy, serial: 255 })), bytes, [pinned]),
    ).toEqual({
      time: at,
      accuracyMs: 2006,
      authority: 'test',
      serial: 'ff',
      policy: testPolicy,
      key: authority.key.publicKey.export({ type: 'spki', format: 'der' }),
    })
  })

  test('is read as a bare token, and as a response that was granted with modifications', () => {
    const token = makeToken(authority, bytes)
    expect(verifyTimestamp(token, bytes, [rootOnly]).accuracyMs).toBe(0)
    expect(verifyTimestamp(makeResponse(token, 1), bytes, [rootOnly]).time).toEqual(at)
  })

  test('needs no certificate inside where the signer is pinned', () => {
    const token = makeToken(authority, bytes, { certificates: [] })
    expect(verifyTimestamp(token, bytes, [pinned]).time).toEqual(at)
    expect(() => verifyTimestamp(token, bytes, [rootOnly])).toThrow('neither in the token nor pinned')
  })

  test.each<[SignerKind, 'sha256' | 'sha384' | 'sha512']>([
    ['P-256', 'sha256'],
    ['P-256', 'sha512'],
    ['P-384', 'sha384'],
    ['P-521', 'sha512'],
    ['rsa', 'sha256'],
    ['rsa', 'sha384'],
    ['ed25519', 'sha512'],
  ])('by a key %s with %s verifies', (kind, hash) => {
    const signer = makeAuthority({ kind })
    const token = makeToken(signer, bytes, { hash, imprint: hash })
    expect(verifyTimestamp(token, bytes, [{ name: kind, chain: signer.chain }]).authority).toBe(kind)
  })

  test('counts for the authority that made it, wherever it stands in the list', () => {
    const others = [makeAuthority({ name: 'A' }), makeAuthority({ name: 'B' })].map(({ chain }, i) => ({
      name: `${i}`,
      chain,
    }))
    expect(verifyTimestamp(makeToken(authority, bytes), bytes, [...others, pinned]).authority).toBe('test')
  })

  test('may name its certificate by SHA-1 (RFC 2634), and its authority by the subject of that certificate', () => {
    const authorityName = authority.chain[0]!.subject
    const token = makeToken(authority, bytes, { oldNames: true, authorityName })
    expect(verifyTimestamp(token, bytes, [rootOnly]).time).toEqual(at)
  })

  test('at the ends of the window of its authority counts', () => {
    const token = makeToken(authority, bytes)
    for (const window of [{ notBefore: at }, { notAfter: at }, { notBefore: at, notAfter: at }])
      expect(verifyTimestamp(token, bytes, [{ ...pinned, window }]).time).toEqual(at)
  })
})

describe('the chain of an authority', () => {
  test('is read from PEM in the order of the file', () => {
    const chain = readAuthorityChain(authority.pem, 'tsa.pem')
    expect(chain.map(({ fingerprint }) => fingerprint)).toEqual(authority.chain.map(({ fingerprint }) => fingerprint))
    expect(verifyTimestamp(makeToken(authority, bytes), bytes, [{ name: 'file', chain }]).authority).toBe('file')
  })

  test.each([
    ['nothing', ''],
    ['a key', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'],
    ['six certificates', authority.pem.repeat(3)],
  ])('is refused when the file holds %s', (_what, pem) => {
    expect(() => readAuthorityChain(pem, 'tsa.pem')).toThrow('must hold 1 to 5 PEM certificates')
  })
})

test('the reason of a refused time stamp is a stable code', () => {
  expect(reasonCodes).toContain('timestamp-invalid')
})
