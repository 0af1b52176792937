import type { JsonObject, JsonValue } from '../base/json.ts'

/** The job that a statement was made in. `claims` are those of the token, or what a self-asserted job said of itself. */
export interface JobFacts {
  assurance: 'token' | 'self-asserted' | 'none'
  /** 128 random bits in hex; null without an agent. */
  instance: string | null
  claims: JsonObject
}

/**
 * Identity of the run: `SERVER/REPOSITORY/actions/runs/ID/attempts/N` where the claims tell all of it, else the agent's instance.
 * Without either there is none.
 */
export function invocationId(job: JobFacts): string | null {
  const server = serverUrl(job.claims)
  const repository = text(job.claims['repository'])
  const run = text(job.claims['run_id'])
  if (server !== null && repository !== null && run !== null) {
    return `${server}/${repository}/actions/runs/${run}/attempts/${text(job.claims['run_attempt']) ?? '1'}`
  }
  return job.instance === null ? null : `https://sealwright.dev/instance/${job.instance}`
}

/**
 * Web address of the server that ran the job. Tokens do not carry it, but issuers have known forms:
 * `https://token.actions.githubusercontent.com`, `https://token.actions.SUB.ghe.com` and, on GHES, `https://HOST/_services/token`.
 */
function serverUrl(claims: JsonObject): string | null {
  const issuer = text(claims['iss'])
  if (issuer === 'https://token.actions.githubusercontent.com') return 'https://github.com'
  const found =
    /^https:\/\/token\.actions\.([a-z0-9-]+\.ghe\.com)$/.exec(issuer ?? '') ??
    /^https:\/\/([a-z0-9.:-]+)\/_services\/token$/.exec(issuer ?? '')
  if (found?.[1] !== undefined) return `https://${found[1]}`
  return text(claims['server_url'])?.replace(/\/$/, '') ?? null
}

/** The workflow file and the revision that defined the job, as GitHub's own provenance names them; null where the claims lack it. */
export function workflowOf(claims: JsonObject): { ref: string; repository: string; path: string } | null {
  const found = /^([^/]+\/[^/]+)\/(.+)@(.+)$/.exec(text(claims['workflow_ref']) ?? '')
  if (found?.[1] === undefined || found[2] === undefined || found[3] === undefined) return null
  return { repository: found[1], path: found[2], ref: found[3] }
}

/** Claims that identify a run and hold no time: a payload must be the same however often it is made (TRUST §3). */
const stableClaims = [
  'actor_id',
  'base_ref',
  'check_run_id',
  'environment',
  'event_name',
  'head_ref',
  'iss',
  'job_workflow_ref',
  'job_workflow_sha',
  'ref',
  'ref_type',
  'repository',
  'repository_id',
  'repository_owner_id',
  'repository_visibility',
  'run_attempt',
  'run_id',
  'runner_environment',
  'sha',
  'sub',
  'workflow_ref',
  'workflow_sha',
] as const

export function stableClaimsOf(claims: JsonObject): Record<string, string> {
  return Object.fromEntries(
    stableClaims.map((key) => [key, text(claims[key])]).filter((pair): pair is [string, string] => pair[1] !== null),
  )
}

function text(value: JsonValue | undefined): string | null {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : null
}
