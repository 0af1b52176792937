import { z } from 'zod'
import { VerificationError } from '../../base/errors.ts'
import { textOf } from '../../base/json.ts'
import { parseJcs } from '../../encoding/jcs.ts'
import type { JobRecord } from '../../journal/binding.ts'
import { digestSchema, roles } from '../../journal/event.ts'
import { builderId } from '../../statement/builder-id.ts'
import { makeStatement } from '../../statement/statement.ts'
import { vsaExpiry, vsaPredicate } from '../../statement/vsa.ts'
import { artifact, documentOf, eventWith, mismatch, type Rule } from './context.ts'

const jobSchema = z.looseObject({
  assurance: z.string().nullable(),
  claims: z.record(z.string(), z.json()),
  instance: z.string().nullable(),
})
type VerdictJob = z.infer<typeof jobSchema>

/** The members of a verdict that a VSA is made of. */
const schema = z.looseObject({
  verified: z.boolean(),
  image: z.looseObject({
    reference: z.string(),
    digest: digestSchema,
    children: z.array(z.looseObject({ job: jobSchema })).optional(),
  }),
  policy: z.looseObject({ digest: digestSchema }),
  builder: z.looseObject({ id: z.string() }),
  job: jobSchema,
  exceptions: z.array(z.string()),
  inputs: z.array(z.looseObject({ kind: z.string(), digest: digestSchema })),
  keys: z.array(z.string()),
  until: z.iso.datetime().optional(),
})

/** VSA: for the subject of a `verify` event of this job, never by the key or job that built or encrypted anything (TRUST §4). */
export const vsa: Rule = (context) => {
  const { events, subject, keyId, job } = context
  const own = events.find((event) => event.kind === 'build' || event.kind === 'encrypt')
  if (own !== undefined) throw selfVerified(subject, `this job has a ${own.kind} event`)
  const event = eventWith(events, 'verify', 'inputs', roles.image, subject)
  if (event === null) throw mismatch(subject, 'was not verified in this job')
  if (event.performer !== 'agent') {
    throw mismatch(
      subject,
      'was verified by no worker of this agent: a caller only said so',
      'Run verify-deploy of this version in this job.',
    )
  }
  const { bytes } = documentOf(context, 'verdict', event, 'outputs', [roles.verdict])
  const verdict = parseVerdict(bytes)
  if (verdict.image.digest !== subject) throw mismatch('verdict', 'speaks of another image than its verify event')
  if (verdict.policy.digest !== artifact(event, 'inputs', roles.policy)) {
    throw mismatch('verdict', 'names another policy than its verify event')
  }
  // An index is of every job that made one of its manifests, and its verdict names none where they differ.
  const jobs = [verdict.job, ...(verdict.image.children ?? []).map((child) => child.job)]
  if (jobs.some(({ instance }) => instance === job.instance) || verdict.keys.includes(keyId)) {
    throw selfVerified(subject, 'its statements were signed by this very agent')
  }
  const same = jobs.map((other) => sameJob(job, other)).find((why) => why !== null)
  if (same !== undefined) throw selfVerified(subject, same)
  return makeStatement(
    'vsa',
    { digest: subject },
    vsaPredicate({
      verdict,
      verifierId: builderId(context.technology),
      version: context.version,
      timeVerified: context.now,
      expires: vsaExpiry(verdict, context.now),
    }),
  )
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

function parseVerdict(bytes: Buffer): z.infer<typeof schema> {
  try {
    return schema.parse(parseJcs(bytes, 'verdict'))
  } catch (cause) {
    throw new VerificationError('format-invalid', 'the verdict is not of version 1', { subject: 'verdict', cause })
  }
}

function selfVerified(subject: string, why: string): VerificationError {
  return new VerificationError('self-verified', `who built an image does not vouch for it: ${why}`, {
    subject,
    remedy: 'Verify in another job, with an agent of its own.',
  })
}
