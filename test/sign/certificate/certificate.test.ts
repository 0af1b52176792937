import { readFileSync } from 'node:fs'
import { VerificationError } from '../../../src/base/errors.ts'
import { octets } from '../../../src/encoding/der-write.ts'
import { readDer } from '../../../src/encoding/der.ts'
import { parseCertificate } from '../../../src/encoding/x509/certificate.ts'
import { verifySignerPath } from '../../../src/sign/certificate/chain.ts'
import { readClaims } from '../../../src/sign/certificate/claims.ts'
import { readAlternativeName } from '../../../src/sign/certificate/names.ts'
import { timestampListOid, verifyCertificateTimestamps } from '../../../src/sign/certificate/sct.ts'
import { parseTrustedRoot } from '../../../src/sign/trusted-root.ts'
import { flip } from '../../../testkit/mutate.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { makeLeaf, makeSigstore, signedAt, trustedRootOf } from '../../../testkit/sigstore/instance.ts'

const sigstore = makeSigstore()
const root = parseTrustedRoot(Buffer.from(trustedRootOf(sigstore)))
const leaf = makeLeaf(sigstore, {
  claims: { 9: 'https://github.com/acme/app/.github/workflows/x.yml@refs/heads/main', 20: 'push' },
})

/** All that a verifier reads of a certificate. */
function readAll(der: Buffer): void {
  const certificate = parseCertificate(der, 'certificate', 'signer')
  const { issuer } = verifySignerPath(certificate, [], root.certificateAuthorities, signedAt)
  readAlternativeName(certificate)
  readClaims(certificate)
  verifyCertificateTimestamps(certificate, issuer, root.ctlogs)
}

test('a whole certificate is read; no bit of it can be changed, and no byte cut off', () => {
  expect(() => readAll(leaf.der)).not.toThrow()
  for (let bit = 0; bit < leaf.der.length * 8; bit += 13)
    expect(() => readAll(flip(leaf.der, bit))).toThrow(VerificationError)
  for (let end = 0; end < leaf.der.length; end += 5)
    expect(() => readAll(leaf.der.subarray(0, end))).toThrow(VerificationError)
})

test('a list of certificate timestamps is read to its last byte', () => {
  const certificate = parseCertificate(leaf.der, 'certificate', 'signer')
  const { issuer } = verifySignerPath(certificate, [], root.certificateAuthorities, signedAt)
  const extension = certificate.extensions.get(timestampListOid)
  if (extension === undefined) throw new Error('no timestamps')
  const { value } = extension
  const reads = (changed: Buffer): unknown => {
    const extensions = new Map([...certificate.extensions, [timestampListOid, { critical: false, value: changed }]])
    return verifyCertificateTimestamps({ ...certificate, extensions }, issuer, root.ctlogs)
  }
  expect(reads(value)).toHaveLength(1)
  for (let end = 0; end < value.length; end++) expect(() => reads(value.subarray(0, end))).toThrow(VerificationError)
  // Every bit: lengths, version, log, time, algorithm and signature. What makes the log unknown leaves none that counts.
  for (let bit = 0; bit < value.length * 8; bit++) expect(() => reads(flip(value, bit))).toThrow(VerificationError)
})

test('two promises of one log are the promise of one log', () => {
  const certificate = parseCertificate(leaf.der, 'certificate', 'signer')
  const { issuer } = verifySignerPath(certificate, [], root.certificateAuthorities, signedAt)
  const list = readDer(certificate.extensions.get(timestampListOid)?.value ?? Buffer.alloc(0), 'list').content
  const one = list.subarray(2)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(one.length * 2)
  const value = octets(Buffer.concat([length, one, one]))
  const extensions = new Map([...certificate.extensions, [timestampListOid, { critical: false, value }]])
  const doubled = { ...certificate, extensions }
  expect(verifyCertificateTimestamps(doubled, issuer, root.ctlogs)).toHaveLength(1)
  expect(() => verifyCertificateTimestamps(doubled, issuer, root.ctlogs, 2)).toThrow('no certificate timestamp')
})

const bundle = 'sigstore/conformance/bundle-verify/happy-path-v0.3/bundle.sigstore.json'
withPeers([`vectors:${bundle}`], 'claims of a certificate of the public instance, by their names', async () => {
  const { verificationMaterial } = JSON.parse(readFileSync(vector(bundle), 'utf8')) as {
    verificationMaterial: { certificate: { rawBytes: string } }
  }
  const der = Buffer.from(verificationMaterial.certificate.rawBytes, 'base64')
  const certificate = parseCertificate(der, 'certificate', 'signer')
  const beacon = 'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon'
  const workflow = `${beacon}/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main`
  expect(readAlternativeName(certificate)).toEqual({ kind: 'uri', value: workflow })
  expect(readClaims(certificate)).toMatchObject({
    issuer: 'https://token.actions.githubusercontent.com',
    buildSignerUri: workflow,
    runnerEnvironment: 'github-hosted',
    sourceRepositoryUri: beacon,
    sourceRepositoryRef: 'refs/heads/main',
    sourceRepositoryIdentifier: '632596897',
    buildConfigUri: workflow,
    buildTrigger: 'workflow_dispatch',
    sourceRepositoryVisibility: 'public',
  })
})
