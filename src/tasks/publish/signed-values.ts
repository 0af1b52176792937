import { InputError, VerificationError } from '../../base/errors.ts'
import type { JsonValue } from '../../base/json.ts'
import type { Change } from '../../kbs/apply.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import { notCurrent } from '../../tee/reference/envelope.ts'
import { trusteeValues } from '../../tee/reference/trustee-values.ts'
import type { ReferenceValues } from '../../tee/reference/values.ts'
import type { FileContext } from './plan-files.ts'
import { add, endedBy, namedInPlan, revokedError, type Revoked } from './revoked.ts'
import { openSignedValues } from './value-signer.ts'

type Signed = Plan['signed-values'][number]

/** What a plan's documents of reference values come to. */
export interface SignedValues {
  plan: Plan
  /** A line for each document. */
  notes: string[]
  /** Why the plan cannot be applied: a value of it has expired or was revoked. */
  refusal: VerificationError | null
  /** What was revoked and may stand on the KBS, by name of Trustee. */
  ended: Map<string, Set<string>>
  /** What has expired, and no other document vouches for; by name of Trustee. */
  expired: Map<string, Set<string>>
}

/**
 * The plan with the reference values of its signed documents, under the names that Trustee's default policy reads. Each document has to be signed by
 * one of the keys or identities that the plan pins for it, to be inside its time, and to speak of nothing that its signer may not say. What has expired or was
 * revoked is told beside the refusal, so that a run can take it out of the KBS before it ends.
 *
 * @throws VerificationError `signature-invalid`, `expired` (not valid yet), `denied` (beyond what the signer may say); InputError `file-invalid`
 */
export async function withSignedValues(plan: Plan, revoked: Revoked, context: FileContext): Promise<SignedValues> {
  const lists = new Map<string, Set<string>>()
  const expired = new Map<string, Set<string>>()
  const notes = revoked.lists.map(listNote)
  const problems: (VerificationError | null)[] = [namedInPlan(plan, revoked)]
  const ended = endedBy(revoked.why.keys(), plan)
  const now = context.ports.clock.now()
  for (const signed of plan['signed-values']) {
    const document = await openSignedValues(signed, context)
    check(document, signed)
    const { values, left } = trusteeValues(document)
    const late = notCurrent(document, signed.file, now)
    if (late !== null && !isOver(document, now)) throw late
    const [gone, by] = revokedIn(document, revoked)
    if (gone !== null) {
      const remedy = 'Take a document without it: what was revoked counts no more, whoever signed it.'
      problems.push(revokedError(signed.file, gone, by, remedy))
    }
    problems.push(late)
    if (Object.keys(values).length === 0) throw nothingRead(signed, document)
    for (const [name, list] of Object.entries(values))
      for (const one of list) add(late === null ? lists : expired, name, one)
    if (late === null) notes.push(noteOf(signed, document, values, left))
  }
  for (const [name, list] of expired) for (const one of lists.get(name) ?? []) list.delete(one)
  const found: Record<string, JsonValue> = {}
  for (const [name, list] of lists) {
    if (Object.hasOwn(plan['reference-values'], name)) throw givenTwice(name)
    found[name] = [...list].sort()
  }
  const refusal = problems.find((one) => one !== null) ?? null
  return {
    plan: { ...plan, 'reference-values': { ...plan['reference-values'], ...found } },
    notes,
    refusal,
    ended,
    expired,
  }
}

/** The refusal of a plan, with what was taken out of the KBS before it. */
export function refusedAfterWithdrawal(refusal: VerificationError, changes: readonly Change[]): VerificationError {
  if (changes.length === 0) return refusal
  const { code, message, subject, remedy } = refusal
  const gone = changes.map(({ what }) => what).join(', ')
  return new VerificationError(code, `${message}. Withdrawn from the KBS: ${gone}`, { subject, remedy, cause: refusal })
}

function isOver(document: ReferenceValues, now: Date): boolean {
  return document['not-after'] !== undefined && new Date(document['not-after']) < now
}

/** A revoked value of a document, and who revoked it. */
function revokedIn(document: ReferenceValues, { why }: Revoked): [string | null, string] {
  const all = document.values.flatMap(({ measured }) => Object.values(measured))
  const gone = all.find((one) => why.has(one)) ?? null
  return [gone, why.get(gone ?? '') ?? '']
}

function check(document: ReferenceValues, { file, technologies, images }: Signed): void {
  const refuse = (message: string, remedy: string): VerificationError =>
    new VerificationError('denied', `${file}: ${message}`, { subject: file, remedy })
  const { technology, name } = document
  if (!technologies.includes(technology))
    throw refuse(
      `it holds values for ${technology}, and its signer may speak of ${technologies.join(', ')}`,
      'Add the technology to `technologies` if the keys may vouch for it.',
    )
  if (images !== undefined && !images.includes(name))
    throw refuse(
      `it describes the image "${name}", and its signer may speak of ${images.map((one) => `"${one}"`).join(', ')}`,
      'Add the name to `images` if the keys may vouch for it.',
    )
}

function listNote({ name, sequence, revoked, 'not-after': until }: Revoked['lists'][number]): string {
  return `Revocation list "${name}", issue ${sequence}, until ${until}: ${revoked.length} values.`
}

function noteOf({ file }: Signed, document: ReferenceValues, values: Record<string, string[]>, left: string[]): string {
  const lists = Object.entries(values).map(([name, list]) => `${name} (${list.length})`)
  const until = document['not-after'] === undefined ? 'without an end' : `until ${document['not-after']}`
  const unread = left.length === 0 ? '' : `; no policy of Trustee reads ${left.join(', ')}`
  const unproven =
    document.experimental === undefined ? '' : `; not confirmed by hardware: ${document.experimental.join(', ')}`
  return `${file}: "${document.name}", ${document.technology}, ${until}: ${lists.join(', ')}${unread}${unproven}.`
}

function nothingRead({ file }: Signed, { technology }: ReferenceValues): InputError {
  return new InputError('file-invalid', `${file} holds no value that a policy of Trustee reads for ${technology}`, {
    subject: file,
    remedy: 'See docs/reference-values.md for the names.',
  })
}

function givenTwice(name: string): InputError {
  return new InputError('file-invalid', `reference value ${name} is given by the plan and by a signed document`, {
    subject: name,
    remedy: 'Take it out of `reference-values`, or the document out of `signed-values`.',
  })
}
