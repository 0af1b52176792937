import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { artifactOf, artifactOfDigest } from '../../src/bundle/artifact.ts'
import { readBundle } from '../../src/bundle/read.ts'
import { verifyBundle, type ExpectedSigner } from '../../src/bundle/verify.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { parseTrustedRoot } from '../../src/sign/trusted-root.ts'
import { vector, withPeers } from '../../testkit/peers.ts'

const folder = 'sigstore/conformance'
const beacon = 'sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows'
const identity = `https://github.com/${beacon}/extremely-dangerous-oidc-beacon.yml@refs/heads/main`
const issuer = 'https://token.actions.githubusercontent.com'
const now = new Date()

/** Runs one case of the suite. @returns null when the bundle is good, else the reason code */
function run(name: string, by: 'file' | 'digest'): string | null {
  const path = (file: string): string => vector(join(folder, 'bundle-verify', name, file))
  const text = (file: string, other: string): string =>
    existsSync(path(file)) ? readFileSync(path(file), 'utf8').trim() : other
  try {
    const root = existsSync(path('trusted_root.json'))
      ? path('trusted_root.json')
      : vector('sigstore/roots/pgi-trusted_root-from-@sigstore-tuf-seed.json')
    const bytes = readFileSync(existsSync(path('artifact')) ? path('artifact') : vector(join(folder, 'a.txt')))
    const signer: ExpectedSigner = existsSync(path('key.pub'))
      ? { kind: 'key', key: loadPublicKey(text('key.pub', '') + '\n') }
      : {
          kind: 'identity',
          rules: [{ name, issuer: text('issuer', issuer), san: { exact: text('identity', identity) }, claims: {} }],
        }
    const artifact = by === 'file' ? artifactOf(bytes, 'a.txt') : artifactOfDigest(sha256(bytes))
    verifyBundle(readBundle(readFileSync(path('bundle.sigstore.json'))), artifact, {
      signer,
      root: parseTrustedRoot(readFileSync(root)),
      now,
    })
    return null
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error) return String(error.code)
    throw error
  }
}

withPeers([`vectors:${folder}`], 'every case of Sigstore’s conformance suite, by file and by digest', async () => {
  const cases = readdirSync(vector(join(folder, 'bundle-verify')), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
  const wrong = (['file', 'digest'] as const).flatMap((by) =>
    cases
      .map((name) => ({ by, name, code: run(name, by) }))
      .filter(({ name, code }) => (code === null) === name.endsWith('_fail')),
  )
  expect(wrong).toEqual([])
  expect(cases.length).toBeGreaterThanOrEqual(52)
  expect(cases.filter((name) => !name.endsWith('_fail')).length).toBeGreaterThanOrEqual(15)
})

withPeers([`vectors:${folder}`], 'each failing case fails for its own reason', async () => {
  const expected: Record<string, string> = {
    'checkpoint-bad-keyhint_fail': 'log-invalid',
    'dsse-invalid-sig_fail': 'signature-invalid',
    'dsse-mismatch-envelope_fail': 'log-invalid',
    'incorrect-public-key_fail': 'log-invalid',
    'inclusion-proof-corrupted-hash_fail': 'log-invalid',
    'integrated-time-in-future_fail': 'expired',
    'intoto-set-outside-signing-cert-validity_fail': 'expired',
    'invalid-ct-key_fail': 'certificate-invalid',
    'managed-key-no-key_fail': 'key-mismatch',
    'message-digest-mismatch_fail': 'subject-mismatch',
    'rekor2-no-timestamp_fail': 'time-unproven',
    'rekor2-timestamp-payload-mismatch_fail': 'time-unproven',
    'rekor2-timestamp-outside-trust-root-tsa-validity_fail': 'time-unproven',
    'signature-mismatch_fail': 'signature-invalid',
    'trust-root-tlog-missing-validity-start_fail': 'format-invalid',
    'wrong-hashedrekord-artifact_fail': 'log-invalid',
  }
  expect(Object.fromEntries(Object.keys(expected).map((name) => [name, run(name, 'file')]))).toEqual(expected)
})
