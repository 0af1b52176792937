import { sha256 } from '../base/streams.ts'
import { isObject } from '../base/json.ts'
import { roles, type JournalEvent } from '../journal/event.ts'
import { embeddedDocument } from '../statement/statement.ts'
import type { Claim } from './statements.ts'

/** Whether an event has an artifact of a role and digest among its inputs or outputs. */
function has(event: JournalEvent, side: 'inputs' | 'outputs', role: string, digest: string): boolean {
  return event[side].some((item) => item.role === role && item.digest === digest)
}

/** Digests of the plain image that a published manifest was made of: itself, and the input of the `encrypt` event that gave it. */
export function plainForms(events: readonly JournalEvent[], subject: string): string[] {
  const inputs = events
    .filter((event) => event.kind === 'encrypt' && has(event, 'outputs', roles.image, subject))
    .flatMap((event) => event.inputs.filter(({ role }) => role === roles.image).map(({ digest }) => digest as string))
  return [subject, ...inputs]
}

export function buildOf(events: readonly JournalEvent[], subject: string): JournalEvent | null {
  const forms = plainForms(events, subject)
  return (
    events.find((event) => event.kind === 'build' && forms.some((form) => has(event, 'outputs', roles.image, form))) ??
    null
  )
}

/**
 * TRUST §4: whether the journal gives a statement's subject the role that its predicate type needs.
 *
 * @param events the sealed events
 * @returns what is wrong in one sentence, or null
 */
export function roleProblem(claim: Claim, events: readonly JournalEvent[]): string | null {
  const subject = claim.subject ?? ''
  const encrypted = events.some((event) => event.kind === 'encrypt' && has(event, 'outputs', roles.image, subject))
  switch (claim.kind) {
    case 'provenance':
    case 'rebuild':
      return buildOf(events, subject) === null ? `${subject} is not the output of a build of this job` : null
    case 'sign':
      return buildOf(events, subject) === null && !encrypted
        ? `${subject} was neither built nor encrypted by this job`
        : null
    case 'encryption':
      return encrypted ? null : `${subject} is not the output of an encryption of this job`
    case 'spdx':
      return documentProblem(events, subject, roles.spdx, documentDigest(claim))
    case 'cyclonedx':
      return documentProblem(events, subject, roles.cyclonedx, documentDigest(claim))
    case 'inventory':
      return documentProblem(events, subject, roles.inventory, inventoryDigest(claim))
    case 'vsa':
      return events.some((event) => event.kind === 'verify' && has(event, 'inputs', roles.image, subject))
        ? null
        : `${subject} was not verified by this job`
    case 'evidence':
      return null
    case null:
      return 'the agent signs no statement of this type'
  }
}

function documentProblem(
  events: readonly JournalEvent[],
  subject: string,
  role: string,
  digest: string | null,
): string | null {
  const forms = plainForms(events, subject)
  const made = events.some(
    (event) =>
      event.kind === 'sbom' &&
      forms.some((form) => has(event, 'inputs', roles.image, form)) &&
      digest !== null &&
      has(event, 'outputs', role, digest),
  )
  return made ? null : `the document ${digest ?? '(not embedded as it was)'} was not made in this job for this image`
}

function documentDigest(claim: Claim): string | null {
  const document = embeddedDocument(claim.payload, claim.statement)
  return document === null ? null : sha256(document)
}

function inventoryDigest(claim: Claim): string | null {
  const document = claim.statement.predicate['document']
  return isObject(document) && typeof document['digest'] === 'string' ? document['digest'] : null
}
