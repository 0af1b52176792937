import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { basesPolicyDigest, readBasesPolicy } from '../../src/tasks/build/bases-policy.ts'
import { goldenBases } from '../../src/tasks/build/golden.ts'
import { makeIssuer, makeKey } from '../../testkit/chain.ts'
import { make, now, ports, type Made } from '../../testkit/judged.ts'
import { scratch } from '../../testkit/ports.ts'
import { forgePromotion, promotedBy, promotingJobRule, type PromotingJob } from '../../testkit/promoting-job.ts'

/** Bases that the attested agent of a job promoted to class golden. */
const yesterday = new Date(now.getTime() - 86_400_000)
const ops = makeIssuer('https://ops.example')
const place = 'registry.example/golden/base'
const machines = { 'accept-sample': true, 'accept-unproven-time': true }
const folder = scratch('bases-policy')
writeFileSync(join(folder, 'jwks.json'), JSON.stringify(ops.jwks))
const jobs = [promotingJobRule(ops, { jwks: 'jwks.json' })]

let made: Made
beforeEach(async () => {
  made = await make()
})

const promote = ({ facts, ...change }: Partial<PromotingJob> = {}): ReturnType<typeof forgePromotion> =>
  forgePromotion(made.store, made.base.subject, {
    issuer: ops,
    at: yesterday,
    facts: { to: { name: place, tag: null }, class: 'golden', ...facts },
    ...change,
  })

async function admit(policy: object = { jobs, machines }): Promise<string> {
  const path = join(folder, 'bases.yml')
  writeFileSync(path, JSON.stringify({ version: 1, ...policy }))
  const { admit: ask } = goldenBases(await readBasesPolicy(path), ports, () => now)
  const base = { text: 'the base', name: place, digest: made.base.subject.digest, store: made.store }
  return ask(base as Parameters<typeof ask>[0])
}

test('a base that a named job promoted to class golden is admitted, and the record of it is named', async () => {
  await promote()
  expect(await admit()).toMatch(/^sha256:/)
  // Beside a key that signed nothing.
  expect(await admit({ jobs, machines, keys: [makeKey().signer.publicKeyPem] })).toMatch(/^sha256:/)
})

test.each<[string, string, (() => Promise<unknown>) | null, RegExp]>([
  ['without a record', 'missing-statement', null, /it has no promotion record/],
  ['without evidence', 'missing-evidence', () => promote({ evidence: false }), /no evidence/],
  ['of another job', 'job-refused', () => promote({ claims: { repository_id: '200003' } }), /200003/],
  ['of a job without a token', 'job-self-asserted', () => promote({ selfAsserted: true }), /no token/],
  ['not sealed', 'unsealed', () => promote({ unsealed: (kind) => kind === 'promotion' }), /before the seal/],
  [
    'not verified by the agent',
    'claimed-steps',
    () =>
      promote({
        events: (all) => all.map((one) => (one.kind === 'verify' ? { ...one, performer: 'caller' as const } : one)),
      }),
    /only a caller claims/,
  ],
  [
    'for another place',
    'denied',
    () => promote({ facts: { to: { name: 'registry.example/x', tag: null } } }),
    /is for/,
  ],
  ['about another image', 'missing-statement', () => promote({ about: promotedBy }), /it has no promotion record/],
  ['without the class', 'denied', () => promote({ facts: { class: null } }), /has the class none/],
  [
    'that is golden no more',
    'denied',
    async () => {
      await promote()
      await promote({ at: now, facts: { class: null } })
    },
    /has the class none/,
  ],
])('a base %s is refused as %s', async (_name, code, forge, message) => {
  await forge?.()
  await expect(admit()).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
})

test('machines that the bases policy does not accept, and old evidence, are refused', async () => {
  await promote()
  const strict = { jobs, machines: { technology: 'snp', 'accept-unproven-time': true } }
  await expect(admit(strict)).rejects.toMatchObject({ code: 'technology-refused' })
  const brief = { jobs, machines, 'max-age': '1h' }
  await expect(admit(brief)).rejects.toMatchObject({ code: 'expired' })
})

test('the digest covers the files that jobs name; jobs need machines, and the files lie beside', async () => {
  const path = join(folder, 'bases.yml')
  const digestOf = async (policy: object): Promise<string> => {
    writeFileSync(path, JSON.stringify({ version: 1, ...policy }))
    return basesPolicyDigest(await readBasesPolicy(path))
  }
  const before = await digestOf({ jobs, machines })
  writeFileSync(join(folder, 'other.json'), JSON.stringify(makeIssuer().jwks))
  expect(await digestOf({ jobs: [promotingJobRule(ops, { jwks: 'other.json' })], machines })).not.toBe(before)
  const refused = { code: 'file-invalid' }
  await expect(digestOf({ jobs })).rejects.toMatchObject(refused)
  await expect(digestOf({ jobs, machines: {} })).rejects.toMatchObject(refused)
  await expect(digestOf({ jobs, machines: { 'accept-self-asserted-job': true } })).rejects.toMatchObject(refused)
  await expect(digestOf({ jobs, machines, files: {} })).rejects.toMatchObject(refused)
  const outside = [promotingJobRule(ops, { jwks: '../elsewhere.json' })]
  writeFileSync(join(folder, '..', 'elsewhere.json'), JSON.stringify(ops.jwks))
  await expect(digestOf({ jobs: outside, machines })).rejects.toMatchObject({ ...refused, subject: 'bases-policy' })
  const gone = [promotingJobRule(ops, { jwks: 'gone.json' })]
  await expect(digestOf({ jobs: gone, machines })).rejects.toMatchObject({ code: 'file-missing' })
})
