import { VerificationError } from '../../base/errors.ts'
import { sha256 } from '../../base/streams.ts'
import { roles, type EventKind, type JournalEvent } from '../../journal/event.ts'
import { lackOfAdmission, rolesOf, subjectRoles, type SubjectRole } from '../../journal/subject-roles.ts'
import type { EvidenceBundle } from '../../journal/evidence-bundle.ts'
import type { JobRecord } from '../../journal/binding.ts'
import type { Digest } from '../../oci/types.ts'
import type { Technology } from '../../base/technology.ts'
import type { StatementKind } from '../../statement/types.ts'
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
  if (event === null && standingOf(context.events, context.subject).has('admitted'))
    requireStanding(context, 'provenance')
  if (event === null) throw mismatch(context.subject, 'was not built in this job')
  return event
}

/** The roles of a manifest by the journal, which the table of TRUST §4 speaks of. */
export function standingOf(events: readonly JournalEvent[], subject: Digest): ReadonlySet<SubjectRole> {
  const plain = plainForm(events, subject)
  return rolesOf(events, subject, plain === subject ? [] : [plain])
}

/**
 * The subject has a role that the table gives its statement.
 *
 * @throws VerificationError `foreign-image` for what only the builder may state of an image that others built; `admission-refused`, `claimed-steps`,
 *   `not-admitted` for an image that was neither built nor admitted by this job
 */
export function requireStanding(
  { events, subject }: Pick<RuleContext, 'events' | 'subject'>,
  kind: StatementKind,
): void {
  const wanted = subjectRoles[kind]
  const held = standingOf(events, subject)
  if (wanted === null || wanted.some((role) => held.has(role))) return
  if (held.has('admitted'))
    throw new VerificationError(
      'foreign-image',
      `${subject} was built by others: this job does not sign ${kind} for it`,
      {
        subject,
        remedy:
          'Provenance and signatures of an image stay those of its publisher. This job may describe, encrypt and promote it.',
      },
    )
  const plain = plainForm(events, subject)
  const { code, why } = lackOfAdmission(events, plain)
  throw new VerificationError(code, `${plain} ${why}`, {
    subject,
    remedy: 'Build the image in this job, or run verify-deploy over the plain image first.',
  })
}

/** The subject was built here, or encrypted here from an image that was built or admitted: what signatures without a document are given for. */
export function isPublished(events: readonly JournalEvent[], subject: Digest): boolean {
  const held = standingOf(events, subject)
  return subjectRoles.sign?.some((role) => held.has(role)) === true
}

/** @throws VerificationError `role-mismatch` for a manifest of others: {@link isPublished}; as {@link requireStanding} for the encrypted form of one */
export function requirePublished(events: readonly JournalEvent[], subject: Digest): void {
  if (isPublished(events, subject)) return
  if (standingOf(events, subject).has('admitted') || plainForm(events, subject) !== subject)
    requireStanding({ events, subject }, 'sign')
  throw mismatch(subject, 'was neither built nor encrypted in this job')
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
