import type { StatementKind } from '../statement/types.ts'
import type { Digest } from '../oci/types.ts'
import { roles, type JournalEvent } from './event.ts'

/**
 * What a job did with a manifest, by its journal (TRUST §4).
 *
 * | role | the manifest is |
 * |---|---|
 * | `built` | the output of a build of the job, or the encrypted form of one |
 * | `encrypted` | the output of an encryption of the job whose plain form was built or admitted by the job |
 * | `admitted` | an image that the job verified and that passed, or the encrypted form of one: others may have built it |
 * | `verified` | the input of a verification, whatever came out |
 */
export type SubjectRole = 'built' | 'encrypted' | 'admitted' | 'verified'

/**
 * The table of TRUST §4: a statement is signed only about a manifest that has one of these roles. Agent and gate read this one table. Null: the rule
 * of the kind looks at more than one image (`evidence` points at the bundle of whatever the job spoke of).
 */
export const subjectRoles: Readonly<Record<StatementKind, readonly SubjectRole[] | null>> = {
  provenance: ['built'],
  rebuild: ['built'],
  sign: ['built', 'encrypted'],
  spdx: ['built', 'admitted'],
  spdx3: ['built', 'admitted'],
  cyclonedx: ['built', 'admitted'],
  inventory: ['built', 'admitted'],
  encryption: ['encrypted'],
  promotion: ['admitted'],
  vsa: ['verified'],
  evidence: null,
}

/**
 * The roles of a manifest.
 *
 * @param events of the journal; the gate gives the sealed ones
 * @param plain digests of the images that it is the encrypted form of; empty for an image that is not encrypted
 */
export function rolesOf(
  events: readonly JournalEvent[],
  subject: string,
  plain: readonly string[],
): ReadonlySet<SubjectRole> {
  const found = new Set<SubjectRole>()
  const isBuilt = (image: string): boolean => events.some((event) => event.kind === 'build' && gives(event, image))
  const isAdmitted = (image: string): boolean => admissionsOf(events, image).length > 0
  const forms = [subject, ...plain]
  if (forms.some(isBuilt)) found.add('built')
  if (forms.some(isAdmitted)) found.add('admitted')
  if (plain.some((image) => isBuilt(image) || isAdmitted(image))) found.add('encrypted')
  if (events.some((event) => event.kind === 'verify' && takes(event, subject))) found.add('verified')
  return found
}

/**
 * The verifications that admit an image to a job: of each policy the last one that the agent's own worker did, if it passed. What a caller says of a
 * verification admits nothing, and a later refusal by the same policy takes the admission back.
 */
export function admissionsOf(events: readonly JournalEvent[], image: string): JournalEvent[] {
  return lastVerifications(events, image).filter(({ result }) => result['verified'] === true)
}

/** The last verification of an image by each policy, by the agent's own workers. */
export function lastVerifications(events: readonly JournalEvent[], image: string): JournalEvent[] {
  const own = events.filter(
    (event) => event.kind === 'verify' && event.performer === 'agent' && (takes(event, image) || lists(event, image)),
  )
  return [...new Map(own.map((event) => [policyOf(event), event])).values()]
}

/** Digest of the policy that a verification judged by. */
export function policyOf({ inputs }: JournalEvent): Digest | null {
  return inputs.find(({ role }) => role === roles.policy)?.digest ?? null
}

/** The index through which a verification reached an image; null where the image itself was named. */
export function indexOf(event: JournalEvent, image: string): Digest | null {
  const role = lists(event, image) ? roles.image : roles.index
  return event.inputs.find((item) => item.role === role)?.digest ?? null
}

/** Whether a caller claims to have verified an image. */
export function isClaimedVerified(events: readonly JournalEvent[], image: string): boolean {
  return events.some((event) => event.kind === 'verify' && event.performer === 'caller' && takes(event, image))
}

/**
 * Why an image is not admitted, for the reason of a refusal: its verification was refused, only a caller claims one, or there is none.
 *
 * @returns the code, and the end of a sentence whose subject is the image
 */
export function lackOfAdmission(
  events: readonly JournalEvent[],
  image: string,
): { code: 'admission-refused' | 'claimed-steps' | 'not-admitted'; why: string } {
  if (lastVerifications(events, image).length > 0)
    return { code: 'admission-refused', why: 'was not built in this job, and its verification in this job was refused' }
  if (isClaimedVerified(events, image))
    return {
      code: 'claimed-steps',
      why: 'was not built in this job, and only a caller claims that it was verified (performer: caller)',
    }
  return { code: 'not-admitted', why: 'was neither built nor verified in this job' }
}

function takes({ inputs }: JournalEvent, image: string): boolean {
  return inputs.some(({ role, digest }) => role === roles.image && digest === image)
}

/** Whether a verification judged an image as a manifest of an index. */
function lists({ inputs }: JournalEvent, image: string): boolean {
  return inputs.some(({ role, digest }) => role === roles.child && digest === image)
}

function gives({ outputs }: JournalEvent, image: string): boolean {
  return outputs.some(({ role, digest }) => role === roles.image && digest === image)
}
