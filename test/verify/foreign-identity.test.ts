import { attachBundle } from '../../src/sign/attach.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import type { GivenIdentities } from '../../src/verify/init/identity-lines.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { admitted, receiverPolicy } from '../../testkit/foreign-image.ts'
import { checkOf, issuer, make, now, ports, type Made } from '../../testkit/judged.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { bundleBytes, payloadOf, signKeyless, type BundleParts } from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  trustedRootOf,
  workflowSan,
  type LeafOptions,
} from '../../testkit/sigstore/instance.ts'

// A publisher that signs keyless, as GitHub's attestations are made: provenance by a certificate of a workflow, over the plain image.

const sigstore = makeSigstore()
const signedAt = new Date(now.getTime() - 3600_000)
const github = 'https://github.com/actions/runner/github-hosted'
const identity = { name: 'the publisher', issuer: actionsIssuer, san: workflowSan }
const read = (): Promise<string> => Promise.resolve(trustedRootOf(sigstore))

/** Attaches a provenance to the plain image of a chain. */
async function attest(
  { store, base }: Pick<Made, 'store' | 'base'>,
  leafOptions: LeafOptions = {},
  spoil: (parts: BundleParts) => BundleParts = (parts) => parts,
): Promise<void> {
  const leaf = makeLeaf(sigstore, {
    claims: { 9: workflowSan, 12: 'https://github.com/acme/app' },
    from: new Date(signedAt.getTime() - 60_000),
    to: new Date(signedAt.getTime() + 540_000),
    sctTime: signedAt,
    ...leafOptions,
  })
  const subject = await store.resolve({ digest: base.plain as `sha256:${string}` })
  if (subject === null) throw new Error('the plain image is not in the layout')
  const predicate = { buildDefinition: {}, runDetails: { builder: { id: github } } }
  const payload = payloadOf([{ digest: { sha256: base.plain.slice(7) } }], predicateTypes.provenance, predicate)
  const parts = signKeyless(sigstore, leaf, { payload, stampAt: signedAt })
  await attachBundle(store, subject, bundleBytes(spoil(parts)), predicateTypes.provenance)
}

const chain = (): Promise<Made> => make({ encrypted: true, base: (base) => admitted(base) })

async function judge({ reference, base }: Made, changes: object = {}, section: object = {}): Promise<Verdict> {
  const text = policyText(base, issuer, {
    publisher: { identities: [identity], 'verify-policies': [receiverPolicy], builders: [github], ...section },
    'trusted-root': 'root.json',
    'accept-not-rebuilt': true,
    'accept-unchecked-content': true,
    ...changes,
  })
  return verifyImage(reference, await parsePolicy(text, '/policies/policy.yml', read), { at: now }, ports)
}

test('provenance by the identity that the policy names vouches for the plain image and names its builder', async () => {
  const made = await chain()
  await attest(made)
  const verdict = await judge(made)
  expect(verdict.reasons).toEqual([])
  expect(verdict.origin).toMatchObject({ builder: github, signers: 'the identity "the publisher"' })
})

test('a certificate for somebody else does not', async () => {
  const made = await chain()
  await attest(made)
  const other = { identities: [{ ...identity, issuer: 'https://issuer.example' }] }
  const verdict = await judge(made, {}, other)
  expect(checkOf(verdict, 'admission.publisher')).toMatchObject({ status: 'failed', reason: 'identity-mismatch' })
})

test('no log entry and no certificate timestamp are refused, unless a line accepts them by name', async () => {
  const unlogged = await chain()
  await attest(unlogged, {}, (parts) => ({ ...parts, entries: [] }))
  expect(checkOf(await judge(unlogged), 'admission.logged')).toMatchObject({ status: 'failed', reason: 'log-invalid' })
  expect((await judge(unlogged, { 'accept-unlogged-signature': true })).reasons).toEqual([])
  const secret = await chain()
  await attest(secret, { sct: 'none' })
  const refused = await judge(secret)
  expect(checkOf(refused, 'admission.certificate')).toMatchObject({ status: 'failed', reason: 'certificate-invalid' })
  expect((await judge(secret, { 'accept-unlogged-certificate': true })).reasons).toEqual([])
})

test('an expired certificate that nothing dates does not count', async () => {
  const made = await chain()
  await attest(made, {}, (parts) => ({ ...parts, entries: [], stamps: [] }))
  expect(checkOf(await judge(made), 'admission.publisher').status).toBe('failed')
})

test('policy init writes the identity and the builder into the section publisher', async () => {
  const made = await chain()
  await attest(made)
  const identities: GivenIdentities = {
    identities: [{ san: workflowSan, issuer: actionsIssuer }],
    trustedRoot: { text: trustedRootOf(sigstore), name: 'root.json' },
  }
  const initPorts = { ...ports, clock: { ...ports.clock, now: () => now } }
  const { text } = await initPolicy(made.reference, { publicKeys: [], identities, jwks: issuer.jwks }, initPorts)
  const policy = await parsePolicy(text, '/policies/policy.yml', read)
  expect(policy.publisher).toMatchObject({ builders: [github], verifyPolicies: [receiverPolicy], releaseKeys: [] })
  expect((await verifyImage(made.reference, policy, { at: now }, ports)).reasons).toEqual([])
})
