import { sha256 } from '../base/streams.ts'
import { isObject, textOf } from '../base/json.ts'
import { roles, sbomRoles, type JournalEvent } from '../journal/event.ts'
import { embeddedDocument } from '../statement/statement.ts'
import type { Claim } from './statements.ts'

/** Whether an event has an artifact of a role and digest among its inputs or outputs. */
function has(event: JournalEvent, side: 'inputs' | 'outputs', role: string, digest: string): boolean {
  return event[side].some((item) => item.role === role && item.digest === digest)
}

/**
 * Digests of the plain image that a published manifest was made of: itself, and the input of the `encrypt` event that gave it. An image without
 * encrypted layers has no other form: an event that says so would lend it the statements of another image (TRUST §5.6).
 */
export function plainForms(events: readonly JournalEvent[], subject: string, encrypted: boolean): string[] {
  return encrypted ? [subject, ...encryptsOf(events, subject).flatMap(inputImages)] : [subject]
}

function inputImages({ inputs }: JournalEvent): string[] {
  return inputs.flatMap(({ role, digest }) => (role === roles.image ? [digest] : []))
}

/** All builds that gave an image or its plain form. */
export function buildsOf(events: readonly JournalEvent[], subject: string, encrypted: boolean): JournalEvent[] {
  const forms = plainForms(events, subject, encrypted)
  return events.filter(
    (event) => event.kind === 'build' && forms.some((form) => has(event, 'outputs', roles.image, form)),
  )
}

/** Build records that provenance or a rebuild statement is over, by digest. */
export function recordsOf({ kind, statement }: Pick<Claim, 'kind' | 'statement'>): string[] {
  const { runDetails, buildRecord } = statement.predicate
  if (kind === 'rebuild') return isObject(buildRecord) ? [textOf(buildRecord['digest'])] : []
  const byproducts = isObject(runDetails) ? runDetails['byproducts'] : undefined
  return (Array.isArray(byproducts) ? byproducts : []).flatMap((item) =>
    isObject(item) && isObject(item['digest']) ? [`sha256:${textOf(item['digest']['sha256'])}`] : [],
  )
}

/**
 * The `encrypt` events that gave an image: those of the agent, and what callers said only where it did none. A caller learns the digest before the
 * agent's event is written, so it could lend an image the plain form of another one, in the agent's name.
 */
export function encryptsOf(events: readonly JournalEvent[], subject: string): JournalEvent[] {
  const all = events.filter((event) => event.kind === 'encrypt' && has(event, 'outputs', roles.image, subject))
  const own = all.filter(({ performer }) => performer === 'agent')
  return own.length > 0 ? own : all
}

/** Whether events that gave one image name different plain images for it. One of them is then wrong. */
export function disagree(encrypts: readonly JournalEvent[]): boolean {
  return new Set(encrypts.map((event) => inputImages(event).join(' '))).size > 1
}

/** The `sbom` events of an image or its plain form that gave a document. */
export function sbomsOf(events: readonly JournalEvent[], claim: Claim, encrypted: boolean): JournalEvent[] {
  const wanted = documentRoles(claim)
  const digest = documentOf(claim)
  if (digest === null) return []
  const forms = plainForms(events, subjectOf(claim), encrypted)
  return events.filter(
    (event) =>
      event.kind === 'sbom' &&
      forms.some((form) => has(event, 'inputs', roles.image, form)) &&
      wanted.some((role) => has(event, 'outputs', role, digest)),
  )
}

/**
 * TRUST §4: whether the journal gives a statement's subject the role that its predicate type needs.
 *
 * @param events the sealed events
 * @returns what is wrong in one sentence, or null
 */
export function roleProblem(claim: Claim, events: readonly JournalEvent[], isEncrypted: boolean): string | null {
  const subject = subjectOf(claim)
  const encrypted = isEncrypted && encryptsOf(events, subject).length > 0
  const builds = buildsOf(events, subject, isEncrypted)
  switch (claim.kind) {
    case 'provenance':
      return builds.length === 0 ? `${subject} is not the output of a build of this job` : null
    case 'rebuild':
      return builds.some(({ result }) => result['reproducible'] === true && Number(result['rebuilds']) >= 1)
        ? null
        : `${subject} is not the output of a build with rebuilds of this job`
    case 'sign':
      return builds.length === 0 && !encrypted ? `${subject} was neither built nor encrypted by this job` : null
    case 'encryption':
      return encrypted ? null : `${subject} is not the output of an encryption of this job`
    case 'spdx':
    case 'spdx3':
    case 'cyclonedx':
    case 'inventory':
      return sbomsOf(events, claim, isEncrypted).length === 0
        ? `the document ${documentOf(claim) ?? '(not embedded as it was)'} was not made in this job for this image`
        : null
    case 'vsa':
      return events.some((event) => event.kind === 'verify' && has(event, 'inputs', roles.image, subject))
        ? null
        : `${subject} was not verified by this job`
    case 'promotion':
      return events.some((event) => event.kind === 'promote' && has(event, 'inputs', roles.image, subject))
        ? null
        : `${subject} was not promoted by this job`
    case 'evidence':
      return null
    case null:
      return 'the agent signs no statement of this type'
  }
}

function subjectOf(claim: Claim): string {
  return `sha256:${claim.statement.subject[0].digest.sha256}`
}

function documentRoles({ kind }: Claim): readonly string[] {
  if (kind === 'inventory') return [roles.inventory]
  return kind === 'spdx' || kind === 'spdx3' || kind === 'cyclonedx' ? sbomRoles[kind] : []
}

function documentOf(claim: Claim): string | null {
  return claim.kind === 'inventory' ? inventoryDigest(claim) : documentDigest(claim)
}

function documentDigest(claim: Claim): string | null {
  const document = embeddedDocument(claim.payload, claim.statement)
  return document === null ? null : sha256(document)
}

function inventoryDigest(claim: Claim): string | null {
  const document = claim.statement.predicate['document']
  return isObject(document) && typeof document['digest'] === 'string' ? document['digest'] : null
}
