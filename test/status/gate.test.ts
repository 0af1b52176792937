import type { JsonObject } from '../../src/base/json.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import type { Descriptor } from '../../src/oci/types.ts'
import { vsaExpiry, vsaExtensions } from '../../src/statement/vsa.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { readClaims } from '../../src/verify/statements.ts'
import { signVsaByKey } from '../../src/verify/vsa/sign.ts'
import { verifyVsa } from '../../src/verify/vsa/verify.ts'
import { makeKey, type ChainKey } from '../../testkit/chain.ts'
import { checkOf, judge, make, now, type Made } from '../../testkit/judged.ts'
import { attachNotice, daysBefore } from '../../testkit/status.ts'

const publisher = makeKey()
const stranger = makeKey()
const rules = { keys: [publisher.signer.publicKeyPem], 'max-age': '7d' }
const days = (count: number): string => daysBefore(now, count)
const revoked = (age: number): JsonObject => ({
  status: 'revoked',
  serial: 2,
  issued: days(age),
  reason: 'the signing key leaked',
  from: days(age),
})
const active = (serial: number, age: number, more: JsonObject = {}): JsonObject => ({
  status: 'active',
  serial,
  issued: days(age),
  ...more,
})

let made: Made
beforeEach(async () => {
  made = await make()
})

const attach = (predicate: JsonObject, by: ChainKey = publisher): Promise<Descriptor> =>
  attachNotice('status', made.store, made.base.subject, predicate, by)

test('a fresh status by the named key is verified, and a summary holds no longer than it', async () => {
  await attach(active(1, 1))
  const verdict = await judge(made, { status: rules })
  expect(verdict.reasons).toEqual([])
  expect(verdict.until).toBe(new Date(Date.parse(days(1)) + 7 * 86_400_000).toISOString())
  expect(vsaExpiry(verdict, now).toISOString()).toBe(verdict.until)
  expect(verdict.inputs.map(({ kind }) => kind)).toContain('status')
})

test('a verification summary ends with the status that it rests on', async () => {
  await attach(active(1, 1, { expires: days(-2) }))
  const verdict = await judge(made, { status: rules })
  const place = { store: made.store, subject: made.base.subject }
  const gate = makeKey().signer
  await signVsaByKey(gate, verdict, place, now, { stamper: null })
  const { claims } = await readClaims(made.store, made.base.subject)
  const [summary] = claims.filter(({ kind }) => kind === 'vsa')
  expect(summary?.statement.predicate[vsaExtensions.expires]).toBe(`${days(-2).slice(0, 19)}Z`)
  // Once the status ends, nobody is admitted by the summary.
  const { publicKeyPem, hint } = gate
  const pins = {
    verifierId: `https://sealwright.dev/key/${Buffer.from(hint, 'base64').toString('base64url')}`,
    publicKeyPem,
    policyDigest: verdict.policy.digest,
    maxAgeSeconds: 30 * 86_400,
    builderKeys: [],
  }
  expect(verifyVsa(claims, made.base.subject.digest, { ...pins, at: new Date(days(-1)) }).exceptions).toContain(
    'accept-sample',
  )
  expect(() => verifyVsa(claims, made.base.subject.digest, { ...pins, at: new Date(days(-3)) })).toThrow(
    expect.objectContaining({ code: 'expired' }),
  )
})

test('where the policy names nobody, nothing is asked for and the verdict says so', async () => {
  await attach(revoked(1))
  const verdict = await judge(made)
  expect([verdict.reasons, verdict.until]).toEqual([[], undefined])
  expect(checkOf(verdict, 'status.revocation')).toMatchObject({ status: 'skipped' })
})

test.each<[string, string, string, () => Promise<unknown>, RegExp]>([
  ['revoked', 'status.revocation', 'revoked', () => attach(revoked(1)), /the signing key leaked \(serial 2/],
  ['hidden', 'status.fresh', 'missing-statement', () => Promise.resolve(), /no status of .* is attached/],
  ['too old', 'status.fresh', 'expired', () => attach(active(1, 8)), /691200 s ago; the policy allows 604800 s/],
  ['by another signer', 'status.fresh', 'claim-signer', () => attach(active(1, 1), stranger), /it is by key /],
  ['dated in the future', 'status.fresh', 'expired', () => attach(active(1, -1)), /dated in the future/],
  ['expired', 'status.fresh', 'expired', () => attach(active(1, 2, { expires: days(1) })), /expired/],
  [
    'superseded',
    'status.current',
    'rolled-back',
    () => attach({ ...active(1, 1), status: 'superseded', by: { digest: { sha256: 'b'.repeat(64) } } }),
    /superseded by sha256:bbbb/,
  ],
  [
    'at the end of its life',
    'status.current',
    'expired',
    () => attach({ ...active(1, 1), status: 'end-of-life', date: days(0) }),
    /at the end of its life/,
  ],
  [
    'contradictory',
    'status.revocation',
    'revocation-unknown',
    async () => {
      await attach(active(2, 1))
      await attach(revoked(1))
      await attach({ ...active(2, 1), expires: days(-9) })
    },
    /say different things/,
  ],
  [
    'unreadable',
    'status.revocation',
    'revocation-unknown',
    async () => {
      await attach(active(1, 1))
      await attach({ status: 'revoked', serial: 2, issued: days(1) })
    },
    /cannot be read/,
  ],
])('an image whose status is %s is refused', async (name, check, reason, prepare, why) => {
  await prepare()
  const verdict = await judge(made, { status: rules })
  expect(verdict.reasons).toContain(reason)
  expect(checkOf(verdict, check)).toMatchObject({ status: 'failed', reason, why: expect.stringMatching(why) as string })
  if (name !== 'contradictory' && name !== 'unreadable') expect(verdict.reasons).toEqual([reason])
})

test('a stranger revokes nothing, and makes nothing fresh', async () => {
  await attach(active(1, 1))
  await attach({ ...revoked(0), serial: 9 }, stranger)
  expect((await judge(made, { status: rules })).verified).toBe(true)
})

test('what speaks of another image says nothing of this one', async () => {
  const other = `sha256:${'b'.repeat(64)}` as const
  await attachNotice('status', made.store, made.base.subject, active(1, 1), publisher, other)
  expect((await judge(made, { status: rules })).reasons).toEqual(['missing-statement'])
})

test('a lower serial that is newer does not take a revocation back', async () => {
  await attach(revoked(2))
  await attach(active(1, 0))
  expect((await judge(made, { status: rules })).reasons).toEqual(['revoked'])
})

test('without max-age a missing status passes, and the verdict says that this proves nothing', async () => {
  const { keys } = rules
  const none = await judge(made, { status: { keys } })
  expect([none.verified, none.until]).toEqual([true, undefined])
  expect(checkOf(none, 'status.fresh').why).toMatch(/proves nothing: a registry can hide/)
  expect((await judge(made, { status: { keys, required: true } })).reasons).toEqual(['missing-statement'])
  await attach(active(1, 400))
  expect((await judge(made, { status: { keys, required: true } })).verified).toBe(true)
})

test('a policy may admit what was superseded or has no support any more, never what is revoked', async () => {
  const allow = { ...rules, superseded: 'allow', 'end-of-life': 'allow' }
  await attach({ ...active(1, 1), status: 'end-of-life', date: days(0) })
  expect((await judge(made, { status: allow })).verified).toBe(true)
  await attach(revoked(0))
  expect((await judge(made, { status: allow })).reasons).toEqual(['revoked'])
})

test('a lifecycle artifact, which nobody signs, is told and decides nothing', async () => {
  await attach(active(1, 1))
  await putArtifact(made.store, {
    artifactType: 'application/vnd.microsoft.artifact.lifecycle',
    subject: made.base.subject,
    layers: [],
    annotations: { 'vnd.microsoft.artifact.lifecycle.end-of-life.date': '2020-01-01' },
  })
  const verdict = await judge(made, { status: rules })
  expect(verdict.verified).toBe(true)
  expect(checkOf(verdict, 'status.current').why).toMatch(/states the end of life "2020-01-01", which only is a hint/)
})

test('the key that signs the status vouches for no image', async () => {
  await attach(active(1, 1))
  const verdict = await judge(made, { 'release-keys': [publisher.signer.publicKeyPem], status: rules })
  expect(verdict.verified).toBe(false)
})

test.each<[string, object, RegExp]>([
  ['nobody', { 'max-age': '7d' }, /name the keys or the identities/],
  ['a broken key', { keys: ['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'] }, /status.keys.0/],
  ['no duration', { ...rules, 'max-age': '7 days' }, /write a duration/],
  [
    'an identity without a trusted root',
    { identities: [{ name: 'a', issuer: 'https://issuer.example', san: 'a@example.org' }] },
    /trusted root/,
  ],
])('a policy that names %s is refused', async (_name, status, why) => {
  const text = JSON.stringify({ version: 1, 'accept-sample': true, 'accept-self-asserted-job': true, status })
  await expect(parsePolicy(text, '/policy.yml')).rejects.toMatchObject({
    code: 'file-invalid',
    message: expect.stringMatching(why) as string,
  })
})
