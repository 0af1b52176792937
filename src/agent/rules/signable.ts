import { VerificationError } from '../../base/errors.ts'
import { roles, type JournalEvent } from '../../journal/event.ts'
import type { Digest } from '../../oci/types.ts'
import { predicateTypes } from '../../statement/types.ts'
import { isPublished, mismatch, requirePublished, type Rule, type RuleContext } from './context.ts'

/** What a long-lived key may be asked to sign: a statement by its payload's digest, or the manifest itself where that is null. */
export interface Signable {
  readonly subject: Digest | null
  readonly payload: Digest | null
}

/**
 * Statements that speak for an image. Others are never signed with a key that consumers of cosign pin, because cosign checks no predicate types
 * (TRUST §4).
 */
const forImages: readonly string[] = (
  ['sign', 'provenance', 'spdx', 'spdx3', 'cyclonedx', 'inventory', 'rebuild', 'encryption'] as const
).map((kind) => predicateTypes[kind])

/**
 * Whether a long-lived key that a KBS released to this job may sign something: what the agent signed by its own rules before, for what its own
 * workers did, and nothing else. A step of the job could otherwise have anything signed: it may append events, which the gate sees in the journal,
 * but a reader of a signature alone does not.
 *
 * @param ownWork payloads that rest on events of the agent's workers alone ({@link isOwnWork})
 * @throws VerificationError `role-mismatch`, `claimed-steps`
 */
export function requireSignable(
  events: readonly JournalEvent[],
  ownWork: ReadonlySet<Digest>,
  { subject, payload }: Signable,
): void {
  if (payload !== null) {
    requireStatement(events, payload, subject, forImages)
    if (!ownWork.has(payload)) throw claimed(payload)
  } else if (subject !== null) {
    requirePublished(events, subject)
    if (!isPublished(events.filter(isOwn), subject)) throw claimed(subject)
  } else throw mismatch('nothing', 'was named to sign')
}

/** Whether the same payload comes out of what the agent's own workers did, without the events that a caller claimed. */
export function isOwnWork(make: Rule, context: RuleContext, payload: Buffer): boolean {
  const events = context.events.filter(isOwn)
  if (events.length === context.events.length) return true
  try {
    return make({ ...context, events }).equals(payload)
  } catch (error) {
    if (error instanceof VerificationError) return false
    throw error
  }
}

function isOwn({ performer }: JournalEvent): boolean {
  return performer === 'agent'
}

function claimed(subject: string): VerificationError {
  return new VerificationError('claimed-steps', `${subject} rests on steps that a caller claims (performer: caller)`, {
    subject,
    remedy: 'Have the agent do these steps: this key signs for the work of its workers alone.',
  })
}

/**
 * A payload is that of a statement that the agent made by its rules.
 *
 * @param subject digest of the manifest that it must be about; null for any
 * @param kinds predicate types that count; null for all
 * @throws VerificationError `role-mismatch`
 */
export function requireStatement(
  events: readonly JournalEvent[],
  payload: Digest,
  subject: Digest | null,
  kinds: readonly string[] | null,
): void {
  const made = events.filter(
    ({ kind, performer, outputs }) =>
      kind === 'statement' &&
      performer === 'agent' &&
      outputs.some(({ role, digest }) => role === roles.payload && digest === payload),
  )
  if (made.length === 0) throw mismatch(payload, 'is not a statement that the agent of this job made')
  const about = made.filter(
    ({ inputs }) => subject === null || inputs.some(({ role, digest }) => role === roles.subject && digest === subject),
  )
  if (about.length === 0) throw mismatch(payload, `is not about ${subject}`)
  if (kinds === null || about.some(({ result }) => kinds.includes(String(result['predicateType'])))) return
  throw mismatch(payload, 'does not speak for an image', 'This key signs what vouches for images, and no verdicts.')
}
