import { z } from 'zod'
import { VerificationError } from '../../base/errors.ts'
import { parseJcs } from '../../encoding/jcs.ts'
import { digestSchema, roles } from '../../journal/event.ts'
import { builderId } from '../../statement/builder-id.ts'
import { makeStatement } from '../../statement/statement.ts'
import { vsaExpiry, vsaPredicate } from '../../statement/vsa.ts'
import { artifact, documentOf, eventWith, mismatch, type Rule } from './context.ts'
import { refuseOwn, selfVerified, verdictMembers } from './other-job.ts'

/** The members of a verdict that a VSA is made of. */
const schema = z.looseObject({
  ...verdictMembers,
  image: verdictMembers.image.extend({ reference: z.string() }),
  inputs: z.array(z.looseObject({ kind: z.string(), digest: digestSchema })),
  until: z.iso.datetime().optional(),
})

/** VSA: for the subject of a `verify` event of this job, never by the key or job that built or encrypted anything (TRUST §4). */
export const vsa: Rule = (context) => {
  const { events, subject } = context
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
  refuseOwn(context, verdict)
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

function parseVerdict(bytes: Buffer): z.infer<typeof schema> {
  try {
    return schema.parse(parseJcs(bytes, 'verdict'))
  } catch (cause) {
    throw new VerificationError('format-invalid', 'the verdict is not of version 1', { subject: 'verdict', cause })
  }
}
