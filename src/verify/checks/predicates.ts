import { isDocumentKind, readPredicate } from '../../statement/schemas/predicate.ts'
import type { Gate } from '../candidate.ts'
import { isForeign } from '../own-form.ts'
import type { Claim } from '../statements.ts'
import { passed, skipped, type Outcome, type Step } from '../step.ts'

/** Every predicate that counts has the members of its kind, before a later step reads one of them. */
export const predicateSteps: Step[] = [
  { id: 'subject.predicate-forms', clause: 'TRUST §4', needs: ['key'], run: predicatesRead },
]

function predicatesRead(gate: Gate): Outcome {
  const ours = gate.mine.filter((claim) => isOurs(gate, claim))
  if (ours.length === 0) return skipped('no statement of our form is attached')
  for (const { kind, statement, manifest } of ours)
    if (kind !== null && !isDocumentKind(kind)) readPredicate(kind, statement.predicate, manifest)
  return passed(`the predicates of ${ours.length} statements have the members of their kinds`)
}

/** The attested agent signs our forms only. A pinned key may also sign what other tools write, so there only our own types are judged. */
function isOurs({ key }: Gate, claim: Claim): boolean {
  if (claim.kind === null || isDocumentKind(claim.kind) || isForeign(claim)) return false
  return key?.source === 'evidence' || claim.predicateType.startsWith('https://sealwright.dev/')
}
