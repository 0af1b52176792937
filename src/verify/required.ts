import { sbomKinds, type StatementKind } from '../statement/types.ts'
import { isEncrypted } from './encrypted.ts'
import type { Gate } from './candidate.ts'

/**
 * Statements that must be there, each as a list of alternatives. The defaults hold where the policy names none (TRUST §6). Of an image that others built
 * no provenance of this job can be there: it stays the publisher's, whose signature `publisher` asks for.
 */
export function requiredKinds({ policy, subject }: Pick<Gate, 'policy' | 'subject'>): StatementKind[][] {
  const named = policy.document.statements
  const required: StatementKind[][] = named?.map((kind) => [kind]) ?? [
    ...(policy.publisher === null ? [['provenance' as const]] : []),
    ['inventory'],
    [...sbomKinds],
  ]
  const encrypted = subject.image !== null && isEncrypted(subject.image)
  return encrypted && !named?.includes('encryption') ? [...required, ['encryption']] : required
}

/** Kinds that a check reads, so that a statement of one is missed when it is not there. */
export function neededKinds(gate: Pick<Gate, 'policy' | 'subject'>): StatementKind[] {
  const kinds = requiredKinds(gate).flat()
  return gate.policy.accepts.has('accept-not-rebuilt') ? kinds : [...kinds, 'rebuild']
}
