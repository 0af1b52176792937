import type { Gate } from '../candidate.ts'
import { countedClaims } from '../own-form.ts'
import { askedByProvenance, refusedParameters } from '../parameters.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'

/** TRUST §5.8: parameters are inputs of the attacker; a build may have had only those that the policy names. */
export const parameterSteps: Step[] = [
  { id: 'builder.parameters', clause: 'TRUST §5.8', needs: ['key'], run: parameters },
]

function parameters(gate: Gate): Outcome {
  const { claims } = countedClaims(gate, ['provenance'])
  if (claims.length === 0) return skipped('there is no provenance')
  const rules = gate.policy.document.build ?? {}
  const events = (gate.found.journal ?? []).slice(0, gate.found.sealed)
  for (const claim of claims) {
    const [first, ...others] = refusedParameters(askedByProvenance(claim.statement.predicate), rules, events)
    if (first === undefined) continue
    const more = others.length === 0 ? '' : `; ${others.slice(0, 4).join('; ')}${others.length > 4 ? ' …' : ''}`
    return failed('parameters-refused', `${first}${more} (section build of the policy)`, claim.manifest)
  }
  return passed('the build was asked for nothing that the policy does not name')
}
