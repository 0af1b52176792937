import { parseCertificate } from '../../../src/encoding/x509/certificate.ts'
import { limits } from '../../../src/log/timestamp/limits.ts'
import { verifyTimestamp } from '../../../src/log/timestamp/verify.ts'
import { makeAuthority } from '../../../testkit/timestamp/authority.ts'
import { makeToken } from '../../../testkit/timestamp/token.ts'
import { makeCertificate, makeKey, type KeyPair } from '../../../testkit/tee/pki/pki.ts'

const bytes = Buffer.from('the raw bytes of a signature')
const name = 'Test TSA root'
const authority = makeAuthority()
const [top, between] = [makeKey('P-384'), makeKey('P-256')]
const ca = { pathLength: null }
const root = makeCertificate({ subject: 'Top', issuer: 'Top', key: top, by: top, ca })
const pinned = [{ name: 'top', chain: [parseCertificate(root, 'top', 'signer')] }]
/** Authorities of one name, as whoever makes a token can put into it. */
const decoys = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, serial) => issued(makeKey('P-256'), 'Top', top, serial + 10))
const issued = (key: KeyPair, issuer: string, by: KeyPair, serial = 3): Buffer =>
  makeCertificate({ subject: name, issuer, key, by, ca, serial })
const stamp = (...certificates: Buffer[]): Buffer =>
  makeToken(authority, bytes, { certificates: [authority.leaf, ...certificates] })

test('a path through certificates of the token is found among others of the same name', () => {
  const cross = issued(authority.rootKey, 'Top', top)
  expect(verifyTimestamp(stamp(...decoys(limits.certificates - 2), cross), bytes, pinned).authority).toBe('top')
})

test('the search for a path ends after a number of signatures, whatever names the token has', () => {
  const path = [issued(between, 'Top', top), issued(authority.rootKey, name, between)]
  expect(verifyTimestamp(stamp(...path), bytes, pinned).authority).toBe('top')
  expect(() => verifyTimestamp(stamp(...decoys(limits.certificates - 3), ...path), bytes, pinned)).toThrow(
    'its signer has no path',
  )
})

test('a stamp of other bytes is refused before a certificate in it is read', () => {
  const faulty = makeAuthority({ purposes: [] })
  const own = [{ name: 'faulty', chain: faulty.chain.slice(1) }]
  const token = makeToken(faulty, bytes)
  expect(() => verifyTimestamp(token, bytes, own)).toThrow('malformed extended key usage')
  expect(() => verifyTimestamp(token, Buffer.from('other'), own)).toThrow('is not accepted: it stamps other bytes')
})
