import { z } from 'zod'
import { VerificationError } from '../../base/errors.ts'
import { digestSchema } from '../../oci/digest-schema.ts'
import { parseJcs } from '../../encoding/jcs.ts'
import { roles } from '../../journal/event.ts'
import { promotionClasses, promotionPredicate } from '../../statement/promotion.ts'
import { makeStatement } from '../../statement/statement.ts'
import { documentOf, eventWith, isPublished, mismatch, type Rule } from './context.ts'
import { refuseOwn, selfVerified, verdictMembers } from './other-job.ts'

const text = z.string().max(4096)
const place = z.strictObject({ name: text.min(1), tag: text.nullable() })
const item = { digest: digestSchema, type: text }

/** The facts that a worker wrote, and whose digest stands in its event. */
const factsSchema = z.strictObject({
  from: place,
  to: place,
  environment: text.min(1).nullable(),
  class: z.enum(promotionClasses).nullable(),
  supersedes: z.array(digestSchema),
  copied: z.array(z.strictObject(item)),
  left: z.array(z.strictObject({ ...item, reason: text })),
})

/** The members of a verdict that a record is made of. */
const verdictSchema = z.looseObject(verdictMembers)

/** Promotion record: for an image of others that a worker of this agent verified, copied and verified again (TRUST §4). */
export const promotion: Rule = (context) => {
  const { events, subject } = context
  if (isPublished(events, subject)) throw selfVerified(subject, 'this job built or encrypted it')
  const event = eventWith(events, 'promote', 'inputs', roles.image, subject)
  if (event === null) throw mismatch(subject, 'was not promoted in this job')
  if (event.performer !== 'agent')
    throw mismatch(
      subject,
      'was promoted by no worker of this agent: a caller only said so',
      'Run promote of this version in this job.',
    )
  const facts = documentOf(context, 'promotion', event, 'outputs', [roles.promotion])
  const judged = documentOf(context, 'verdict', event, 'outputs', [roles.verdict])
  const verdict = read(verdictSchema, judged.bytes, 'verdict')
  if (verdict.image.digest !== subject) throw mismatch('verdict', 'speaks of another image than its promote event')
  refuseOwn(context, verdict)
  return makeStatement(
    'promotion',
    { digest: subject },
    promotionPredicate(read(factsSchema, facts.bytes, 'promotion'), verdict, judged.digest, context.now),
  )
}

function read<T>(schema: z.ZodType<T>, bytes: Buffer, name: string): T {
  try {
    return schema.parse(parseJcs(bytes, name))
  } catch (cause) {
    throw new VerificationError('format-invalid', `the document ${name} is not of version 1`, { subject: name, cause })
  }
}
