import { textOf } from '../base/json.ts'
import { builderId } from '../statement/builder-id.ts'
import { policyOf } from '../journal/subject-roles.ts'
import type { Gate } from './candidate.ts'
import type { Verdict } from './types.ts'

/** Who built an image that its job only admitted, and under what; undefined for an image that its job built. */
export function originOf({ found }: Pick<Gate, 'found'>): Verdict['origin'] {
  const { foreign } = found
  if (foreign === undefined) return undefined
  const { admission, signers, builder, plain } = foreign
  return {
    plain,
    builder,
    signers,
    admitted: {
      policy: admission === null ? null : policyOf(admission),
      builder: found.builderId ?? builderId(null),
    },
  }
}

/**
 * `built by …, admitted by …`, for the reader of a verdict; null for an image that its job built. It quotes foreign text: whoever prints it escapes it.
 */
export function originInWords({
  origin,
  job,
}: Partial<Pick<Verdict, 'origin' | 'job'>>): { built: string; admitted: string } | null {
  if (origin === undefined) return null
  const { builder, signers, admitted } = origin
  const signed = signers === null ? 'nobody that the policy names' : signers
  const repository = textOf(job?.claims['repository'] ?? '')
  const by = repository === '' ? 'a job without a token' : `a job of ${repository}`
  const under = admitted.policy === null ? 'no policy that counts' : `the policy ${admitted.policy}`
  return {
    built: builder === null ? `an unnamed builder, for ${signed}` : `${builder}, for ${signed}`,
    admitted: `${by} on ${admitted.builder}, under ${under}`,
  }
}

/** What the promotion records that counted say, by whose word; '' where none was asked for. It quotes foreign text: whoever prints it escapes it. */
export function promotedInWords({ checks }: Pick<Verdict, 'checks'>): string {
  const found = checks.filter(({ id, status }) => id === 'promotion' && status === 'passed').map(({ why }) => why)
  return [...new Set(found)].join('; ')
}
