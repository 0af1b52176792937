import type { JsonValue } from '../../base/json.ts'
import { equal, literal, ref, rule, type Module, type Rule, type Statement, type Term } from './ast.ts'

/** Reference values that {@link sampleAttestationPolicy} asks for, with what Trustee's sample verifier always claims. */
export const sampleReferenceValues: Readonly<Record<string, JsonValue>> = { launch_digest: ['abcde'], svn: ['1'] }

/**
 * `default_cpu` for the sample TEE: affirming when the reference values are there, else contraindicated. Only for a KBS of our own: every
 * other technology comes out contraindicated under it.
 */
export function sampleAttestationPolicy(): Module {
  const listed = (claim: string, id: string): Statement => ({
    kind: 'compare',
    left: ref('input', 'sample', claim),
    operator: 'in',
    right: { kind: 'call', name: 'query_reference_value', argument: literal(id) },
  })
  return {
    rules: [
      fallback('executables', 33),
      fallback('hardware', 97),
      fallback('configuration', 36),
      rule('executables', [listed('launch_digest', 'launch_digest')], literal(3)),
      rule('hardware', [listed('svn', 'svn')], literal(2)),
      rule('configuration', [equal(ref('input', 'sample', 'debug'), false)], literal(2)),
      rule('trust_claims', [], {
        kind: 'object',
        members: ['executables', 'hardware', 'configuration'].map((name): [string, Term] => [name, ref(name)]),
      }),
    ],
  }
}

function fallback(name: string, value: number): Rule {
  return { name, isDefault: true, value: literal(value), body: [] }
}
