import type { EventDraft } from '../../src/journal/event.ts'
import { verdictLines } from '../../src/verify/verdict-lines.ts'
import { makeIssuer, makeKey } from '../../testkit/chain.ts'
import { checkOf, issuer, judge, make, now, type Made } from '../../testkit/judged.ts'
import { forgePromotion, promotedBy, promotingJobRule, type PromotingJob } from '../../testkit/promoting-job.ts'

/** Promotion records that the attested agent of another job signed. */
const day = 86_400_000
const yesterday = new Date(now.getTime() - day)
const ops = makeIssuer('https://ops.example')
const rule = { jobs: [promotingJobRule(ops)], environment: 'production', to: 'registry.example/prod/app' }
const policy = { promotions: [rule] }

let made: Made
beforeEach(async () => {
  made = await make()
})

const promote = (change: Partial<PromotingJob> = {}): ReturnType<typeof forgePromotion> =>
  forgePromotion(made.store, made.base.subject, { issuer: ops, at: yesterday, ...change })

/** A change of the events of one kind. */
const events =
  (kind: EventDraft['kind'], change: (event: EventDraft) => EventDraft | null) =>
  (all: EventDraft[]): EventDraft[] =>
    all.flatMap((event) => (event.kind === kind ? (change(event) ?? []) : [event]))

const verified = (all: EventDraft[]): EventDraft[] => all.filter(({ kind }) => kind === 'verify')
const artifact = { name: 'other', digest: `sha256:${'6'.repeat(64)}`, mediaType: 'application/json' } as const

test('a record by the agent of a job that the entry names counts, and the verdict says by which job and for what', async () => {
  await promote()
  const verdict = await judge(made, policy)
  expect(verdict.reasons).toEqual([])
  const words =
    /^promoted by job acme\/ops \(acme\/ops\/\.github\/workflows\/promote\.yml@refs\/heads\/main, run 77\) to registry\.example\/prod\/app on .*, allowed in production$/
  expect(checkOf(verdict, 'promotion').why).toMatch(words)
  expect(verdictLines(verdict)[0]).toMatch(words)
  expect(verdict.inputs.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['promotion', 'promotion-evidence']))
  // Whoever promoted the image did not build it.
  expect(verdict.job.claims['repository']).toBe('example/app')
})

test.each<[string, string, (() => Promise<unknown>) | null, RegExp]>([
  ['missing', 'missing-statement', null, /no promotion record/],
  [
    'without evidence',
    'missing-evidence',
    () => promote({ evidence: false }),
    /no evidence is attached that names its key/,
  ],
  [
    'of a job of another repository',
    'job-refused',
    () => promote({ claims: { repository_id: '200003' } }),
    /repository_id is 200003/,
  ],
  [
    'of another workflow',
    'job-refused',
    () => promote({ claims: { workflow_ref: 'acme/ops/.github/workflows/test.yml@refs/heads/main' } }),
    /the workflow is .*test\.yml/,
  ],
  [
    'started by a pull request',
    'job-refused',
    () => promote({ claims: { event_name: 'pull_request_target' } }),
    /pull_request_target/,
  ],
  ['by an issuer that the entry does not name', 'token-invalid', () => promote({ issuer }), /names no issuer/],
  ['with a forged token', 'token-invalid', () => promote({ token: { foreignKey: true } }), /signature/],
  ['of a job without a token', 'job-self-asserted', () => promote({ selfAsserted: true }), /no token says which job/],
  ['not sealed', 'unsealed', () => promote({ unsealed: (kind) => kind === 'promotion' }), /before the seal/],
  [
    'for another environment',
    'missing-statement',
    () => promote({ facts: { environment: 'staging' } }),
    /for environment production/,
  ],
  [
    'for another target',
    'missing-statement',
    () => promote({ facts: { to: { name: 'registry.example/test/app', tag: null } } }),
    /to registry.example\/prod\/app/,
  ],
  ['about another image', 'subject-mismatch', () => promote({ about: promotedBy }), /speaks of sha256:5555/],
  [
    'without a verification in its journal',
    'not-admitted',
    () => promote({ events: events('verify', () => null) }),
    /neither built nor verified/,
  ],
  [
    'after a refused verification',
    'admission-refused',
    () =>
      promote({ events: events('verify', (event) => ({ ...event, result: { ...event.result, verified: false } })) }),
    /verification in this job was refused/,
  ],
  [
    'of an image that only a caller says to have verified',
    'claimed-steps',
    () => promote({ events: events('verify', (event) => ({ ...event, performer: 'caller' })) }),
    /only a caller claims/,
  ],
  [
    'of a promotion that only a caller claims',
    'claimed-steps',
    () => promote({ events: events('promote', (event) => ({ ...event, performer: 'caller' })) }),
    /only a caller claims .* promoted/,
  ],
  [
    'of a job that promoted nothing',
    'role-mismatch',
    () => promote({ events: events('promote', () => null) }),
    /was not promoted by this job/,
  ],
  [
    'with other facts than its journal',
    'role-mismatch',
    () =>
      promote({
        events: events('promote', (event) => ({
          ...event,
          outputs: event.outputs.map((item) => (item.role === 'promotion' ? { ...item, digest: promotedBy } : item)),
        })),
      }),
    /differs from what the journal says/,
  ],
  [
    'with another policy than its journal',
    'role-mismatch',
    () =>
      promote({
        events: events('promote', (event) => ({
          ...event,
          inputs: event.inputs.map((item) =>
            item.role === 'policy' ? { ...item, digest: `sha256:${'6'.repeat(64)}` } : item,
          ),
        })),
      }),
    /differs from what the journal says/,
  ],
  [
    'with other exceptions than its journal',
    'role-mismatch',
    () => promote({ events: events('verify', (event) => ({ ...event, result: { verified: true, exceptions: [] } })) }),
    /reached the verdict that the record names/,
  ],
  [
    'of the job that built the image',
    'self-verified',
    () => promote({ events: (all) => [...all, ...made.base.drafts] }),
    /built or encrypted by the job that promoted it/,
  ],
  [
    'of an index with a manifest that the job built itself',
    'self-verified',
    () =>
      promote({
        events: ([first, ...rest]) => [
          ...(first === undefined ? [] : [first]),
          ...made.base.drafts
            .filter(({ kind }) => kind === 'build')
            .map((event) => ({ ...event, outputs: [{ ...artifact, role: 'image' }] })),
          ...events('verify', (event) => ({ ...event, inputs: [...event.inputs, { ...artifact, role: 'child' }] }))(
            rest,
          ),
        ],
      }),
    /sha256:6666.* was built or encrypted by the job that promoted it/,
  ],
  [
    'of an image that the job refused afterwards, whatever another policy says',
    'admission-refused',
    () =>
      promote({
        events: (all) => [
          ...all,
          ...events('verify', (event) => ({ ...event, result: { verified: false, exceptions: [] } }))(verified(all)),
          ...events('verify', (event) => ({
            ...event,
            inputs: event.inputs.map((item) => (item.role === 'policy' ? { ...artifact, role: 'policy' } : item)),
          }))(verified(all)),
        ],
      }),
    /refused sha256:.* afterwards by the policy of the record/,
  ],
  [
    'dated after its job',
    'expired',
    () => promote({ promotedOn: new Date(yesterday.getTime() + day / 2) }),
    /outside of the time in which the key of its job was good/,
  ],
  [
    'of an older job than the policy allows',
    'expired',
    () => promote({ at: new Date(now.getTime() - 31 * day) }),
    /older than/,
  ],
  [
    'of a report over another binding',
    'binding-mismatch',
    () => promote({ reported: () => Buffer.alloc(48) }),
    /does not verify/,
  ],
])('a record that is %s is refused as %s', async (_name, reason, forge, why) => {
  await forge?.()
  const verdict = await judge(made, policy)
  expect(checkOf(verdict, 'promotion').why).toMatch(why)
  expect(verdict.reasons).toEqual([reason])
})

test('`max-age` of the entry is the limit of the evidence too', async () => {
  await promote({ at: new Date(now.getTime() - 31 * day) })
  expect((await judge(made, { promotions: [{ ...rule, 'max-age': '40d' }] })).reasons).toEqual([])
  expect((await judge(made, { promotions: [{ ...rule, 'max-age': '20d' }] })).reasons).toEqual(['expired'])
})

test('the policy of the receiver counts where the entry names some', async () => {
  await promote()
  expect((await judge(made, { promotions: [{ ...rule, policies: [promotedBy] }] })).reasons).toEqual([])
  const other = [`sha256:${'6'.repeat(64)}`]
  expect((await judge(made, { promotions: [{ ...rule, policies: other }] })).reasons).toEqual(['policy-invalid'])
})

test('newer records by other jobs take nothing from one that counts', async () => {
  await promote()
  await promote({ at: now, claims: { event_name: 'pull_request_target' } })
  await promote({ at: now, claims: { repository_id: '200003' } })
  await promote({ at: now, evidence: false })
  for (let n = 0; n < 20; n++) await promote({ at: now, issuer: makeIssuer() })
  expect((await judge(made, policy)).reasons).toEqual([])
})

test('the newest record that counts decides, whoever signed it', async () => {
  await promote()
  await promote({ at: now, facts: { class: 'golden' } })
  const verdict = await judge(made, { promotions: [{ ...rule, keys: [makeKey().signer.publicKeyPem] }] })
  expect(verdict.reasons).toEqual([])
  expect(checkOf(verdict, 'promotion').why).toContain(`${now.toISOString().slice(0, 19)}Z`)
})

test('each entry has jobs of its own, and they vouch for no image', async () => {
  await promote()
  const other = { ...rule, jobs: [promotingJobRule(ops, { 'repository-id': '200003' })] }
  expect((await judge(made, { promotions: [rule, other] })).reasons).toEqual(['job-refused'])
  const builder = { job: promotingJobRule(ops) }
  expect((await judge(made, { ...builder, ...policy })).verified).toBe(false)
})

test('lines that only the evidence of the promoting job needs are named, and it is refused without them', async () => {
  const release = makeKey()
  made = await make({ evidence: false, signWith: () => release })
  await promote()
  const byKey = {
    job: undefined,
    'release-keys': [release.signer.publicKeyPem],
    statements: ['sign'],
    'accept-signature-only': true,
    'accept-not-rebuilt': true,
  }
  expect((await judge(made, byKey)).exceptions).not.toContain('accept-sample')
  const verdict = await judge(made, { ...byKey, ...policy })
  expect(verdict.reasons).toEqual([])
  expect(verdict.exceptions).toEqual(expect.arrayContaining(['accept-sample', 'accept-unproven-time']))
  const lacking = await judge(made, { ...byKey, ...policy, 'accept-sample': undefined })
  expect(lacking.reasons).toEqual(['technology-refused'])
  expect(checkOf(lacking, 'promotion').why).toMatch(/\(the policy has no accept-sample\)$/)
})

test('an entry may pin the keys of its issuer in a file, and needs somebody who signs', async () => {
  const refused = { code: 'file-invalid' }
  await expect(judge(made, { promotions: [{ environment: 'production' }] })).rejects.toMatchObject(refused)
  await expect(judge(made, { promotions: [{ ...rule, jobs: [] }] })).rejects.toMatchObject(refused)
  const missing = { promotions: [{ ...rule, jobs: [promotingJobRule(ops, { jwks: 'gone.json' })] }] }
  await expect(judge(made, missing)).rejects.toMatchObject({ code: 'file-missing' })
})
