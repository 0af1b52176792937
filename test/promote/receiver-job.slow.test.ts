import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../src/base/json.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { findStatements } from '../../src/sign/find.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { startWorkingJob, stopJobs, type WorkingJob } from '../../testkit/working-job.ts'
import { open } from './support.ts'

/** One job builds, another promotes with its agent, and a third admits by the record of the second and builds on the image. */
afterAll(stopJobs)

const workflow = 'example/ops/.github/workflows/promote.yml@refs/heads/main'
const machines = { 'accept-sample': true, 'accept-unproven-time': true }

function file(job: WorkingJob, name: string, content: object): string {
  const path = join(job.ports.roots.cwd, name)
  writeFileSync(path, JSON.stringify(content))
  return path
}

/** A `job` entry for the jobs of one job's issuer. */
async function entryFor({ client }: WorkingJob): Promise<JsonObject> {
  const { claims } = await client.status()
  const path = String(claims['job_workflow_ref'] ?? claims['workflow_ref'])
  return {
    issuer: claims['iss'] ?? '',
    jwks: (await (await fetch(`${String(claims['iss'])}/jwks`)).json()) as JsonObject,
    'repository-id': claims['repository_id'] ?? '',
    workflow: /^[^/]+\/[^/]+\/(.+)@/.exec(path)?.[1] ?? '',
    refs: [claims['ref'] ?? ''],
    events: [claims['event_name'] ?? ''],
  }
}

test('the record of a promoting job admits the image and makes it a golden base, and only that of a named job does', async () => {
  const builder = await startWorkingJob()
  const { image } = (await builder.run('sign-attest', { output: 'oci:published:v1' })).outputs
  const policy = {
    version: 1,
    job: await entryFor(builder),
    ...machines,
    'accept-unbound-source': true,
    'accept-not-rebuilt': true,
  }

  const promoter = await startWorkingJob(
    {
      repository: 'example/ops',
      repository_id: '5005',
      workflow_ref: workflow,
      job_workflow_ref: workflow,
      run_id: '7',
    },
    {},
    false,
  )
  const entry = await entryFor(promoter)
  const golden = join(promoter.ports.roots.cwd, 'golden')
  const toPolicy = (jobs: JsonObject[]): object => ({ ...policy, promotions: [{ jobs, environment: 'production' }] })
  const promote = (jobs: JsonObject[]): ReturnType<WorkingJob['run']> =>
    promoter.run('promote', {
      from: image ?? '',
      to: `oci:${golden}:v1`,
      policy: file(promoter, 'policy.yml', policy),
      'to-policy': file(promoter, 'to-policy.yml', toPolicy(jobs)),
      environment: 'production',
      class: 'golden',
      signer: 'agent',
    })
  // The record exists for the gate alone until it is admitted.
  const other = { ...entry, 'repository-id': '6006' }
  const refused = await promote([other])
  expect([refused.outputs['promoted'], refused.outputs['reasons']]).toEqual(['false', 'job-refused'])
  const { digest = '' } = /@(?<digest>.*)$/.exec(image ?? '')?.groups ?? {}
  const { descriptor } = await open(`oci:${golden}`).getManifest(digest as `sha256:${string}`)
  const records = (): ReturnType<typeof findStatements> =>
    findStatements(open(`oci:${golden}`), descriptor, { predicateTypes: [predicateTypes.promotion] })
  expect(await records()).toHaveLength(0)
  const done = await promote([other, entry])
  expect([done.outputs['promoted'], done.outputs['reasons']]).toEqual(['true', ''])
  expect(await records()).toHaveLength(1)

  const gate = await startWorkingJob({ run_id: '8' }, {}, false)
  const verify = async (jobs: JsonObject[]): Promise<Verdict> => {
    const given = { image: `oci:${golden}:v1`, policy: file(gate, 'gate.yml', toPolicy(jobs)), enforce: 'warn' }
    const { outputs, report } = await gate.run('verify-deploy', { ...given, signer: 'none' })
    expect(Object.fromEntries(report?.facts ?? [])['Promoted'] ?? '').toMatch(jobs.includes(entry) ? words : /^$/)
    return JSON.parse(readFileSync(outputs['verdict-path'] ?? '', 'utf8')) as Verdict
  }
  const words =
    /^promoted by job example\/ops \(example\/ops\/\.github\/workflows\/promote\.yml@refs\/heads\/main, run 7\) to localhost\/golden on .*, allowed in production$/
  expect((await verify([entry])).reasons).toEqual([])
  expect((await verify([other])).reasons).toEqual(['job-refused'])

  const source = join(gate.ports.roots.cwd, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'Containerfile'), `FROM oci:${golden}@${digest}\nCOPY Containerfile /c\n`)
  const build = (jobs: JsonObject[]): ReturnType<WorkingJob['run']> =>
    gate.run('build-reproducible', {
      context: 'source',
      builder: 'embedded',
      output: 'oci:derived:v1',
      'source-date-epoch': '1700000000',
      bases: 'golden',
      'bases-policy': file(gate, 'bases.yml', { version: 1, jobs, machines }),
    })
  await expect(build([other])).rejects.toMatchObject({ code: 'job-refused' })
  const built = await build([entry])
  const record = readFileSync(built.outputs['build-record-path'] ?? '', 'utf8')
  expect(record).toMatch(/"promotion":"sha256:/)
}, 120_000)
