import { parseCertificate, type Certificate } from '../../../src/encoding/x509/certificate.ts'
import { checkChain } from '../../../src/encoding/x509/chain.ts'
import { checkCrl, checkRevocation, parseCrl } from '../../../src/encoding/x509/crl.ts'
import {
  makeCertificate,
  makeCrl,
  makeKey,
  type CertificateOptions,
  type CrlOptions,
} from '../../../testkit/tee/pki/pki.ts'

// Synthetic: all keys and certificates are made here.
const [rootKey, middleKey, leafKey, strangerKey] = [makeKey('rsa'), makeKey('P-256'), makeKey('P-384'), makeKey('rsa')]
const at = new Date('2026-06-01T00:00:00Z')
const rootOptions: CertificateOptions = {
  subject: 'root',
  issuer: 'root',
  key: rootKey,
  by: rootKey,
  ca: { pathLength: 1 },
}
const middleOptions: CertificateOptions = {
  subject: 'middle',
  issuer: 'root',
  key: middleKey,
  by: rootKey,
  serial: 77,
  ca: { pathLength: 0 },
}
const leafOptions: CertificateOptions = { subject: 'leaf', issuer: 'middle', key: leafKey, by: middleKey, serial: 0 }
const root = certificate(rootOptions)

function certificate(options: CertificateOptions): Certificate {
  return parseCertificate(makeCertificate(options), options.subject)
}

function failures(leaf: Partial<CertificateOptions>, middle: Partial<CertificateOptions> = {}, top = root): string[] {
  const chain = [certificate({ ...leafOptions, ...leaf }), certificate({ ...middleOptions, ...middle }), top]
  const checks = checkChain(chain, { roots: new Set([root.fingerprint]), at })
  return checks.filter(({ ok }) => !ok).map(({ name }) => name)
}

test('a good chain passes every step', () => {
  expect(failures({})).toEqual([])
})

const unknown = { oid: '1.2.3.4', critical: true, value: Buffer.from([5, 0]) }
test.each<[string, string[], Partial<CertificateOptions>, Partial<CertificateOptions>]>([
  ['a leaf signed by another key', ['chain-signatures'], { by: makeKey('P-256') }, {}],
  ['an authority signed by another key', ['chain-signatures'], {}, { by: strangerKey }],
  ['a leaf of another issuer', ['chain-names'], { issuer: 'other' }, {}],
  ['an authority of another issuer', ['chain-names'], {}, { issuer: 'other' }],
  ['an expired leaf', ['chain-validity'], { to: new Date('2026-05-31T23:59:59Z') }, {}],
  ['a leaf not yet valid', ['chain-validity'], { from: new Date('2026-06-01T00:00:01Z') }, {}],
  ['an expired authority', ['chain-validity'], {}, { to: new Date('2026-05-31T23:59:59Z') }],
  ['a leaf that is an authority', ['chain-leaf'], { ca: { pathLength: null } }, {}],
  ['an authority without the constraint', ['chain-authorities'], {}, { ca: undefined as never, usage: 0x06 }],
  ['an authority whose key may not sign certificates', ['chain-authorities'], {}, { usage: 0x02 }],
  ['an unknown critical extension of the leaf', ['chain-critical-extensions'], { extensions: [unknown] }, {}],
  ['an unknown critical extension above', ['chain-critical-extensions'], {}, { extensions: [unknown] }],
])('%s is refused', (_, expected, leaf, middle) => {
  expect(failures(leaf, middle)).toEqual(expected)
})

test('a root of the same name and another key is refused', () => {
  const other = certificate({ ...rootOptions, key: strangerKey, by: strangerKey })
  expect(failures({}, {}, other)).toEqual(['root-pinned', 'chain-signatures'])
  expect(failures({}, { by: strangerKey }, other)).toEqual(['root-pinned'])
})

test('a path longer than its authority allows is refused', () => {
  const extraKey = makeKey('P-256')
  const extra = certificate({ ...middleOptions, subject: 'extra', issuer: 'middle', key: extraKey, by: middleKey })
  const leaf = certificate({ ...leafOptions, issuer: 'extra', by: extraKey })
  const checks = checkChain([leaf, extra, certificate(middleOptions), root], {
    roots: new Set([root.fingerprint]),
    at,
  })
  expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['chain-path-length'])
})

test('a pinned certificate alone, or nothing, is no chain', () => {
  const rules = { roots: new Set([root.fingerprint]), at }
  expect(checkChain([root], rules).some(({ ok }) => !ok)).toBe(true)
  expect(checkChain([], rules).some(({ ok }) => !ok)).toBe(true)
})

test('RSA-PSS with another salt length is refused', () => {
  expect(() => certificate({ ...middleOptions, salt: 32 })).toThrow('RSA-PSS parameters')
})

test.each<[string, string[], Partial<CrlOptions>]>([
  ['a good list', [], {}],
  ['a list with other serial numbers', [], { revoked: [76, 78] }],
  ['a revoked certificate', ['crl-revoked'], { revoked: [5, 77] }],
  ['a list by another key', ['crl-signature'], { by: strangerKey }],
  ['a list of another issuer', ['crl-issuer', 'crl-revoked'], { issuer: 'other' }],
  ['a list of the past', ['crl-window'], { nextUpdate: new Date('2026-05-31T23:59:59Z') }],
  ['a list of the future', ['crl-window'], { thisUpdate: new Date('2026-06-01T00:00:01Z') }],
])('%s', (_, expected, options) => {
  const crl = parseCrl(makeCrl({ issuer: 'root', by: rootKey, ...options }), 'list')
  const checks = [...checkCrl(crl, root, at), checkRevocation(crl, certificate(middleOptions))]
  expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(expected)
})

test('an issuer that may not sign lists makes none', () => {
  const mute = certificate({ ...rootOptions, usage: 0x04 })
  const crl = parseCrl(makeCrl({ issuer: 'root', by: rootKey }), 'list')
  expect(checkCrl(crl, mute, at).filter(({ ok }) => !ok)).toHaveLength(1)
})

test('a list of ten thousand entries is read, and its last entry counts', () => {
  const revoked = Array.from({ length: 10_000 }, (_, i) => i + 1000)
  const crl = parseCrl(makeCrl({ issuer: 'root', by: rootKey, revoked }), 'list')
  expect(crl.revoked.size).toBe(10_000)
  const check = checkRevocation(crl, certificate({ ...middleOptions, serial: 10_999 }))
  expect(check).toMatchObject({ ok: false })
})

test.each<[string, string, Partial<CrlOptions>]>([
  ['a list without an end', 'malformed time', { nextUpdate: null }],
  [
    'a delta list',
    'critical extension 2.5.29.27',
    { extensions: [{ oid: '2.5.29.27', critical: true, value: Buffer.from([2, 1, 1]) }] },
  ],
  ['a serial number twice', 'twice', { revoked: [4, 4] }],
])('%s is refused', (_, why, options) => {
  expect(() => parseCrl(makeCrl({ issuer: 'root', by: rootKey, ...options }), 'list')).toThrow(
    expect.objectContaining({ code: 'format-invalid', message: expect.stringContaining(why) }),
  )
})

test('no certificate and no list is read when cut anywhere', () => {
  const bytes = makeCertificate(middleOptions)
  const crl = makeCrl({ issuer: 'root', by: rootKey, revoked: [1, 2] })
  const refusal = expect.objectContaining({ code: 'format-invalid' })
  for (let length = 0; length < bytes.length; length++)
    expect(() => parseCertificate(bytes.subarray(0, length), 'cut')).toThrow(refusal)
  for (let length = 0; length < crl.length; length++)
    expect(() => parseCrl(crl.subarray(0, length), 'cut')).toThrow(refusal)
})

test('no bit of a certificate or a list can be changed', () => {
  const rules = { roots: new Set([root.fingerprint]), at }
  const good = makeCertificate(middleOptions)
  const leaf = certificate(leafOptions)
  const list = makeCrl({ issuer: 'root', by: rootKey, revoked: [1, 2] })
  for (let bit = 0; bit < good.length * 8; bit += 7) {
    expect(accepts(() => checkChain([leaf, parseCertificate(flip(good, bit), 'flipped'), root], rules))).toBe(false)
  }
  for (let bit = 0; bit < list.length * 8; bit++) {
    expect(accepts(() => checkCrl(parseCrl(flip(list, bit), 'flipped'), root, at))).toBe(false)
  }
})

function flip(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}

/** Errors other than a refusal go through. */
function accepts(run: () => { ok: boolean }[]): boolean {
  try {
    return run().every(({ ok }) => ok)
  } catch (error) {
    expect(error).toMatchObject({ code: 'format-invalid' })
    return false
  }
}
