import { InputError } from '../base/errors.ts'
import { hardwareTechnologies, type HardwareTechnology } from '../base/technology.ts'
import type { Plan } from './plan-schema.ts'
import { attestationPolicy, checksOf, unfilled } from './rego/attestation-policy.ts'
import { tryAttestationPolicy } from './rego/canned-evidence.ts'
import { writeRego } from './rego/write.ts'

/**
 * The attestation policy that is made of a plan's reference values, and a line about it: for every technology that the plan admits or has launch
 * measurements of. It is tried on canned claims first.
 *
 * @throws InputError `file-invalid` where the policy would read a name that the plan does not fill; VerificationError `policy-unsafe`
 */
export function generatedAttestation(plan: Plan): { text: string; note: string } {
  const values = plan['reference-values']
  const admitted = new Set<string>(plan.resources.flatMap(({ admit }) => admit.map(({ technology }) => technology)))
  const technologies = hardwareTechnologies.filter((one) => admitted.has(one) || isMeasured(one, values))
  if (technologies.length === 0) throw refuse('  it has no launch measurement of any technology')
  const problems = unfilled(technologies, values)
  if (problems.length > 0) throw refuse(problems.map((one) => `  ${one}`).join('\n'))
  const module = attestationPolicy(technologies)
  const tried = tryAttestationPolicy(module, technologies, values)
  return {
    text: writeRego(module),
    note: `The attestation policy affirms ${technologies.join(', ')} and nothing else. It was tried on ${tried} sets of claims, each with one other or missing value; not probed live.`,
  }
}

function isMeasured(technology: HardwareTechnology, values: Plan['reference-values']): boolean {
  return checksOf(technology).some(
    ({ claim, by }) => claim === 'executables' && 'list' in by && Object.hasOwn(values, by.list),
  )
}

function refuse(problems: string): InputError {
  return new InputError(
    'file-invalid',
    `no attestation policy can be made of the reference values of this plan:\n${problems}`,
    {
      subject: 'attestation-policy',
      remedy:
        'Run "sealwright tee reference-values machine" on a machine of this kind: it prints all of them. Or leave the policy to its owner: `attestation-policy: leave`.',
    },
  )
}
