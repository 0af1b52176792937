import type { JsonObject, JsonValue } from '../../base/json.ts'
import { trustClaimProblem } from './canned-evidence.ts'
import { evaluateRule, referenceValuesOf } from './evaluate.ts'
import { parseRego } from './parse.ts'

/** Rules that Trustee asks a policy for: the first of a resource policy, the others of an attestation policy. */
const asked = ['allow', 'trust_claims', 'extensions'] as const

/** What a policy says of one input. */
export interface Trial {
  /** Rule → its value; null where the rule has none, which denies. Rules that the policy does not have are left out. */
  values: Readonly<Record<string, JsonValue>>
  /** Why Trustee would read these values otherwise, or not at all; a sentence each. */
  problems: readonly string[]
}

/**
 * Evaluates a policy as Trustee does.
 *
 * @param values reference values by id
 * @throws InputError `file-invalid` for a policy that is not read here (docs/rego.md); VerificationError `policy-invalid` for one that has no
 *   value on which all readers agree
 */
export function tryOnInput(
  policy: string,
  { input, data, values }: { input: JsonValue; data: JsonObject; values: JsonObject },
): Trial {
  const module = parseRego(policy)
  const referenceValue = referenceValuesOf(values)
  const found = asked
    .filter((name) => module.rules.some((rule) => rule.name === name))
    .map((name): [string, JsonValue] => [name, evaluateRule(module, name, { input, data, referenceValue }) ?? null])
  const problems = found.flatMap(([name, value]) => problemsOf(name, value))
  if (found.length === 0) problems.push('the policy has neither `allow` nor `trust_claims`')
  return { values: Object.fromEntries(found), problems }
}

function problemsOf(name: string, value: JsonValue): string[] {
  if (name === 'allow')
    return typeof value === 'boolean' || value === null ? [] : ['`allow` is no boolean: Trustee fails on it']
  if (name !== 'trust_claims') return []
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return ['`trust_claims` is no object']
  return Object.entries(value)
    .map(([claim, number]) => trustClaimProblem(claim, number))
    .filter((problem) => problem !== null)
}
