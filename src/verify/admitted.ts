import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson, type JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { audienceFor } from '../journal/binding.ts'
import type { Jwks } from '../journal/token.ts'
import type { EvidenceHead } from './evidence.ts'
import { issuerKeys } from './issuer.ts'
import { receiverPolicy } from './policy/receiver.ts'
import type { Policy, ResolvedJob } from './policy/load.ts'

/** When the job of an evidence bundle got its token, in seconds since 1970; null where it does not count as a candidate. */
export type Admission = (head: EvidenceHead) => Promise<number | null>

/**
 * The cheap check that comes before anything else of a candidate (TRUST §5.2): a token by an issuer that the policy names, for this very key,
 * of a repository that an entry of `job` names. A pusher can forge none of that. All other claims are compared by the steps of §5.5, which
 * give their reasons. A job without a token is a candidate only where the policy accepts one.
 *
 * @throws from the returned function: TransportError when the keys of an issuer cannot be fetched
 */
export function admission(policy: Policy, ports: Ports): Admission {
  // Keys are fetched once a question, however many bundles carry a token of the same issuer.
  const fetched = new Map<ResolvedJob, Promise<Jwks>>()
  const keysOf = (job: ResolvedJob): Promise<Jwks> => {
    const found = fetched.get(job) ?? issuerKeys(job, ports)
    fetched.set(job, found)
    return found
  }
  return async (head) => {
    const { job, time } = head.binding
    if (head.token === null)
      return job.assurance === 'self-asserted' && policy.accepts.has('accept-self-asserted-job') ? 0 : null
    const claimed = claimsOf(head.token)
    const entries = policy.jobs.filter(
      (entry) => entry.issuer === claimed?.['iss'] && entry['repository-id'] === claimed['repository_id'],
    )
    const { verifyToken } = await import('../journal/token.ts')
    for (const entry of entries) {
      try {
        const verified = await verifyToken(head.token, await keysOf(entry), {
          issuer: entry.issuer,
          audience: audienceFor(head.key.thumbprint),
          at: new Date(time),
        })
        return Number(verified['iat'])
      } catch (error) {
        if (!(error instanceof VerificationError)) throw error
      }
    }
    return null
  }
}

/** As {@link admission}, for all jobs whose agents may sign promotion records; undefined where the policy names none. */
export function receiverAdmission(policy: Policy, ports: Ports): Admission | undefined {
  const jobs = policy.claims.flatMap((claim) => claim.jobs)
  return jobs.length === 0 ? undefined : admission(receiverPolicy(policy, jobs, null), ports)
}

/** What a token says before its signature is checked: it only picks the entries whose keys it is then checked with. */
function claimsOf(token: string): Record<string, JsonValue> | null {
  try {
    const value = parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'), 'the token')
    return isObject(value) ? value : null
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}
