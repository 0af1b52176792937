import { sha256 } from '../base/streams.ts'
import { isObject, textOf } from '../base/json.ts'
import { jcs } from '../encoding/jcs.ts'
import { roles, sbomRoles, type JournalEvent } from '../journal/event.ts'
import { admissionsOf, lackOfAdmission, policyOf, rolesOf, subjectRoles } from '../journal/subject-roles.ts'
import type { StatementKind } from '../statement/types.ts'
import { factsOfRecord } from '../statement/promotion.ts'
import { readPredicate } from '../statement/schemas/predicate.ts'
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

/** Why a statement's subject lacks its role. */
export interface RoleProblem {
  code: 'role-mismatch' | 'foreign-image' | 'self-verified' | ReturnType<typeof lackOfAdmission>['code']
  /** One sentence. */
  why: string
}

/**
 * TRUST §4: whether the journal gives a statement's subject the role that its predicate type needs.
 *
 * @param events the sealed events
 * @returns what is wrong, or null
 */
export function roleProblem(claim: Claim, events: readonly JournalEvent[], isEncrypted: boolean): RoleProblem | null {
  const { kind } = claim
  if (kind === null) return mismatch('the agent signs no statement of this type')
  const subject = subjectOf(claim)
  const [, ...plain] = plainForms(events, subject, isEncrypted)
  const held = rolesOf(events, subject, plain)
  const wanted = subjectRoles[kind]
  if (wanted === null || wanted.some((role) => held.has(role))) return detailProblem(claim, events, isEncrypted)
  const own = mismatch(`${subject} ${lacking[kind] ?? 'has not the role that it needs'}`)
  if (held.has('admitted')) return { code: 'foreign-image', why: `others built the image: ${own.why}` }
  // Only what may be said of images of others can lack their admission; without an encryption there is no plain form to admit.
  const needsOrigin = wanted.includes('admitted') || (kind === 'encryption' && plain.length > 0)
  if (!needsOrigin) return own
  const { code, why } = lackOfAdmission(events, plain[0] ?? subject)
  return { code, why: `${plain[0] ?? subject} ${why}` }
}

/** What a subject without a role is not, as the end of a sentence. */
const lacking: Partial<Record<StatementKind, string>> = {
  provenance: 'is not the output of a build of this job',
  rebuild: 'is not the output of a build with rebuilds of this job',
  sign: 'was neither built by this job nor encrypted from an image that it built or admitted',
  encryption: 'is not the output of an encryption of this job',
  vsa: 'was not verified by this job',
}

/** What a kind of statement needs beside the role: the very document, or rebuilds. */
function detailProblem(claim: Claim, events: readonly JournalEvent[], isEncrypted: boolean): RoleProblem | null {
  switch (claim.kind) {
    case 'rebuild':
      return buildsOf(events, subjectOf(claim), isEncrypted).some(
        ({ result }) => result['reproducible'] === true && Number(result['rebuilds']) >= 1,
      )
        ? null
        : mismatch(`${subjectOf(claim)} ${lacking.rebuild ?? ''}`)
    case 'spdx':
    case 'spdx3':
    case 'cyclonedx':
    case 'inventory':
      return sbomsOf(events, claim, isEncrypted).length === 0
        ? mismatch(
            `the document ${documentOf(claim) ?? '(not embedded as it was)'} was not made in this job for this image`,
          )
        : null
    case 'promotion':
      return promotionProblem(claim, events)
    default:
      return null
  }
}

/** The promotions of a job that gave a record: each names the very facts, policy and verdict of the record. */
export function promotionsOf(events: readonly JournalEvent[], claim: Claim): JournalEvent[] {
  if (claim.kind !== 'promotion') return []
  const { policy, verdict, ...rest } = readPredicate('promotion', claim.statement.predicate, claim.manifest)
  const facts = sha256(jcs(factsOfRecord({ policy, verdict, ...rest })))
  return events.filter(
    (event) =>
      event.kind === 'promote' &&
      has(event, 'inputs', roles.image, subjectOf(claim)) &&
      has(event, 'inputs', roles.policy, policy.digest) &&
      has(event, 'outputs', roles.verdict, verdict.digest) &&
      has(event, 'outputs', roles.promotion, facts),
  )
}

/** A record says what a worker of the agent did: the promotion of these facts, and the verification that reached this verdict and passed. */
function promotionProblem(claim: Claim, events: readonly JournalEvent[]): RoleProblem | null {
  const subject = subjectOf(claim)
  // Who made a manifest of an index does not judge the index.
  const own = [subject, ...childrenOf(events, subject)].find((image) => {
    const held = rolesOf(events, image, plainForms(events, image, true).slice(1))
    return subjectRoles.sign?.some((role) => held.has(role)) === true
  })
  if (own !== undefined)
    return { code: 'self-verified', why: `${own} was built or encrypted by the job that promoted it` }
  const promoted = events.filter((event) => event.kind === 'promote' && has(event, 'inputs', roles.image, subject))
  if (promoted.length === 0) return mismatch(`${subject} was not promoted by this job`)
  const promotions = promotionsOf(events, claim)
  if (promotions.length === 0)
    return mismatch('the record differs from what the journal says of the promotion (facts, policy or verdict)')
  if (!promotions.some(({ performer }) => performer === 'agent'))
    return { code: 'claimed-steps', why: `only a caller claims that ${subject} was promoted (performer: caller)` }
  const { verdict, policy } = readPredicate('promotion', claim.statement.predicate, claim.manifest)
  const judged = events.some(
    (event) =>
      event.kind === 'verify' &&
      event.performer === 'agent' &&
      event.result['verified'] === true &&
      jcs(event.result['exceptions'] ?? []).equals(jcs([...(verdict.exceptions ?? [])])) &&
      has(event, 'inputs', roles.image, subject) &&
      has(event, 'inputs', roles.policy, policy.digest) &&
      has(event, 'outputs', roles.verdict, verdict.digest),
  )
  if (!judged) return mismatch('no verification by the agent reached the verdict that the record names')
  // A caller chooses the policy of a verification: that another one admits the image makes no refusal by this one undone.
  return admissionsOf(events, subject).some((event) => policyOf(event) === policy.digest)
    ? null
    : { code: 'admission-refused', why: `the job refused ${subject} afterwards by the policy of the record` }
}

/** Manifests of an index that the agent verified. */
function childrenOf(events: readonly JournalEvent[], subject: string): string[] {
  const found = events.filter((event) => event.kind === 'verify' && has(event, 'inputs', roles.image, subject))
  return found.flatMap(({ inputs }) => inputs.flatMap(({ role, digest }) => (role === roles.child ? [digest] : [])))
}

function mismatch(why: string): RoleProblem {
  return { code: 'role-mismatch', why }
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
