import { TransportError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, textOf, type JsonObject } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import type { Jwks } from '../../journal/token.ts'
import type { Evidence } from '../evidence.ts'

/** The token of the job and the keys that it is judged by. */
export interface JobFacts {
  issuer: string
  jwks: Jwks
  claims: JsonObject
}

/**
 * Reads the job's token; null where the evidence carries none. Its claims are not believed here: the gate checks them with the very policy that is made
 * of them.
 *
 * @param jwks keys of the issuer; by default those that it publishes
 * @throws VerificationError `token-invalid`; TransportError where the issuer cannot be reached
 */
export async function jobOf(
  { token }: Pick<Evidence, 'token'>,
  jwks: Jwks | undefined,
  ports: Ports,
): Promise<JobFacts | null> {
  if (token === null) return null
  const claims = parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'), 'the token')
  if (!isObject(claims) || typeof claims['iss'] !== 'string')
    throw new VerificationError('token-invalid', 'the token names no issuer', { subject: 'token' })
  if (jwks !== undefined) return { issuer: claims['iss'], jwks, claims }
  return { issuer: claims['iss'], jwks: await publishedKeys(claims['iss'], ports), claims }
}

async function publishedKeys(issuer: string, ports: Ports): Promise<Jwks> {
  const { jwksOf } = await import('../../agent/oidc.ts')
  try {
    return await jwksOf(issuer, ports)
  } catch (cause) {
    if (!(cause instanceof TransportError)) throw cause
    throw new TransportError(cause.code, `the keys of the token issuer "${issuer}" cannot be read: ${cause.message}`, {
      subject: issuer,
      cause,
      remedy: 'Try again where the issuer can be reached, or give its keys by `--jwks FILE`.',
    })
  }
}

/** Section `job`: issuer with its keys, repository, workflow, ref and event, with the workflow's commit as a comment. */
export function jobLines({ issuer, jwks, claims }: JobFacts): string[] {
  // JSON strings are YAML strings: no claim can add a line.
  const text = (name: string): string => JSON.stringify(textOf(claims[name] ?? ''))
  const reusable = textOf(claims['job_workflow_ref'] ?? '') !== ''
  const [ref, sha] = reusable ? ['job_workflow_ref', 'job_workflow_sha'] : ['workflow_ref', 'workflow_sha']
  const workflow = /^([^/]+\/[^/]+)\/(.+)@(.+)$/.exec(textOf(claims[ref] ?? ''))
  const commit = /^[0-9a-f]{40,64}$/.exec(textOf(claims[sha] ?? ''))?.[0]
  const foreign = workflow?.[1] !== undefined && workflow[1] !== claims['repository']
  const byStrangers = ['pull_request_target', 'workflow_run'].includes(textOf(claims['event_name'] ?? ''))
  return [
    'job:',
    `  issuer: ${JSON.stringify(issuer)}`,
    `  jwks: ${JSON.stringify({ keys: jwks.keys })}`,
    `  repository: ${text('repository')}`,
    `  repository-id: ${text('repository_id')}`,
    `  workflow-repository: ${JSON.stringify(workflow?.[1] ?? '')}${foreign ? '  # another repository: who writes there decides what the job does' : ''}`,
    `  workflow: ${JSON.stringify(workflow?.[2] ?? '')}`,
    ...(workflow?.[3] === undefined || workflow[3] === claims['ref']
      ? []
      : [`  workflow-refs: [${JSON.stringify(workflow[3])}]`]),
    ...(commit === undefined ? [] : [`  # workflow-shas: [${commit}]`]),
    `  refs: [${text('ref')}]`,
    `  events: [${text('event_name')}]${byStrangers ? '  # UNSAFE: strangers can start such a job, with rights of the repository' : ''}`,
  ]
}
