import { bundleFromJSON } from '@sigstore/bundle'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify'
import { createPublicKey } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { artifactOf } from '../../src/bundle/artifact.ts'
import { readBundle } from '../../src/bundle/read.ts'
import { verifyBundle, type ExpectedSigner } from '../../src/bundle/verify.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { parseTrustedRoot } from '../../src/sign/trusted-root.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { Random } from '../../testkit/random.ts'
import { bundleBytes, hashedrekord2, signKeyless, tileEntry } from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  signedAt,
  spki,
  trustedRootOf,
  uriName,
  workflowSan,
} from '../../testkit/sigstore/instance.ts'

/** A question to both verifiers. */
interface Question {
  bundle: Buffer
  artifact: Buffer
  root: string
  identity: string
  issuer: string
  key: string | null
}

function ours({ bundle, artifact, root, identity, issuer, key }: Question): boolean {
  try {
    const signer: ExpectedSigner =
      key === null
        ? { kind: 'identity', rules: [{ name: 'x', issuer, san: { exact: identity }, claims: {} }] }
        : { kind: 'key', key: loadPublicKey(key) }
    verifyBundle(readBundle(bundle), artifactOf(artifact, 'x'), {
      signer,
      root: parseTrustedRoot(Buffer.from(root)),
      now: new Date(Math.max(Date.now(), signedAt.getTime() + 1000)),
    })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}

/** Sigstore's own JavaScript verifier. Its pattern of a name is not anchored, so it is given anchors. */
function theirs({ bundle, artifact, root, identity, issuer, key }: Question): boolean {
  try {
    const parsed = bundleFromJSON(JSON.parse(bundle.toString('utf8')))
    const material = toTrustMaterial(
      TrustedRoot.fromJSON(JSON.parse(root)),
      key === null ? undefined : () => ({ publicKey: createPublicKey(key), validFor: () => true }),
    )
    const verifier = new Verifier(material, key === null ? {} : { timestampThreshold: 0 })
    const pattern = `^${identity.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}$`
    verifier.verify(
      toSignedEntity(parsed, artifact),
      key === null ? { subjectAlternativeName: pattern, extensions: { issuer } } : undefined,
    )
    return true
  } catch {
    return false
  }
}

const folder = 'sigstore/conformance'
withPeers(
  [`vectors:${folder}`],
  'both verifiers agree on Sigstore’s suite, but where theirs is known to be laxer',
  async () => {
    const beacon = 'sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows'
    const publicGood = readFileSync(vector('sigstore/roots/pgi-trusted_root-from-@sigstore-tuf-seed.json'), 'utf8')
    const different: string[] = []
    for (const entry of readdirSync(vector(join(folder, 'bundle-verify')), { withFileTypes: true })) {
      if (!entry.isDirectory()) continue
      const path = (file: string): string => vector(join(folder, 'bundle-verify', entry.name, file))
      const text = (file: string, other: string): string =>
        existsSync(path(file)) ? readFileSync(path(file), 'utf8').trim() : other
      const question: Question = {
        bundle: readFileSync(path('bundle.sigstore.json')),
        artifact: readFileSync(existsSync(path('artifact')) ? path('artifact') : vector(join(folder, 'a.txt'))),
        root: text('trusted_root.json', publicGood),
        identity: text('identity', `https://github.com/${beacon}/extremely-dangerous-oidc-beacon.yml@refs/heads/main`),
        issuer: text('issuer', actionsIssuer),
        key: existsSync(path('key.pub')) ? `${text('key.pub', '')}\n` : null,
      }
      if (ours(question) !== theirs(question)) different.push(entry.name)
    }
    expect(different).toEqual(['trust-root-tlog-missing-validity-start_fail'])
  },
)

const sigstore = makeSigstore()
const artifact = Buffer.from('an artifact')
const question = (bundle: Buffer): Question => ({
  bundle,
  artifact,
  root: trustedRootOf(sigstore),
  identity: workflowSan,
  issuer: actionsIssuer,
  key: null,
})

test('of 400 damaged bundles ours accepts none that theirs refuses', () => {
  const random = new Random(20261130, 'bundles')
  const counts = { both: 0, neither: 0, theirsOnly: 0, oursOnly: 0 }
  for (const log of ['tiles', 'rekor'] as const) {
    const text = bundleBytes(signKeyless(sigstore, makeLeaf(sigstore), { artifact, log })).toString('latin1')
    expect([ours(question(Buffer.from(text, 'latin1'))), theirs(question(Buffer.from(text, 'latin1')))]).toEqual([
      true,
      true,
    ])
    for (let i = 0; i < 200; i++) {
      const at = random.below(text.length)
      const damaged = question(
        Buffer.from(text.slice(0, at) + String.fromCharCode(33 + random.below(90)) + text.slice(at + 1), 'latin1'),
      )
      const [a, b] = [ours(damaged), theirs(damaged)]
      counts[a ? (b ? 'both' : 'oursOnly') : b ? 'theirsOnly' : 'neither']++
    }
  }
  expect(counts.oursOnly).toBe(0)
  expect(counts.neither).toBeGreaterThan(300)
})

test('what theirs accepts and ours does not: a log entry of another certificate, a name that contains the expected one', () => {
  const leaf = makeLeaf(sigstore)
  const parts = signKeyless(sigstore, leaf, { artifact })
  const bare = hashedrekord2({
    bytes: artifact,
    signature: parts.signature,
    verifier: { publicKey: spki(leaf.key.publicKey) },
  })
  const otherKey = question(bundleBytes({ ...parts, entries: [tileEntry(sigstore.tiles, bare)] }))
  expect([ours(otherKey), theirs(otherKey)]).toEqual([false, true])

  const evil = makeLeaf(sigstore, { san: [uriName(`https://evil.test/?${workflowSan}`)] })
  const containing = question(bundleBytes(signKeyless(sigstore, evil, { artifact })))
  expect(ours(containing)).toBe(false)
  const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(containing.root))), {})
  const entity = toSignedEntity(bundleFromJSON(JSON.parse(containing.bundle.toString())), artifact)
  expect(() =>
    verifier.verify(entity, { subjectAlternativeName: workflowSan, extensions: { issuer: actionsIssuer } }),
  ).not.toThrow()
})
