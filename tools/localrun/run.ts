import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join, relative, resolve } from 'node:path'
import { Masks } from './commands.ts'
import { condition, interpolate, type Status } from './expressions.ts'
import { runJob } from './job.ts'
import { startIssuer, type Issuer } from './oidc.ts'
import { readWorkflow, type Job, type Workflow } from './workflow.ts'

export interface RunOptions {
  /** Workflow file, inside the repository. */
  workflow: string
  repository: string
  /** Scratch folder: one workspace and one temp for each job. */
  directory: string
  event: string
  inputs: Record<string, string>
  secrets: Record<string, string>
  env: Record<string, string>
  /** Claims and `github.*` values of the run, over the defaults. */
  claims?: Record<string, string>
  node: string
  show: (line: string) => void
  /** Started by the caller when its keys are needed before the run. */
  issuer?: Issuer
  /** The machine that a job runs on, where it is not just this one: variables of its own, as a runner's admin sets them. */
  machine?: (job: string) => Promise<JobMachine>
}

export interface JobMachine {
  env: Record<string, string>
  end(): Promise<void>
}

export interface RunResult {
  result: 'success' | 'failure'
  jobs: Record<string, { result: string; outputs: Record<string, string>; summary: string }>
  outputs: Record<string, string>
}

/** Runs a workflow file on this machine. It is not GitHub's runner: what it does not know it refuses. */
export async function runWorkflow(options: RunOptions): Promise<RunResult> {
  const workflow = readWorkflow(resolve(options.repository, options.workflow))
  if (!(options.event in workflow.on)) throw new Error(`${options.workflow} is not started by ${options.event}`)
  const issuer = options.issuer ?? (await startIssuer())
  try {
    const facts = { ...runFacts(options, workflow), ...options.claims }
    const inputs = workflowInputs(workflow, options.event, options.inputs)
    return await new WorkflowRun(options, issuer, facts).run(workflow, inputs, options.workflow, '')
  } finally {
    if (options.issuer === undefined) await issuer.close()
  }
}

class WorkflowRun {
  private readonly options: RunOptions
  private readonly issuer: Issuer
  private readonly facts: Record<string, string>
  private readonly masks = new Masks()

  constructor(options: RunOptions, issuer: Issuer, facts: Record<string, string>) {
    this.options = options
    this.issuer = issuer
    this.facts = facts
    for (const value of Object.values(options.secrets)) this.masks.add(value)
  }

  async run(workflow: Workflow, inputs: Record<string, unknown>, file: string, prefix: string): Promise<RunResult> {
    const jobs: RunResult['jobs'] = {}
    for (const id of ordered(workflow.jobs)) {
      const job = workflow.jobs[id] as Job
      const needs = Object.fromEntries(needsOf(job).map((need) => [need, jobs[need]]))
      const failed = Object.values(needs).some((need) => need?.result !== 'success')
      const contexts = {
        github: this.facts,
        inputs,
        needs,
        secrets: this.options.secrets,
        vars: {},
        env: {},
        runner: {},
      }
      if (!condition(job.if, contexts, { failed, cancelled: false })) {
        jobs[id] = { result: 'skipped', outputs: {}, summary: '' }
        continue
      }
      this.options.show(`job ${prefix}${id}`)
      jobs[id] =
        job.uses === undefined
          ? await this.job(id, job, workflow, contexts, file, prefix)
          : await this.called(id, job, contexts, prefix)
    }
    const result = Object.values(jobs).some((job) => job.result === 'failure') ? 'failure' : 'success'
    const declared = workflow.on['workflow_call']?.outputs ?? {}
    const outputs = Object.entries(declared).map(([name, output]) => [
      name,
      interpolate(output.value, { jobs, inputs, github: this.facts }, ok),
    ])
    return { result, jobs, outputs: Object.fromEntries(outputs) as Record<string, string> }
  }

  /** A job that calls a reusable workflow of the same repository. */
  private async called(
    id: string,
    job: Job,
    contexts: Record<string, unknown>,
    prefix: string,
  ): Promise<RunResult['jobs'][string]> {
    const uses = job.uses ?? ''
    if (!uses.startsWith('./')) throw new Error(`this runner calls workflows of its own repository, not ${uses}`)
    const workflow = readWorkflow(resolve(this.options.repository, uses))
    const given = Object.entries(job.with ?? {}).map(([key, v]) => [key, interpolate(v, contexts, ok)])
    const inputs = workflowInputs(workflow, 'workflow_call', Object.fromEntries(given) as Record<string, string>)
    const done = await this.run(workflow, inputs, uses.slice(2), `${prefix}${id} / `)
    const summary = Object.values(done.jobs)
      .map((j) => j.summary)
      .join('\n')
    return { result: done.result, outputs: done.outputs, summary }
  }

  private async job(
    id: string,
    job: Job,
    workflow: Workflow,
    contexts: Record<string, unknown>,
    file: string,
    prefix: string,
  ): Promise<RunResult['jobs'][string]> {
    const { options, facts } = this
    const folder = join(options.directory, `${prefix}${id}`.replaceAll(' / ', '-'))
    const workspace = join(folder, 'work')
    const temp = join(folder, 'temp')
    const reference = `${facts['repository'] ?? ''}/${file}@${facts['ref'] ?? ''}`
    const claims = {
      ...facts,
      job_workflow_ref: reference,
      job_workflow_sha: facts['sha'] ?? '',
      check_run_id: String(parseInt(randomBytes(4).toString('hex'), 16)),
    }
    const runner = {
      os: 'Linux',
      arch: process.arch === 'arm64' ? 'ARM64' : 'X64',
      temp,
      name: 'localrun',
      environment: 'self-hosted',
    }
    const github = { ...facts, workspace, job: id }
    const env: Record<string, unknown> = { ...workflow.env, ...job.env }
    const all = { ...contexts, github, runner, env }
    const values = Object.fromEntries(Object.entries(env).map(([key, v]) => [key, interpolate(v, all, ok)]))
    const machine = (await options.machine?.(id)) ?? { env: {}, end: async () => {} }
    const done = await runJob({
      id,
      steps: job.steps ?? [],
      repository: options.repository,
      workspace,
      temp,
      node: options.node,
      contexts: { ...all, env: values },
      masks: this.masks,
      show: options.show,
      env: {
        ...baseEnvironment(facts, id, workspace, temp),
        RUNNER_OS: runner.os,
        RUNNER_ARCH: runner.arch,
        ...options.env,
        ...machine.env,
        ...this.issuer.forJob(claims),
        ...values,
      },
    }).finally(() => machine.end())
    const outputs = Object.entries(job.outputs ?? {}).map(([name, value]) => [
      name,
      interpolate(value, { ...all, steps: done.steps }, ok),
    ])
    for (const [name, value] of outputs) {
      if (this.masks.hides(value ?? '')) throw new Error(`output ${name} of job ${id} holds a secret`)
    }
    return {
      result: done.result,
      outputs: Object.fromEntries(outputs) as Record<string, string>,
      summary: done.summary,
    }
  }
}

const ok: Status = { failed: false, cancelled: false }

function needsOf(job: Job): string[] {
  return job.needs === undefined ? [] : [job.needs].flat()
}

function ordered(jobs: Record<string, Job>): string[] {
  const done: string[] = []
  let left = Object.keys(jobs)
  while (left.length > 0) {
    const ready = left.filter((id) => needsOf(jobs[id] as Job).every((need) => done.includes(need)))
    if (ready.length === 0) throw new Error(`the jobs ${left.join(', ')} need each other, or a job that is not there`)
    done.push(...ready)
    left = left.filter((id) => !ready.includes(id))
  }
  return done
}

function workflowInputs(workflow: Workflow, event: string, given: Record<string, string>): Record<string, unknown> {
  const declared = workflow.on[event]?.inputs ?? {}
  for (const name of Object.keys(given)) if (!(name in declared)) throw new Error(`the workflow has no input ${name}`)
  return Object.fromEntries(
    Object.entries(declared).map(([name, input]) => {
      const value = given[name] ?? input.default
      if (value === undefined && input.required === true) throw new Error(`input ${name} is required`)
      return [name, input.type === 'boolean' ? String(value ?? false) === 'true' : (value ?? '')]
    }),
  )
}

/** Claims of the run's tokens and members of `github.*`, under the names that GitHub has for them. */
function runFacts(options: RunOptions, workflow: Workflow): Record<string, string> {
  const sha = execFileSync('git', ['-C', options.repository, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()
  const file = relative(options.repository, resolve(options.repository, options.workflow))
  const repository = 'example/app'
  const ref = 'refs/heads/main'
  return {
    repository,
    repository_id: '100001',
    repository_owner: 'example',
    repository_owner_id: '100000',
    repository_visibility: 'private',
    sha,
    ref,
    ref_name: 'main',
    ref_type: 'branch',
    event_name: options.event,
    actor: 'localrun',
    actor_id: '1',
    run_id: String(Date.now()),
    run_number: '1',
    run_attempt: '1',
    workflow: workflow.name ?? file,
    workflow_ref: `${repository}/${file}@${ref}`,
    workflow_sha: sha,
    runner_environment: 'self-hosted',
    server_url: 'https://github.com',
  }
}

function baseEnvironment(
  facts: Record<string, string>,
  job: string,
  workspace: string,
  temp: string,
): Record<string, string> {
  const github = Object.entries(facts)
    .filter(([name]) => name !== 'runner_environment')
    .map(([name, value]) => [`GITHUB_${name.toUpperCase()}`, value])
  return {
    ...machineEnvironment(),
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    ...(Object.fromEntries(github) as Record<string, string>),
    GITHUB_JOB: job,
    GITHUB_WORKSPACE: workspace,
    RUNNER_TEMP: temp,
    RUNNER_TOOL_CACHE: join(temp, '..', 'tools'),
    RUNNER_NAME: 'localrun',
    RUNNER_ENVIRONMENT: 'self-hosted',
    RUNNER_TRACKING_ID: `localrun_${randomBytes(8).toString('hex')}`,
  }
}

/** What a runner's service has of its machine (PATH, proxies, certificates), without anything of another run. */
function machineEnvironment(): Record<string, string> {
  const foreign = /^(GITHUB_|ACTIONS_|RUNNER_|INPUT_|STATE_|SEALWRIGHT_|npm_)/
  const kept = Object.entries(process.env).filter(([name, value]) => value !== undefined && !foreign.test(name))
  return Object.fromEntries(kept) as Record<string, string>
}
