import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { JsonObject } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { sha256 } from '../base/streams.ts'
import { jcs } from '../encoding/jcs.ts'
import { audienceFor, type Binding, type JobRecord } from '../journal/binding.ts'
import type { Digest } from '../oci/types.ts'
import { requestToken } from './oidc.ts'
import { parentWatch, type Watch } from './start-message.ts'

export interface Job {
  record: JobRecord
  jwt: string | null
}

/** Claims that the environment of a job without token has a word for; anybody could write them. */
const selfAsserted: Readonly<Record<string, string>> = {
  actor: 'GITHUB_ACTOR',
  actor_id: 'GITHUB_ACTOR_ID',
  base_ref: 'GITHUB_BASE_REF',
  event_name: 'GITHUB_EVENT_NAME',
  head_ref: 'GITHUB_HEAD_REF',
  job: 'GITHUB_JOB',
  ref: 'GITHUB_REF',
  ref_type: 'GITHUB_REF_TYPE',
  repository: 'GITHUB_REPOSITORY',
  repository_id: 'GITHUB_REPOSITORY_ID',
  repository_owner: 'GITHUB_REPOSITORY_OWNER',
  repository_owner_id: 'GITHUB_REPOSITORY_OWNER_ID',
  run_attempt: 'GITHUB_RUN_ATTEMPT',
  run_id: 'GITHUB_RUN_ID',
  run_number: 'GITHUB_RUN_NUMBER',
  server_url: 'GITHUB_SERVER_URL',
  sha: 'GITHUB_SHA',
  workflow: 'GITHUB_WORKFLOW',
  workflow_ref: 'GITHUB_WORKFLOW_REF',
  workflow_sha: 'GITHUB_WORKFLOW_SHA',
}

/**
 * Who this job is: by token where the runner gives one, else by its own word.
 *
 * @param machine this is an agent of the machine: it asks nothing of its own machine for a job
 */
export async function identifyJob(keyId: string, ports: Ports, machine: boolean): Promise<Job> {
  const instance = ports.random(16).toString('hex')
  const token = await requestToken(audienceFor(keyId), ports, machine)
  if (token !== null) {
    const record = { assurance: 'token' as const, token: sha256(token.jwt), instance, claims: token.claims }
    return { record, jwt: token.jwt }
  }
  const claims: JsonObject = {}
  for (const [claim, variable] of Object.entries(selfAsserted)) {
    const value = ports.env[variable]
    if (value !== undefined && value !== '') claims[claim] = value
  }
  return { record: { assurance: 'self-asserted', token: null, instance, claims }, jwt: null }
}

/**
 * What tells one job from another. The first five are equal for all legs of a matrix; the runner's tracking id is a GUID that it draws for each
 * job and gives to every step, and the token request's URL and secret are those of one job.
 */
const runVariables = [
  'GITHUB_SERVER_URL',
  'GITHUB_REPOSITORY',
  'GITHUB_RUN_ID',
  'GITHUB_RUN_ATTEMPT',
  'GITHUB_JOB',
  'RUNNER_NAME',
  'RUNNER_TRACKING_ID',
  'ACTIONS_ID_TOKEN_REQUEST_URL',
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
]

/** Tells the steps of one job from those of another, for reuse of a living agent. No proof of anything: the token is that. */
export function runFingerprint(env: Ports['env']): Digest {
  return sha256(jcs(runVariables.map((name) => env[name] ?? ''))) as Digest
}

/** What a step or hook knows of its own job: the fingerprint of its environment and, on GitHub's runner, the worker process above it. */
export interface JobMark {
  run: Digest
  watch: Watch | null
}

export async function jobMark(ports: Ports): Promise<JobMark> {
  return { run: runFingerprint(ports.env), watch: await parentWatch(ports) }
}

/** Whether two marks are of one job. Where one has seen no worker (a step in a container), the fingerprint has to do. */
export function sameJob(one: JobMark, other: JobMark): boolean {
  const { watch: a } = one
  const { watch: b } = other
  return one.run === other.run && (a === null || b === null || (a.pid === b.pid && a.start === b.start))
}

/**
 * Where the freshness of the reports comes from (TRUST §2): what the verifier gave, else the token, else nothing.
 *
 * @param given `verifier:VALUE`, `kbs:VALUE`, `log:VALUE`, `none`, or '' and `oidc` for the default
 */
export function nonceOf(given: string, job: Job): Binding['nonce'] {
  const found = /^(verifier|kbs|log):(.{1,1024})$/s.exec(given)
  if (found?.[1] !== undefined && found[2] !== undefined) {
    return { source: found[1] as 'verifier' | 'kbs' | 'log', value: found[2] }
  }
  const { token, claims } = job.record
  if (token === null || given === 'none') return { source: 'none', value: '' }
  const { jti, iat } = claims
  return { source: 'oidc', value: `${typeof jti === 'string' ? jti : token}@${String(iat)}` }
}

/**
 * The boot that this machine is in. `jobs` is 1 unless the machine's agent counted (TRUST §2): one that is started by its job knows of this job
 * alone; its level is never more than `machine-only`.
 */
export async function bootFacts(ports: Ports, jobs = 1): Promise<Binding['boot']> {
  const id = await readFile(join(ports.roots.proc, 'sys/kernel/random/boot_id'), 'latin1').catch(() => 'unknown')
  return { id: id.trim(), jobs }
}
