import { readFileSync } from 'node:fs'
import { parseTrustedRoot } from '../../src/sign/trusted-root.ts'
import { makeSigstore, trustedRootOf } from '../../testkit/sigstore/instance.ts'
import { vector, withPeers } from '../../testkit/peers.ts'

const sigstore = makeSigstore()
const text = trustedRootOf(sigstore)

interface Log {
  baseUrl: string
  hashAlgorithm: string
  publicKey: { rawBytes: string; keyDetails: string; validFor?: { start?: string; end?: string } }
  logId: { keyId: string }
}
interface Authority {
  certChain: { certificates: { rawBytes: string }[] }
  validFor?: { start?: string }
}
interface Root {
  mediaType: string
  tlogs: Log[]
  ctlogs: Log[]
  certificateAuthorities: Authority[]
  timestampAuthorities: Authority[]
}

function changed(change: (root: Root) => void): () => unknown {
  const root = JSON.parse(text) as Root
  change(root)
  return () => parseTrustedRoot(Buffer.from(JSON.stringify(root)))
}
const first = <T>(items: readonly T[]): T => items[0] as T

test('a trusted root is read with its logs, authorities and windows', () => {
  const root = parseTrustedRoot(Buffer.from(text))
  expect(root.tlogs.map(({ host }) => host)).toEqual(['rekor.sigstore.test', 'log2026.sigstore.test'])
  expect(root.tlogs.map(({ id }) => id.length)).toEqual([32, 32])
  expect(root.certificateAuthorities[0]?.chain).toHaveLength(2)
  expect(root.timestampAuthorities).toHaveLength(1)
  expect(root.ctlogs[0]?.window.notBefore?.toISOString()).toBe('2020-01-01T00:00:00.000Z')
})

test('both versions and both spellings of the media type are read, no others', () => {
  for (const form of ['trustedroot+json;version=0.1', 'trustedroot+json;version=0.2', 'trustedroot.v0.2+json'])
    expect(changed((root) => (root.mediaType = `application/vnd.dev.sigstore.${form}`))).not.toThrow()
  for (const form of ['trustedroot+json;version=0.3', 'bundle.v0.3+json', 'trustedroot'])
    expect(changed((root) => (root.mediaType = `application/vnd.dev.sigstore.${form}`))).toThrow(/media type/)
})

test('the beginning of every validity is required', () => {
  expect(changed((root) => delete first(root.tlogs).publicKey.validFor?.start)).toThrow(/tlogs\[0\].* has no start/)
  expect(changed((root) => delete first(root.ctlogs).publicKey.validFor)).toThrow(/validFor of publicKey of ctlogs/)
  expect(changed((root) => delete first(root.certificateAuthorities).validFor?.start)).toThrow(/has no start/)
  expect(changed((root) => delete first(root.timestampAuthorities).validFor?.start)).toThrow(/has no start/)
  const backwards = { start: '2026-01-01T00:00:00Z', end: '2025-01-01T00:00:00Z' }
  expect(changed((root) => (first(root.tlogs).publicKey.validFor = backwards))).toThrow(/ends before it starts/)
  expect(changed((root) => (first(root.tlogs).publicKey.validFor = { start: '2026-02-31T00:00:00Z' }))).toThrow(
    /not a time/,
  )
})

test('a log id that is short, or of another key, is refused', () => {
  const id = first((JSON.parse(text) as Root).tlogs).logId.keyId
  const short = Buffer.from(id, 'base64').subarray(0, 4).toString('base64')
  expect(changed((root) => (first(root.tlogs).logId.keyId = short))).toThrow(/logId that is not the id of its key/)
  expect(changed((root) => (first(root.tlogs).logId.keyId = first(root.ctlogs).logId.keyId))).toThrow(/logId/)
})

test('the id of a tiled log binds its name', () => {
  expect(changed((root) => ((root.tlogs[1] as Log).baseUrl = 'https://log2027.sigstore.test'))).toThrow(/logId/)
})

test('nothing is there twice', () => {
  expect(changed((root) => root.tlogs.push(first(root.tlogs)))).toThrow(/two tlogs with one logId/)
  expect(() => parseTrustedRoot(Buffer.from(text.replace('"tlogs"', '"mediaType":"x","tlogs"')))).toThrow(/twice/)
  expect(() => parseTrustedRoot(Buffer.from(text.replace('"ctlogs"', '"Tlogs":[],"ctlogs"')))).toThrow(
    /another spelling/,
  )
})

test('keys and hashes of unknown or other kinds are refused', () => {
  expect(changed((root) => (first(root.tlogs).publicKey.keyDetails = 'ML_DSA_65'))).toThrow(/not supported/)
  expect(changed((root) => (first(root.tlogs).publicKey.keyDetails = 'PKIX_ED25519'))).toThrow(/not a key of the kind/)
  expect(changed((root) => (first(root.tlogs).publicKey.keyDetails = 'PKIX_ECDSA_P384_SHA_384'))).toThrow(/not a key/)
  expect(changed((root) => (first(root.tlogs).hashAlgorithm = 'SHA2_512'))).toThrow(/SHA2_256/)
  expect(changed((root) => (first(root.tlogs).publicKey.rawBytes = 'AAAA'))).toThrow(/not a public key/)
})

test('an authority needs a certificate, a log an address', () => {
  expect(changed((root) => (first(root.certificateAuthorities).certChain.certificates = []))).toThrow(/no certificate/)
  expect(changed((root) => (first(root.tlogs).baseUrl = 'rekor'))).toThrow(/not a URL/)
})

test('truncated at every byte, it is never read', () => {
  for (let end = 0; end < text.length; end += 7)
    expect(() => parseTrustedRoot(Buffer.from(text.slice(0, end)))).toThrow()
})

withPeers(['vectors:sigstore'], 'the roots of the public instance and of others are read', async () => {
  const files = [
    'roots/pgi-trusted_root-from-@sigstore-tuf-seed.json',
    'cosign/trusted_root_pgi.json',
    'sigstore-go/trusted-root-public-good.json',
    'sigstore-go/testing-data/trusted-roots/scaffolding.json',
    'sigstore-go/testing-data/trusted-roots/public-key-validity.json',
    'embedded-log/trusted_root.json',
  ]
  const sizes = files.map((file) => {
    const root = parseTrustedRoot(readFileSync(vector(`sigstore/${file}`)))
    return [root.tlogs, root.certificateAuthorities, root.ctlogs, root.timestampAuthorities].map(({ length }) => length)
  })
  expect(sizes).toEqual([
    [2, 2, 2, 1],
    [1, 2, 2, 0],
    [1, 2, 2, 1],
    [1, 1, 1, 0],
    [0, 0, 0, 1],
    [1, 0, 0, 0],
  ])
})
