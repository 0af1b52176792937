import { readFileSync } from 'node:fs'
import { artifactOfDigest, type Artifact } from '../../src/bundle/artifact.ts'
import { wholePattern, type IdentityRule } from '../../src/bundle/identity.ts'
import { readBundle } from '../../src/bundle/read.ts'
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

withPeers(['vectors:sigstore/cosign'], 'a keyless attestation of an image by cosign verifies', async () => {
  const bytes = file('cosign/oci-attestation.sigstore.json')
  const { signer } = verifyBundle(readBundle(bytes), itsSubject(bytes), {
    signer: {
      kind: 'identity',
      rules: [anybody('https://token.actions.githubusercontent.com'), anybody('https://github.com/login/oauth'), anybody('https://accounts.google.com')],
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
  const { entries, times } = verifyBundle(readBundle(bytes), itsSubject(bytes), { signer: { kind: 'key', key }, root, now })
  expect(entries.map(({ index, kind, version }) => [index, kind, version])).toEqual([[997n, 'hashedrekord', '0.0.2']])
  expect(times).toEqual([])
})
