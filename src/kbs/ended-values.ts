import { z } from 'zod'
import { InputError, VerificationError } from '../base/errors.ts'
import type { Log } from '../base/ports.ts'
import type { Change } from './apply.ts'
import { ifAuthorized } from './call.ts'
import type { KbsAdmin } from './client.ts'

type Values = Pick<KbsAdmin, 'referenceValue' | 'setReferenceValue'>

/** Values that count no more, by the id under which a KBS may hold them. */
export type Ended = ReadonlyMap<string, ReadonlySet<string>>

/**
 * Takes values out of the lists of a KBS. Nothing else of these lists changes, and what is not there is no change.
 *
 * @param dryRun only say what would go
 */
export async function withdrawValues(
  kbs: Values,
  ended: Ended,
  { dryRun, log }: { dryRun: boolean; log: Log },
): Promise<Change[]> {
  const changes: Change[] = []
  for (const [id, values] of ended) {
    const found = await ifAuthorized(kbs.referenceValue(id), undefined)
    if (found === undefined || found === null) {
      if (found === undefined)
        log.warn(`the admin credential may not read ${id}: whether it holds ended values is not known`)
      continue
    }
    const list = Array.isArray(found) ? found : [found]
    const left = list.filter((one) => typeof one !== 'string' || !values.has(one))
    if (left.length === list.length) continue
    changes.push({
      what: `${list.length - left.length} of ${list.length} in reference value ${id}`,
      action: 'withdrawn',
    })
    if (!dryRun) await kbs.setReferenceValue(id, left)
  }
  return changes
}

/** Reference value under which the newest issue of each revocation list stands that a run has seen. No attestation policy reads this name. */
export const issuesId = 'sealwright/revocations'

const issuesSchema = z.strictObject({
  v: z.literal(1),
  lists: z.record(z.string(), z.strictObject({ sequence: z.int(), digest: z.string() })),
})

/** One issue of a revocation list. */
export interface Issue {
  name: string
  sequence: number
  /** Of its signed bytes. */
  digest: string
}

/**
 * Refuses an issue that is older than one that this KBS has seen, and another one under the same number.
 *
 * @returns keeps the newest on the KBS; null where the credential may not read reference values: then a step back cannot be seen
 * @throws VerificationError `rolled-back`; InputError `state-conflict` for a record in another form
 */
export async function checkIssues(kbs: Values, issues: readonly Issue[]): Promise<(() => Promise<void>) | null> {
  const value = await ifAuthorized(kbs.referenceValue(issuesId), undefined)
  if (value === undefined) return null
  const read = issuesSchema.safeParse(value ?? { v: 1, lists: {} })
  if (!read.success)
    throw new InputError('state-conflict', `the reference value ${issuesId} does not name revocation lists`, {
      subject: issuesId,
      cause: read.error,
      remedy: 'Look at who wrote it. Set it to {"v":1,"lists":{}} to start again: an older list is then taken once.',
    })
  const { lists } = read.data
  const next = { ...lists }
  let newer = false
  for (const { name, sequence, digest } of issues) {
    const seen = Object.hasOwn(next, name) ? next[name] : undefined
    if (seen !== undefined && (sequence < seen.sequence || (sequence === seen.sequence && digest !== seen.digest)))
      throw new VerificationError(
        'rolled-back',
        sequence < seen.sequence
          ? `issue ${sequence} of the revocation list "${name}" is older than issue ${seen.sequence}, which this KBS has seen`
          : `this KBS has seen another issue ${sequence} of the revocation list "${name}"`,
        { subject: name, remedy: 'Get the newest issue. Whoever signs the list raises `sequence` with each change.' },
      )
    newer ||= seen?.sequence !== sequence
    next[name] = { sequence, digest }
  }
  return async () => {
    if (newer) await ifAuthorized(kbs.setReferenceValue(issuesId, { v: 1, lists: next }), undefined)
  }
}
