import { z } from 'zod'
import { VerificationError } from '../../base/errors.ts'
import { textOf } from '../../base/json.ts'
import { digestSchema } from '../../journal/event.ts'
import type { JobRecord } from '../../journal/binding.ts'
import type { RuleContext } from './context.ts'

/** The job that a verdict names. */
const jobSchema = z.looseObject({
  assurance: z.string().nullable(),
  claims: z.record(z.string(), z.json()),
  instance: z.string().nullable(),
})
type VerdictJob = z.infer<typeof jobSchema>

/** The members of a verdict that every statement about it is made of. */
export const verdictMembers = {
  verified: z.boolean(),
  image: z.looseObject({
    digest: digestSchema,
    children: z.array(z.looseObject({ job: jobSchema })).optional(),
  }),
  policy: z.looseObject({ digest: digestSchema }),
  builder: z.looseObject({ id: z.string() }),
  job: jobSchema,
  exceptions: z.array(z.string()),
  keys: z.array(z.string()),
}

/** What of a verdict says whose image it is about. */
interface VerdictOfImage {
  readonly image: { readonly children?: readonly { job: VerdictJob }[] | undefined }
  readonly job: VerdictJob
  readonly keys: readonly string[]
}

/**
 * Refuses to vouch for an image of this very agent or job: who built an image does not judge it (TRUST §4).
 *
 * @throws VerificationError `self-verified`
 */
export function refuseOwn({ subject, keyId, job }: RuleContext, verdict: VerdictOfImage): void {
  // An index is of every job that made one of its manifests, and its verdict names none where they differ.
  const jobs = [verdict.job, ...(verdict.image.children ?? []).map((child) => child.job)]
  if (jobs.some(({ instance }) => instance === job.instance) || verdict.keys.includes(keyId)) {
    throw selfVerified(subject, 'its statements were signed by this very agent')
  }
  const same = jobs.map((other) => sameJob(job, other)).find((why) => why !== null)
  if (same !== undefined) throw selfVerified(subject, same)
}

/**
 * Whether the image may be of this very job, which can start as many agents as it likes: each has a key of its own, and none may vouch for what
 * another one of the job signed (TRUST §4).
 *
 * @returns why, or null
 */
function sameJob(own: JobRecord, other: VerdictJob): string | null {
  if (other.assurance !== 'token') return null
  // An agent that was started without the token of its job would pass for another job.
  if (own.assurance !== 'token') return 'its job had a token, this agent has none that says it is of another job'
  const equal = (name: string): boolean => textOf(own.claims[name] ?? '') === textOf(other.claims[name] ?? '')
  if (!['iss', 'run_id', 'run_attempt'].every(equal)) return null
  const told = [own, other].every(({ claims }) => textOf(claims['check_run_id'] ?? '') !== '')
  if (told && !equal('check_run_id')) return null
  return told ? 'it is of this very job' : 'it is of the same run, and no check_run_id says that it is of another job'
}

export function selfVerified(subject: string, why: string): VerificationError {
  return new VerificationError('self-verified', `who built an image does not vouch for it: ${why}`, {
    subject,
    remedy: 'Verify in another job, with an agent of its own.',
  })
}
