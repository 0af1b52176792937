import { readFileSync } from 'node:fs'
import { artifactOfDigest, type Artifact } from '../../src/bundle/artifact.ts'
import { wholePattern, type IdentityRule } from '../../src/bundle/identity.ts'
import { readBundle, type SealedBundle } from '../../src/bundle/read.ts'
import { verifyBundle, type VerifiedBundle } from '../../src/bundle/verify.ts'
import { envelopePayload } from '../../src/sign/dsse.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { parseTrustedRoot } from '../../src/sign/trusted-root.ts'
import { parseStatement } from '../../src/statement/statement.ts'
import { vector, withPeers } from '../../testkit/peers.ts'

const file = (path: string): Buffer => readFileSync(vector(`sigstore/${path}`))
const rootOf = (path: string) => parseTrustedRoot(file(path))
const publicGood = 'roots/pgi-trusted_root-from-@sigstore-tuf-seed.json'
const now = new Date()

const anybody = (issuer: string): IdentityRule => ({
  name: 'anybody',
  issuer,
  san: wholePattern('.+'),
  claims: {},
})

/** The first subject of a bundle's statement, by whatever digest it has. */
function itsSubject(bytes: Buffer): Artifact {
  const { content } = readBundle(bytes)
  if (content.kind !== 'envelope') throw new Error('not a statement')
  const [{ digest }] = parseStatement(envelopePayload(content.envelope)).subject
  if (digest['sha256'] !== undefined) return artifactOfDigest(`sha256:${digest['sha256']}`)
  const value = Buffer.from(digest['sha512'] ?? '', 'hex')
  return { name: 'subject', bytes: null, digest: (hash) => (hash === 'sha512' ? value : null) }
}

function keyless(path: string, root: string, issuer: string): VerifiedBundle {
  const bytes = file(path)
  const signer = { kind: 'identity', rules: [anybody(issuer)] } as const
  return verifyBundle(readBundle(bytes), itsSubject(bytes), { signer, root: rootOf(root), now })
}

withPeers(['vectors:sigstore/sigstore-go'], 'bundles of sigstore-go’s tests are judged as there', async () => {
  const actions = 'https://token.actions.githubusercontent.com'
  const provenance = keyless('sigstore-go/bundle-provenance.json', 'sigstore-go/trusted-root-public-good.json', actions)
  expect(provenance.signer).toMatchObject({
    kind: 'certificate',
    identity: { claims: { sourceRepositoryUri: 'https://github.com/sigstore/sigstore-js', buildTrigger: 'push' } },
  })
  const samples = 'sigstore-go/testing-data/bundles'
  const js2 = keyless(`${samples}/sigstore.js@2.0.0-provenance.sigstore.json`, publicGood, actions)
  expect(js2.statement?.subject[0].digest).toHaveProperty('sha512')
  expect(js2.signer).toMatchObject({ identity: { claims: { runnerEnvironment: 'github-hosted' } } })
  expect(() => keyless(`${samples}/dsse-2sigs.sigstore.json`, publicGood, actions)).toThrow(/exactly one signature/)
})

withPeers(
  ['vectors:sigstore/sigstore-go'],
  'an account of an issuer without addresses is an identity, too',
  async () => {
    const bundle = readBundle(file('sigstore-go/testing-data/bundles/othername.sigstore.json'))
    const root = rootOf('sigstore-go/testing-data/trusted-roots/scaffolding.json')
    const artifact = digestOf(bundle)
    const rules = (value: string): IdentityRule[] => [
      { name: 'foo', issuer: 'http://oidc.local:8080', san: { exact: value }, claims: {} },
    ]
    const { signer } = verifyBundle(bundle, artifact, {
      signer: { kind: 'identity', rules: rules('foo!oidc.local') },
      root,
      now,
    })
    expect(signer).toMatchObject({ identity: { san: { kind: 'account', value: 'foo!oidc.local' } } })
    expect(() =>
      verifyBundle(bundle, artifact, { signer: { kind: 'identity', rules: rules('foo!oidc') }, root, now }),
    ).toThrow(/signed by a certificate for foo!oidc\.local/)
  },
)

withPeers(
  ['vectors:sigstore/sigstore-go'],
  'the window of a pinned key is compared with the stamped time',
  async () => {
    const data = 'sigstore-go/testing-data'
    const bundle = readBundle(file(`${data}/bundles/public-key-validity.sigstore.json`))
    const root = rootOf(`${data}/trusted-roots/public-key-validity.json`)
    const key = loadPublicKey(file(`${data}/public-keys/public-key-validity.pem`).toString())
    const verify = (from: string, to: string) =>
      verifyBundle(bundle, digestOf(bundle), {
        signer: { kind: 'key', key, window: { notBefore: new Date(from), notAfter: new Date(to) } },
        root,
        entries: 0,
        now,
      })
    expect(verify('2026-06-04T00:00:00Z', '2026-06-05T00:00:00Z').times).toHaveLength(1)
    expect(() => verify('2026-06-05T00:00:00Z', '2026-06-06T00:00:00Z')).toThrow(/the key counts from 2026-06-05/)
  },
)

function digestOf({ content }: SealedBundle): Artifact {
  if (content.kind !== 'message' || content.digest === null) throw new Error('no digest')
  return artifactOfDigest(`sha256:${content.digest.value.toString('hex')}`)
}

withPeers(['vectors:sigstore/cosign'], 'a keyless attestation of an image by cosign verifies', async () => {
  const bytes = file('cosign/oci-attestation.sigstore.json')
  const { signer } = verifyBundle(readBundle(bytes), itsSubject(bytes), {
    signer: {
      kind: 'identity',
      rules: [
        anybody('https://token.actions.githubusercontent.com'),
        anybody('https://github.com/login/oauth'),
        anybody('https://accounts.google.com'),
      ],
    },
    root: rootOf('cosign/trusted_root_pgi.json'),
    now,
  })
  expect(signer.kind).toBe('certificate')
})

withPeers(['vectors:sigstore/embedded-log'], 'a key with an entry of a private log, without any time', async () => {
  const bytes = file('embedded-log/bundle.sigstore.json')
  const key = loadPublicKey(file('embedded-log/cosign.pub').toString())
  const root = rootOf('embedded-log/trusted_root.json')
  const { entries, times } = verifyBundle(readBundle(bytes), itsSubject(bytes), {
    signer: { kind: 'key', key },
    root,
    now,
  })
  expect(entries.map(({ index, kind, version }) => [index, kind, version])).toEqual([[997n, 'hashedrekord', '0.0.2']])
  expect(times).toEqual([])
})
