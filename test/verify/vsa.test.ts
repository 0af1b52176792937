import { join } from 'node:path'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { readClaims } from '../../src/verify/statements.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { signVsaByKey } from '../../src/verify/vsa/sign.ts'
import { verifyVsa, type VsaPins } from '../../src/verify/vsa/verify.ts'
import { vsaExtensions } from '../../src/statement/vsa.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { forgeChain, makeIssuer, makeKey } from '../../testkit/chain.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

const ports = testPorts()
const issuer = makeIssuer()
const now = new Date()
const gate = makeKey()
const builder = makeKey()

async function verified(): Promise<{ verdict: Verdict; place: Parameters<typeof signVsaByKey>[2] }> {
  const layout = join(scratch('vsa'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  const subject = await putSmallImage(store, smallFiles)
  const base = await smallBase(store, subject)
  await forgeChain(store, base, { issuer, at: now, key: builder })
  const verdict = await verifyImage(
    `oci:${layout}@${subject.digest}`,
    await parsePolicy(policyText(base, issuer), '/policy.yml'),
    { at: now },
    ports,
  )
  expect(verdict.reasons).toEqual([])
  return { verdict, place: { store, subject } }
}

const made = verified()

async function summaries(): Promise<Awaited<ReturnType<typeof readClaims>>['claims']> {
  const { verdict, place } = await made
  await signVsaByKey(gate.signer, verdict, place, now)
  return (await readClaims(place.store, place.subject)).claims
}

async function pins(change: Partial<VsaPins> = {}): Promise<VsaPins> {
  const { verdict } = await made
  return {
    verifierId: `https://sealwright.dev/key/${Buffer.from(gate.signer.hint, 'base64').toString('base64url')}`,
    publicKeyPem: gate.signer.publicKeyPem,
    policyDigest: verdict.policy.digest,
    maxAgeSeconds: 3600,
    builderKeys: [builder.signer.publicKeyPem],
    at: now,
    ...change,
  }
}

test('a summary of the gate admits, with its exceptions', async () => {
  const { verdict } = await made
  expect(verifyVsa(await summaries(), verdict.image.digest, await pins()).exceptions).toEqual(verdict.exceptions)
})

test('a summary that is there in all but its time is not signed again', async () => {
  const { verdict, place } = await made
  const first = await signVsaByKey(gate.signer, verdict, place, now)
  expect(await signVsaByKey(gate.signer, verdict, place, new Date(now.getTime() + 60_000))).toBe(first)
})

test.each([
  ['another verifier', { verifierId: 'https://sealwright.dev/key/other' }, 'builder-mismatch'],
  ['another key', { publicKeyPem: makeKey().signer.publicKeyPem }, 'signature-invalid'],
  ['the builder as verifier', { publicKeyPem: builder.signer.publicKeyPem }, 'self-verified'],
  ['another policy', { policyDigest: `sha256:${'0'.repeat(64)}` }, 'policy-invalid'],
  ['an old summary', { at: new Date(now.getTime() + 2 * 3600_000) }, 'expired'],
  ['a summary past its own expiry', { at: new Date(now.getTime() + 8 * 86_400_000), maxAgeSeconds: 1e9 }, 'expired'],
  ['a summary from the future', { at: new Date(now.getTime() - 3600_000) }, 'expired'],
] as const)('%s is refused', async (_name, change, code) => {
  const { verdict } = await made
  const claims = await summaries()
  const pinned = await pins(change)
  expect(() => verifyVsa(claims, verdict.image.digest, pinned)).toThrow(expect.objectContaining({ code }))
})

test.each([['soon'], [null], [1]])('a summary whose expiry is no time (%s) is refused', async (expires) => {
  const { verdict } = await made
  const claims = (await summaries()).map((claim) => ({
    ...claim,
    statement: { ...claim.statement, predicate: { ...claim.statement.predicate, [vsaExtensions.expires]: expires } },
  }))
  const pinned = await pins()
  expect(() => verifyVsa(claims, verdict.image.digest, pinned)).toThrow(expect.objectContaining({ code: 'expired' }))
})

test('a summary of another image is refused', async () => {
  const claims = await summaries()
  const pinned = await pins()
  expect(() => verifyVsa(claims, `sha256:${'1'.repeat(64)}`, pinned)).toThrow(
    expect.objectContaining({ code: 'subject-mismatch' }),
  )
})

test('without a summary nothing is admitted', async () => {
  const { verdict } = await made
  const pinned = await pins()
  expect(() => verifyVsa([], verdict.image.digest, pinned)).toThrow(
    expect.objectContaining({ code: 'missing-statement' }),
  )
})

test('the key that signed the image signs no verdict on it', async () => {
  const { verdict, place } = await made
  await expect(signVsaByKey(builder.signer, verdict, place, now)).rejects.toMatchObject({ code: 'self-verified' })
})

test('a refused verdict is never signed', async () => {
  const { verdict, place } = await made
  await expect(signVsaByKey(gate.signer, { ...verdict, verified: false }, place, now)).rejects.toMatchObject({
    code: 'denied',
  })
})

test("another gate's summary does not hide a chain that is in order", async () => {
  const { verdict, place } = await made
  await signVsaByKey(gate.signer, verdict, place, now)
  await forgeChain(
    place.store,
    { ...(await smallBase(place.store, place.subject)), payloads: [], drafts: [] },
    { issuer, at: now },
  )
  const policy = await parsePolicy(policyText(await smallBase(place.store, place.subject), issuer), '/policy.yml')
  expect(await verifyImage(`${place.store.name}@${place.subject.digest}`, policy, { at: now }, ports)).toMatchObject({
    verified: true,
  })
})
