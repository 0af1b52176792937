import { VerificationError } from '../../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { HardwareTechnology } from '../../base/technology.ts'
import { isVectorValue, tierOf, vectorMembers } from '../ear-vector.ts'
import type { Module } from './ast.ts'
import { checksOf, type Check } from './attestation-policy.ts'
import { evaluateRule, referenceValuesOf } from './evaluate.ts'

type Values = Readonly<Record<string, JsonValue>>

/**
 * Why a trust claim must not be set to this value. Trustee cuts numbers to 8 bits: 258 would be read as 2, which affirms. An unknown name makes
 * its thread panic (coco.md §12).
 *
 * @returns null for a claim of AR4SI (draft-ietf-rats-ar4si §2.3) in its range
 */
export function trustClaimProblem(name: string, value: JsonValue): string | null {
  if (!vectorMembers.includes(name)) return `${name} is no trust claim of AR4SI`
  return isVectorValue(value) ? null : `${name} has to be a whole number from -128 to 127, not ${JSON.stringify(value)}`
}

/** Claims of one piece of evidence, and whether they are what the plan registered. */
export interface CannedEvidence {
  what: string
  claims: JsonObject
  affirmed: boolean
}

/** The claims that are registered; then with one other value each, with one value missing each, and as those of a sample. */
export function cannedEvidence(technologies: readonly HardwareTechnology[], values: Values): CannedEvidence[] {
  return technologies.flatMap((technology) => {
    const checks = checksOf(technology)
    const right = checks.reduce<JsonObject>((claims, one) => withClaim(claims, one.path, rightValue(one, values)), {})
    const refused = (what: string, claims: JsonObject): CannedEvidence => ({ what, claims, affirmed: false })
    return [
      { what: `${technology} as registered`, claims: { [technology]: right }, affirmed: true },
      ...checks.flatMap((one) => {
        const path = one.path.join('.')
        return [
          refused(`${technology}, another ${path}`, { [technology]: withClaim(right, one.path, another(one, values)) }),
          refused(`${technology} without ${path}`, { [technology]: withClaim(right, one.path, undefined) }),
        ]
      }),
      refused(`claims of ${technology} as those of a sample`, { sample: right }),
    ]
  })
}

/**
 * Tries an attestation policy on claims made for it: the right ones must be affirmed, all others must not.
 *
 * @returns how many sets of claims were tried
 * @throws VerificationError `policy-unsafe` naming the first one that is judged wrongly
 */
export function tryAttestationPolicy(
  module: Module,
  technologies: readonly HardwareTechnology[],
  values: Values,
): number {
  const cases = cannedEvidence(technologies, values)
  for (const { what, claims, affirmed } of cases) {
    if (isAffirmed(module, claims, values) === affirmed) continue
    throw new VerificationError(
      'policy-unsafe',
      `the attestation policy ${affirmed ? 'does not affirm' : 'affirms'} this evidence: ${what}`,
      {
        subject: 'default_cpu',
        remedy: 'Look at the reference values of the plan: a measurement may stand in a second list.',
      },
    )
  }
  return cases.length
}

/** Status affirming: the policy sets trust claims, and each of them is of that tier, on the positive side of the scale. */
function isAffirmed(module: Module, claims: JsonObject, values: Values): boolean {
  const found = evaluateRule(module, 'trust_claims', { input: claims, referenceValue: referenceValuesOf(values) })
  if (!isObject(found)) return false
  for (const [name, value] of Object.entries(found)) {
    const problem = trustClaimProblem(name, value)
    if (problem !== null) throw new VerificationError('policy-unsafe', problem, { subject: 'default_cpu' })
  }
  return Object.values(found).every((value) => isVectorValue(value) && value > 0 && tierOf(value) === 'affirming')
}

function rightValue({ by }: Check, values: Values): JsonValue {
  if ('is' in by) return by.is
  const registered = referenceValuesOf(values)
  if ('value' in by) return registered(by.value)
  const list = registered(by.list)
  return Array.isArray(list) ? (list[0] ?? null) : null
}

/** A value of the same kind that is registered nowhere. */
function another(check: Check, values: Values): JsonValue {
  const right = rightValue(check, values)
  if (typeof right === 'boolean') return !right
  if (typeof right === 'number') return right + 1_000_003
  if (right === 'true' || right === 'false') return right === 'true' ? 'false' : 'true'
  return `${String(right)}0`
}

/** Claims with one member set, or taken out where the value is undefined. */
export function withClaim(
  claims: JsonObject,
  [first = '', ...rest]: readonly string[],
  value: JsonValue | undefined,
): JsonObject {
  if (rest.length > 0) {
    const inner = claims[first]
    return { ...claims, [first]: withClaim(isObject(inner) ? inner : {}, rest, value) }
  }
  const { [first]: _, ...others } = claims
  return value === undefined ? others : { ...others, [first]: value }
}
