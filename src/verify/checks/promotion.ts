import { readPredicate, type PredicateOf } from '../../statement/schemas/predicate.ts'
import type { PolicyClaim } from '../policy/claims.ts'
import type { JobRecord } from '../receiver-jobs.ts'
import { failed, passed, type Outcome } from '../step.ts'

type Wanted = PolicyClaim['promotion']
type Record = PredicateOf<'promotion'>

/** Whether a record is for the environment and the repository that a policy asks for. */
export function isAllowed(
  wanted: NonNullable<Wanted>,
  { environment, to }: { environment?: string | null | undefined; to: { name: string } },
): boolean {
  return (
    (wanted.environment === undefined || wanted.environment === environment) &&
    (wanted.to === undefined || wanted.to === to.name)
  )
}

/** The records that {@link isAllowed} takes, for a refusal: `for environment production and to host/name`. */
export function promotionInWords(wanted: Wanted): string {
  const parts = [
    ...(wanted?.environment === undefined ? [] : [`for environment ${wanted.environment}`]),
    ...(wanted?.to === undefined ? [] : [`to ${wanted.to}`]),
  ]
  return parts.join(' and ')
}

/** The newest record of a receiver, once its signer, age and environment are those that the policy asks for. */
export function judgePromotion(wanted: Wanted, record: Record, manifest: string): Outcome {
  const { policy, to, environment, promotedOn } = record
  if (wanted?.policies !== undefined && !wanted.policies.includes(policy.digest))
    return failed(
      'policy-invalid',
      `the receiver verified the image by the policy ${policy.digest}, which \`policies\` does not name`,
      manifest,
    )
  return passed(`promoted to ${to.name} on ${promotedOn}${forEnvironment(environment)}`, manifest)
}

function forEnvironment(environment: Record['environment']): string {
  return typeof environment === 'string' ? ` for environment ${environment}` : ''
}

/** A record by the agent of a job that passed every check. It quotes foreign text: whoever prints it escapes it. */
export function promotedByJob({ claim, job }: Pick<JobRecord, 'claim' | 'job'>): string {
  const { to, environment, promotedOn } = readPredicate('promotion', claim.statement.predicate, claim.manifest)
  const allowed = typeof environment === 'string' ? `, allowed in ${environment}` : ''
  return `promoted by job ${job} to ${to.name} on ${promotedOn}${allowed}`
}
