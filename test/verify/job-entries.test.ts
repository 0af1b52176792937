import { makeIssuer, type MintChange } from '../../testkit/chain.ts'
import { checkOf, issuer, judge, make, now, ports } from '../../testkit/judged.ts'
import { smallClaims } from '../../testkit/small-image.ts'
import type { Gate } from '../../src/verify/candidate.ts'
import { jobSteps } from '../../src/verify/checks/job.ts'
import { restingOn } from '../../src/verify/resting-on.ts'
import { noCollateral } from '../../src/tee/verify/verifier.ts'
import { initPolicy } from '../../src/verify/init/init.ts'

/** TRUST §5.5: `job` entries one by one, and the whole identity of a workflow. */
const entry = {
  issuer: issuer.url,
  jwks: issuer.jwks,
  'repository-id': smallClaims.repository_id,
  workflow: '.github/workflows/publish.yml',
  refs: [smallClaims.ref],
  events: [smallClaims.event_name],
}
const foreign = makeIssuer(issuer.url)

test('keys of one entry vouch for no repository of another entry', async () => {
  const made = await make()
  const job = [
    { ...entry, 'repository-id': '7' },
    { ...entry, jwks: foreign.jwks },
  ]
  expect((await judge(made, { job })).reasons[0]).toBe('token-invalid')
  expect((await judge(made, { job: [...job].reverse() })).reasons[0]).toBe('token-invalid')
})

test('new keys of an issuer stand beside the old ones, in either order', async () => {
  const made = await make()
  const job = [entry, { ...entry, jwks: foreign.jwks }]
  expect((await judge(made, { job })).reasons).toEqual([])
  expect((await judge(made, { job: [...job].reverse() })).reasons).toEqual([])
})

test('a job that no entry names is job-refused, by a key that none has token-invalid', async () => {
  const made = await make()
  expect((await judge(made, { job: [{ ...entry, refs: ['refs/tags/x'] }] })).reasons).toEqual(['job-refused'])
  const segment = smallClaims.ref.replace(/[^/]+$/, '*')
  expect((await judge(made, { job: [{ ...entry, refs: [segment] }] })).reasons).toEqual([])
  expect((await judge(made, { job: [{ ...entry, refs: ['refs/*'] }] })).reasons).toEqual(['job-refused'])
  expect((await judge(made, { job: [{ ...entry, 'workflow-refs': ['refs/*'] }] })).reasons).toEqual(['job-refused'])
  expect((await judge(made, { job: [{ ...entry, jwks: foreign.jwks }] })).reasons[0]).toBe('token-invalid')
  const change: MintChange = { lifetime: -600 }
  expect((await judge(await make({ token: change }), { job: [entry, entry] })).reasons[0]).toBe('token-expired')
})

test.each([
  ['another repository', { job_workflow_ref: 'mallory/evil/.github/workflows/publish.yml@refs/heads/main' }, {}],
  ['a name that begins alike', { job_workflow_ref: 'example/app-2/.github/workflows/publish.yml@refs/heads/main' }, {}],
  ['another file', { job_workflow_ref: 'example/app/.github/workflows/x/publish.yml@refs/heads/main' }, {}],
  [
    'a workflow_ref of its own alone',
    { job_workflow_ref: '', workflow_ref: 'mallory/evil/.github/workflows/publish.yml@refs/heads/main' },
    {},
  ],
  ['the own repository where another is pinned', {}, { 'workflow-repository': 'example/workflows' }],
  ['another commit of the workflow', { job_workflow_sha: 'b'.repeat(40) }, { 'workflow-shas': ['a'.repeat(40)] }],
  ['no commit of the workflow', {}, { 'workflow-shas': ['a'.repeat(40)] }],
])('a reusable workflow of %s is job-refused', async (_name, claims, change) => {
  expect((await judge(await make({ claims }), { job: { ...entry, ...change } })).reasons).toEqual(['job-refused'])
})

test.each([
  [
    'the pinned repository',
    { job_workflow_ref: 'Example/workflows/.github/workflows/publish.yml@refs/heads/main' },
    { 'workflow-repository': 'example/workflows' },
  ],
  ['a pinned commit', { job_workflow_sha: 'a'.repeat(40) }, { 'workflow-shas': ['b'.repeat(40), 'a'.repeat(40)] }],
])('a workflow of %s is admitted', async (_name, claims, change) => {
  expect((await judge(await make({ claims }), { job: { ...entry, ...change } })).reasons).toEqual([])
})

test('policy init pins the repository of the workflow, and its commit as a comment', async () => {
  const sha = 'e'.repeat(40)
  const claims = { job_workflow_ref: 'org/flows/.github/workflows/p.yml@refs/tags/v1', job_workflow_sha: sha }
  const made = await make({ claims })
  const { text } = await initPolicy(made.reference, { publicKeys: [], jwks: issuer.jwks }, ports)
  expect(text).toContain('  workflow-repository: "org/flows"  # another repository: ')
  expect(text).toContain(`  # workflow-shas: [${sha}]\n`)
  expect(text).toContain('  workflow-refs: ["refs/tags/v1"]\n')
  expect(text).not.toContain('strangers')
  const target = await make({ claims: { event_name: 'pull_request_target' } })
  const risky = (await initPolicy(target.reference, { publicKeys: [], jwks: issuer.jwks }, ports)).text
  expect(risky).toContain('  events: ["pull_request_target"]  # UNSAFE: strangers can start such a job')
  expect(risky).not.toContain('another repository')
})

test.each([
  ['snp', 'github-hosted', 'failed'],
  ['az-snp-vtpm', 'github-hosted', 'failed'],
  ['snp', 'self-hosted', 'passed'],
  ['snp', undefined, 'passed'],
  ['sample', 'github-hosted', 'passed'],
] as const)('%s evidence of a job that ran on a runner %s: %s', async (technology, environment, status) => {
  const { claims: base } = (await make()).base
  const run = jobSteps.find(({ id }) => id === 'job.claims')
  const gate = {
    evidence: null,
    policy: {},
    found: {
      claims: { ...base, ...(environment === undefined ? {} : { runner_environment: environment }) },
      jobs: [{ ...entry, jwks: null, window: { notBefore: null, notAfter: null } }],
      tee: [{ technology, facts: {} }],
    },
    at: now,
  } as unknown as Gate
  expect(await run?.run(gate)).toMatchObject({ status, reason: status === 'failed' ? 'job-refused' : null })
})

test('run ids of a job without token cannot be told, so they are denied', async () => {
  const selfAsserted = { 'accept-self-asserted-job': true, job: undefined }
  const made = await make({ selfAsserted: true, claims: { run_id: '900' } })
  for (const id of ['900', '901']) {
    const verdict = await judge(made, { ...selfAsserted, deny: { 'run-ids': [id] } })
    expect(verdict.reasons).toEqual(['denied'])
    expect(checkOf(verdict, 'deny.list').why).toContain(id === '900' ? '900' : 'nothing proven says')
  }
  expect((await judge(made, { ...selfAsserted, deny: { commits: ['d'.repeat(40)] } })).reasons).toEqual([])
  expect((await judge(await make(), { deny: { 'run-ids': ['41'] } })).reasons).toEqual([])
  expect((await judge(await make(), { deny: { 'run-ids': ['42'] } })).reasons).toEqual(['denied'])
})

test.each([['base'], ['layer'], ['config'], ['context']])('a denied %s refuses the image', async (what) => {
  const digest = `sha256:${'7'.repeat(64)}`
  const made = await make({
    payload: (kind, payload) =>
      kind === 'provenance' && what === 'base'
        ? Buffer.from(
            payload
              .toString()
              .replace(
                '"resolvedDependencies":[',
                `"resolvedDependencies":[{"digest":{"sha256":"${'7'.repeat(64)}"},"name":"base","uri":"example.com/base@${digest}"},`,
              ),
          )
        : payload,
  })
  const build = made.base.drafts[0]
  const layer = (await made.store.getManifest(made.base.subject.digest)).content as { layers: { digest: string }[] }
  const denied = {
    base: digest,
    layer: layer.layers[0]?.digest,
    config: build?.outputs.find(({ role }) => role === 'config')?.digest,
    context: build?.inputs[0]?.digest,
  }[what]
  expect((await judge(made, { deny: { images: [`sha256:${'8'.repeat(64)}`] } })).reasons).toEqual([])
  expect((await judge(made, { deny: { images: [denied] } })).reasons).toEqual(['denied'])
})

test('who asked for a tag is told how old its image is; an older one is refused where the policy says so', async () => {
  const made = await make({ claims: { run_number: '119' }, at: new Date(now.getTime() - 3 * 86_400_000) })
  const byTag = { ...made, reference: made.reference.replace(/@.*$/, ':latest') }
  expect(checkOf(await judge(byTag), 'rollback.tag').why).toMatch(
    /tag latest was asked for: made .*, 3 day\(s\) ago, run 119; a tag can be moved back/,
  )
  expect(checkOf(await judge(made), 'rollback.tag').why).toBe('the image was asked for by its digest')
  for (const [least, reasons] of [
    [{ 'run-number': 119 }, []],
    [{ 'run-number': 120 }, ['rolled-back']],
    [{ 'commit-time': '2023-11-14T22:13:20Z' }, []],
    [{ 'commit-time': '2023-11-14T22:13:21Z' }, ['rolled-back']],
  ] as const)
    expect((await judge(byTag, { 'not-before': least })).reasons).toEqual(reasons)
  expect((await judge(await make(), { 'not-before': { 'run-number': 1 } })).reasons).toEqual(['rolled-back'])
  expect((await judge(made, {}, { expectDigest: `sha256:${'0'.repeat(64)}` })).reasons).toEqual(['rolled-back'])
  expect(
    (await judge(made, {}, { expectCommit: smallClaims.sha, expectDigest: made.base.subject.digest })).reasons,
  ).toEqual([])
})

test('what a verdict rests on beside its evidence is among its inputs', () => {
  const inputs = (bytes: string | null) =>
    restingOn({
      context: { collateral: bytes === null ? noCollateral : { ...noCollateral, amdLists: [Buffer.from(bytes)] } },
      found: { inputs: [{ kind: 'jwks', digest: `sha256:${'1'.repeat(64)}` }] },
    } as unknown as Gate).map(({ kind, digest }) => `${kind} ${digest}`)
  expect(inputs(null)).toEqual([`jwks sha256:${'1'.repeat(64)}`])
  expect(inputs('a')[1]).toMatch(/^collateral sha256:[0-9a-f]{64}$/)
  expect(inputs('a')).toEqual(inputs('a'))
  expect(inputs('b')).not.toEqual(inputs('a'))
})
