import { randomBytes } from 'node:crypto'
import { join, relative, resolve } from 'node:path'
import { Masks } from './commands.ts'
import { condition, interpolate, type Contexts, type Status } from './expressions.ts'
import { baseEnvironment, runFacts } from './facts.ts'
import { runJob } from './job.ts'
import { startIssuer, type Issuer } from './oidc.ts'
import type { RunOptions, RunResult } from './types.ts'
import { inside, parseUses, Sources, type Source } from './sources.ts'
import { readWorkflow, type Job, type Workflow } from './workflow.ts'

/** Runs a workflow file on this machine. It is not GitHub's runner: what it does not know it refuses. */
export async function runWorkflow(options: RunOptions): Promise<RunResult> {
  const workflow = readWorkflow(resolve(options.repository, options.workflow))
  if (!(options.event in workflow.on)) throw new Error(`${options.workflow} is not started by ${options.event}`)
  const issuer = options.issuer ?? (await startIssuer())
  try {
    const facts = { ...runFacts(options, workflow), ...options.claims }
    const inputs = workflowInputs(workflow, options.event, options.inputs)
    const run = new WorkflowRun(options, issuer, facts)
    return await run.run({ workflow, inputs, file: options.workflow, source: run.own, secrets: options.secrets }, '')
  } finally {
    if (options.issuer === undefined) await issuer.close()
  }
}

/** A workflow file, where it came from, and what it was given. */
interface Given {
  workflow: Workflow
  inputs: Record<string, unknown>
  /** Path in its repository. */
  file: string
  source: Source
  secrets: Record<string, string>
}

class WorkflowRun {
  readonly own: Source
  private readonly options: RunOptions
  private readonly issuer: Issuer
  private readonly facts: Record<string, string>
  private readonly masks = new Masks()
  private readonly sources: Sources

  constructor(options: RunOptions, issuer: Issuer, facts: Record<string, string>) {
    this.options = options
    this.issuer = issuer
    this.facts = facts
    for (const value of Object.values(options.secrets)) this.masks.add(value)
    this.sources = new Sources(options.repositories ?? {}, join(options.directory, 'sources'))
    const { repository = '', ref = '', sha = '' } = facts
    this.own = this.sources.own(repository, ref, sha, options.repository)
  }

  async run(given: Given, prefix: string): Promise<RunResult> {
    const { workflow, inputs } = given
    const jobs: RunResult['jobs'] = {}
    for (const id of ordered(workflow.jobs)) {
      const job = workflow.jobs[id] as Job
      const needs = Object.fromEntries(needsOf(job).map((need) => [need, jobs[need]]))
      const failed = Object.values(needs).some((need) => need?.result !== 'success')
      const contexts = {
        github: this.facts,
        inputs,
        needs,
        secrets: given.secrets,
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
          ? await this.job(id, job, given, contexts, prefix)
          : await this.called(id, job, given, contexts, prefix)
    }
    const result = Object.values(jobs).some((job) => job.result === 'failure') ? 'failure' : 'success'
    const declared = workflow.on['workflow_call']?.outputs ?? {}
    const outputs = Object.entries(declared).map(([name, output]) => [
      name,
      interpolate(output.value, { jobs, inputs, github: this.facts }, ok),
    ])
    return { result, jobs, outputs: Object.fromEntries(outputs) as Record<string, string> }
  }

  /** A job that calls a reusable workflow, of the same repository and commit or of another one. */
  private async called(
    id: string,
    job: Job,
    from: Given,
    contexts: Record<string, unknown>,
    prefix: string,
  ): Promise<RunResult['jobs'][string]> {
    const uses = parseUses(job.uses ?? '')
    const source = uses.kind === 'remote' ? this.sources.remote(uses.repository, uses.ref) : from.source
    const file = relative('.', uses.path)
    const workflow = readWorkflow(await inside(source, file))
    if (!('workflow_call' in workflow.on)) throw new Error(`"${file}" cannot be called: it has no workflow_call`)
    const values = Object.entries(job.with ?? {}).map(([key, v]) => [key, interpolate(v, contexts, ok)])
    const inputs = workflowInputs(workflow, 'workflow_call', Object.fromEntries(values) as Record<string, string>)
    const secrets = secretsFor(job, contexts, from.secrets)
    const done = await this.run({ workflow, inputs, file, source, secrets }, `${prefix}${id} / `)
    const summary = Object.values(done.jobs)
      .map((j) => j.summary)
      .join('\n')
    return { result: done.result, outputs: done.outputs, summary }
  }

  private async job(
    id: string,
    job: Job,
    { workflow, file, source }: Given,
    contexts: Record<string, unknown>,
    prefix: string,
  ): Promise<RunResult['jobs'][string]> {
    const { options, facts } = this
    const folder = join(options.directory, `${prefix}${id}`.replaceAll(' / ', '-'))
    const workspace = join(folder, 'work')
    const temp = join(folder, 'temp')
    const claims = {
      ...facts,
      job_workflow_ref: `${source.repository}/${file}@${source.ref}`,
      job_workflow_sha: source.sha,
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
      source,
      sources: this.sources,
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

/** A called workflow sees the secrets that the calling job hands over by name, or all with `inherit`, else none. */
function secretsFor(job: Job, contexts: Contexts, own: Record<string, string>): Record<string, string> {
  const { secrets } = job
  if (secrets === undefined) return {}
  if (secrets === 'inherit') return own
  return Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, interpolate(value, contexts, ok)]))
}

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
