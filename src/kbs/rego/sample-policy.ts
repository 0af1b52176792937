import type { JsonValue } from '../../base/json.ts'
import {
  equal,
  fallback,
  literal,
  ref,
  referenceValue,
  rule,
  trustClaimsRule,
  type Module,
  type Statement,
} from './ast.ts'

/** What every piece of sample evidence has in place of a launch measurement. */
export const sampleLaunchDigest = 'abcde'

/** Reference values that {@link embeddedAttestationPolicy} asks for, with what Trustee's sample verifier always claims. */
export const sampleReferenceValues: Readonly<Record<string, JsonValue>> = {
  launch_digest: [sampleLaunchDigest],
  svn: ['1'],
}

/** The same for a software TPM whose PCR 11 has one of these values, in Trustee's form: hex. */
export function softwareTpmReferenceValues(pcr11: readonly string[]): Record<string, JsonValue> {
  return { tpm_pcr11: [...new Set(pcr11)], tpm_kind: ['software'] }
}

/**
 * `default_cpu` for `sample` and for a TPM: affirming when the reference values are there, else contraindicated. Only for a KBS of our own:
 * every other technology comes out contraindicated under it, and a software TPM unless a plan took it by name.
 */
export function embeddedAttestationPolicy(): Module {
  const listed = (claim: string, id: string, tee = 'sample'): Statement =>
    referenceValue(ref('input', tee, claim), 'in', id)
  return {
    rules: [
      fallback('executables', 33),
      fallback('hardware', 97),
      fallback('configuration', 36),
      rule('executables', [listed('launch_digest', 'launch_digest')], literal(3)),
      rule('hardware', [listed('svn', 'svn')], literal(2)),
      rule('configuration', [equal(ref('input', 'sample', 'debug'), false)], literal(2)),
      rule('executables', [listed('pcr11', 'tpm_pcr11', 'tpm')], literal(3)),
      rule('hardware', [listed('kind', 'tpm_kind', 'tpm')], literal(2)),
      rule('configuration', [listed('pcr11', 'tpm_pcr11', 'tpm')], literal(2)),
      trustClaimsRule(['executables', 'hardware', 'configuration']),
    ],
  }
}
