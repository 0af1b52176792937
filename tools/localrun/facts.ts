import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join, relative, resolve } from 'node:path'
import type { RunOptions } from './types.ts'
import type { Workflow } from './workflow.ts'

/** Claims of the run's tokens and members of `github.*`, under the names that GitHub has for them. */
export function runFacts(options: RunOptions, workflow: Workflow): Record<string, string> {
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

export function baseEnvironment(
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
