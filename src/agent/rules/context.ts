import { VerificationError } from '../../base/errors.ts'
import { sha256 } from '../../base/streams.ts'
import { roles, type EventKind, type JournalEvent } from '../../journal/event.ts'
import type { EvidenceBundle } from '../../journal/evidence-bundle.ts'
import type { JobRecord } from '../../journal/binding.ts'
import type { Digest } from '../../oci/types.ts'
import type { Technology } from '../../base/technology.ts'
import type { StatementRequest } from '../protocol.ts'

/** What the rules of TRUST §4 are judged by: the journal and what the agent knows of itself. The request is hostile. */
export interface RuleContext {
  readonly events: readonly JournalEvent[]
  readonly subject: Digest
  readonly documents: ReadonlyMap<string, Buffer>
  readonly evidence: StatementRequest['evidence']
  readonly technology: Technology
  readonly job: JobRecord
  readonly keyId: string
  readonly sealed: EvidenceBundle | null
  readonly version: string
  readonly now: Date
}

/** Makes the payload of one kind of statement, or refuses. */
export type Rule = (context: RuleContext) => Buffer

export function mismatch(subject: string, why: string, remedy?: string): VerificationError {
  return new VerificationError('role-mismatch', `${subject} ${why}`, {
    subject,
    remedy:
      remedy ?? 'A statement is signed only for what this job did, as its journal tells: run that step in this job.',
  })
}

/** The one artifact of a role among an event's inputs or outputs, or null. */
export function artifact(event: JournalEvent, side: 'inputs' | 'outputs', role: string): Digest | null {
  return event[side].find((item) => item.role === role)?.digest ?? null
}

/**
 * The last event of a kind that has this digest in a role. What a worker of this agent did comes before what a caller said, so that nobody on
 * the socket can put a story of his own in its place (TRUST §3).
 */
export function eventWith(
  events: readonly JournalEvent[],
  kind: EventKind,
  side: 'inputs' | 'outputs',
  role: string,
  digest: Digest,
): JournalEvent | null {
  const fitting = events.filter(
    (event) => event.kind === kind && event[side].some((a) => a.role === role && a.digest === digest),
  )
  return fitting.findLast(({ performer }) => performer === 'agent') ?? fitting.at(-1) ?? null
}

/** The plain form of a manifest: what an `encrypt` event of this job made it of, else the manifest itself. */
export function plainForm(events: readonly JournalEvent[], digest: Digest): Digest {
  const event = eventWith(events, 'encrypt', 'outputs', roles.image, digest)
  return (event === null ? null : artifact(event, 'inputs', roles.image)) ?? digest
}

/** The `build` event that made a manifest or its plain form. @throws VerificationError `role-mismatch` for one that was only an input */
export function buildOf(context: RuleContext): JournalEvent {
  const plain = plainForm(context.events, context.subject)
  const event = eventWith(context.events, 'build', 'outputs', roles.image, plain)
  if (event === null) throw mismatch(context.subject, 'was not built in this job')
  return event
}

/** The subject was built or encrypted here: what signatures without a document are given for. */
export function isPublished(events: readonly JournalEvent[], subject: Digest): boolean {
  return (['build', 'encrypt'] as const).some(
    (kind) => eventWith(events, kind, 'outputs', roles.image, subject) !== null,
  )
}

/** @throws VerificationError `role-mismatch` for a manifest of others: {@link isPublished} */
export function requirePublished(events: readonly JournalEvent[], subject: Digest): void {
  if (!isPublished(events, subject)) throw mismatch(subject, 'was neither built nor encrypted in this job')
}

/**
 * A document that was handed in, if it is the very one that the event names.
 *
 * @throws VerificationError `role-mismatch` for one that is missing or that no step of this job made
 */
export function documentOf(
  context: RuleContext,
  name: string,
  event: JournalEvent,
  side: 'inputs' | 'outputs',
  wanted: readonly string[],
): { bytes: Buffer; digest: Digest } {
  const bytes = context.documents.get(name)
  if (bytes === undefined) throw mismatch(name, 'is needed for this statement and was not handed in')
  const digest = sha256(bytes)
  if (!event[side].some((item) => wanted.includes(item.role) && item.digest === digest)) {
    throw mismatch(name, `(${digest}) was not made in this job for this image`)
  }
  return { bytes, digest }
}
