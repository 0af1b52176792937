import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../src/base/json.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { predicateTypeOf } from '../../src/statement/statement.ts'
import { goldenBases } from '../../src/tasks/build/golden.ts'
import { readBasesPolicy } from '../../src/tasks/build/bases-policy.ts'
import { checkOf, judge, make, now, ports, type Made } from '../../testkit/judged.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'
import { scratch } from '../../testkit/ports.ts'
import { bundleBytes, signKeyless, type BundleParts } from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  trustedRootOf,
  uriName,
  workflowSan,
} from '../../testkit/sigstore/instance.ts'

/** Receivers whose certificates sign promotion records. */
const sigstore = makeSigstore()
const day = 86_400_000
const receiverSan = workflowSan.replace('release.yml', 'promote.yml')
const folder = scratch('receivers')
const root = join(folder, 'root.json')
writeFileSync(root, trustedRootOf(sigstore))

const identity = { name: 'receiver', issuer: actionsIssuer, san: receiverSan }
const rule = { identities: [identity], environment: 'production', 'max-age': '30d' }
const policy = { promotions: [rule], 'trusted-root': root }

let made: Made
beforeEach(async () => {
  made = await make()
})

interface Said {
  san?: string
  signed?: Date
  change?: JsonObject
  spoil?: (parts: BundleParts) => BundleParts
}

async function attach({
  san = receiverSan,
  signed = new Date(now.getTime() - day),
  change,
  spoil,
}: Said = {}): Promise<void> {
  const { subject } = made.base
  const digest = `sha256:${'1'.repeat(64)}`
  const payload = looseStatement('promotion', subject, {
    promotedOn: `${signed.toISOString().slice(0, 19)}Z`,
    from: { name: 'registry.example/team/app' },
    to: { name: 'registry.example/prod/app' },
    policy: { digest },
    verdict: { digest, builder: 'https://sealwright.dev/builder/v1/sample', signers: [], exceptions: [] },
    copied: [],
    leftBehind: [],
    environment: 'production',
    class: 'golden',
    supersedes: [],
    ...change,
  })
  const leaf = makeLeaf(sigstore, {
    san: [uriName(san)],
    from: new Date(signed.getTime() - 60_000),
    to: new Date(signed.getTime() + 540_000),
    sctTime: signed,
  })
  const parts = signKeyless(sigstore, leaf, { payload, stampAt: signed })
  await attachBundle(made.store, subject, bundleBytes(spoil?.(parts) ?? parts), predicateTypeOf('promotion'))
}

test('a record by the identity that the entry names counts', async () => {
  await attach()
  const verdict = await judge(made, policy)
  expect(verdict.reasons).toEqual([])
  expect(checkOf(verdict, 'promotion').why).toMatch(/^promoted to registry.example\/prod\/app/)
  expect(verdict.notes.filter((line) => line.includes('no key that counts'))).toEqual([])
})

test.each<[string, string, Said | null, RegExp]>([
  ['missing', 'missing-statement', null, /no promotion record/],
  ['by another identity', 'claim-signer', { san: workflowSan }, /none of the keys and identities/],
  [
    'shown by no log',
    'claim-signer',
    { spoil: (parts) => ({ ...parts, entries: [] }) },
    /none of the keys and identities/,
  ],
  [
    'for another environment',
    'missing-statement',
    { change: { environment: 'staging' } },
    /for environment production/,
  ],
  // The record says today; the proven time of the signature is earlier.
  [
    'signed long ago',
    'expired',
    { signed: new Date(now.getTime() - 31 * day), change: { promotedOn: `${now.toISOString().slice(0, 19)}Z` } },
    /older than/,
  ],
])('a record that is %s is refused as %s', async (_name, reason, said, why) => {
  if (said !== null) await attach(said)
  const verdict = await judge(made, policy)
  expect(verdict.reasons).toEqual([reason])
  expect(checkOf(verdict, 'promotion').why).toMatch(why)
})

test('each entry has identities of its own, and they vouch for no image', async () => {
  await attach()
  const other = { ...identity, san: workflowSan }
  expect((await judge(made, { ...policy, promotions: [rule, { ...rule, identities: [other] }] })).reasons).toEqual([
    'claim-signer',
  ])
  const alone = await judge(made, {
    ...policy,
    identities: [{ ...other, name: '0.receiver' }],
    job: undefined,
    'accept-signature-only': true,
    statements: ['sign'],
  })
  expect(alone.verified).toBe(false)
})

test('an entry needs keys or identities, and identities the trusted root', async () => {
  const refused = { code: 'file-invalid' }
  await expect(judge(made, { ...policy, 'trusted-root': undefined })).rejects.toMatchObject(refused)
  await expect(judge(made, { promotions: [{ environment: 'production' }] })).rejects.toMatchObject(refused)
  await expect(judge(made, { ...policy, promotions: [{ identities: [identity, identity] }] })).rejects.toMatchObject(
    refused,
  )
})

async function admit(text: string): Promise<string> {
  const path = join(folder, 'bases.yml')
  writeFileSync(path, text)
  const { admit: ask } = goldenBases(await readBasesPolicy(path), ports, () => now)
  const { subject } = made.base
  return ask({
    text: 'the base',
    name: 'registry.example/prod/app',
    digest: subject.digest,
    store: made.store,
  } as Parameters<typeof ask>[0])
}

test('bases policies name identities too', async () => {
  const text = JSON.stringify({ version: 1, identities: [identity], 'trusted-root': 'root.json' })
  await expect(admit(text)).rejects.toMatchObject({ code: 'missing-statement' })
  await attach({ san: workflowSan })
  await attach({ spoil: (parts) => ({ ...parts, entries: [] }) })
  await expect(admit(text)).rejects.toMatchObject({ code: 'claim-signer' })
  await attach()
  expect(await admit(text)).toMatch(/^sha256:/)
  await expect(admit(JSON.stringify({ version: 1, identities: [identity] }))).rejects.toMatchObject({
    code: 'file-invalid',
  })
})
