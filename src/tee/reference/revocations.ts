import { z } from 'zod'
import { VerificationError } from '../../base/errors.ts'
import { firstIssue } from '../../base/first-issue.ts'
import { sha256 } from '../../base/streams.ts'
import { isWithin, windowOf, windowText } from '../../base/window.ts'
import { jcs, parseJcs } from '../../encoding/jcs.ts'
import type { Signer } from '../../statement/types.ts'
import { openEnvelope, sealEnvelope } from './envelope.ts'

export const revocationsType = 'https://sealwright.dev/reference-value-revocations/v1' as const
/** DSSE payload type of a signed revocation list. */
export const revocationsPayloadType = 'application/vnd.sealwright.reference-value-revocations.v1+json'

const limits = { revoked: 10_000 } as const
const time = z.iso.datetime({ precision: 0, error: 'write a time such as 2026-01-31T00:00:00Z' })

/** Measured values that count no more, whoever signed them; version 1: strict, an unknown member is refused. */
const revocationsSchema = z
  .strictObject({
    type: z.literal(revocationsType),
    /** Which list this is: the numbers of one name only rise. */
    name: z
      .string()
      .regex(/^[A-Za-z0-9_-][\w.-]{0,63}$/, 'write up to 64 letters, digits, dots, dashes and underscores'),
    /** One more with each issue, so that an earlier one is told from a later one. */
    sequence: z.int().min(1),
    'not-before': time,
    /** When the next issue is due at the latest: without it nobody could tell a list that was held back. */
    'not-after': time,
    revoked: z
      .array(
        z.strictObject({
          value: z.string().regex(/^([0-9a-f]{64}|[0-9a-f]{96})$/, 'write 64 or 96 lower-case hex digits'),
          reason: z.string().min(1).max(256).optional(),
        }),
      )
      .max(limits.revoked),
  })
  .refine(
    (list) => Date.parse(list['not-before']) < Date.parse(list['not-after']),
    'not-after is not later than not-before',
  )
export type Revocations = z.infer<typeof revocationsSchema>

/** A list whose signature and time hold. */
export interface OpenedRevocations extends Revocations {
  /** `sha256:` of the signed bytes. */
  digest: string
}

/**
 * Signs a revocation list as a DSSE envelope, in RFC 8785 form.
 *
 * @throws VerificationError `format-invalid`
 */
export async function sealRevocations(value: unknown, signer: Signer, subject: string): Promise<Buffer> {
  return sealEnvelope(jcs(check(value, subject)), revocationsPayloadType, signer)
}

/**
 * A signed revocation list that one of the pinned keys vouches for, and that is current.
 *
 * @param keys PEM `PUBLIC KEY` of those who may revoke
 * @throws VerificationError `signature-invalid`, `format-invalid`; `expired` outside of its time: a list that nobody renewed may hide what was
 *   revoked since
 */
export function openRevocations(
  bytes: Uint8Array,
  keys: readonly string[],
  subject: string,
  at: Date,
): OpenedRevocations {
  const payload = openEnvelope(bytes, keys, subject, revocationsPayloadType).payload
  const list = check(parseJcs(payload, subject), subject)
  const window = windowOf(list)
  if (!isWithin(window, at))
    throw new VerificationError(
      'expired',
      `the revocation list ${subject} ("${list.name}", ${list.sequence}) is valid ${windowText(window)}, and it is ${at.toISOString()}`,
      { subject, remedy: 'Get the newest issue of the list: what was revoked since is not known without it.' },
    )
  return { ...list, digest: sha256(payload) }
}

function check(value: unknown, subject: string): Revocations {
  const parsed = revocationsSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const { where, what } = firstIssue(parsed.error, 'the list')
  throw new VerificationError('format-invalid', `${subject} is no revocation list of version 1: ${where}: ${what}`, {
    subject,
    remedy: 'docs/reference-values.md shows one.',
  })
}
