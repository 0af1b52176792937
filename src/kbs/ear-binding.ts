import { isDeepStrictEqual } from 'node:util'
import { VerificationError } from '../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Ear } from './ear.ts'

/** What an EAR must be about, beside its signature (TRUST §1). */
export interface EarExpectation {
  /** As Trustee names it: the member of the annotated evidence that holds the claims. */
  technology: string
  /** What was hashed into the evidence: our binding, or `{nonce, tee-pubkey}` of an RCAR handshake. */
  runtimeData: JsonObject
  /** Appraisal policy as it was asked for, without `_cpu`. */
  policy: string
}

/**
 * Ties an EAR to what we had attested: its runtime data, its technology, its appraisal policy, and one CPU alone.
 *
 * @throws VerificationError `binding-mismatch`, `token-invalid`
 */
export function checkEarBinding(ear: Ear, expected: EarExpectation): void {
  if (!isDeepStrictEqual(plain(ear.evidence['runtime_data_claims']), plain(expected.runtimeData))) {
    throw new VerificationError('binding-mismatch', 'the EAR is over other runtime data than ours', {
      subject: 'runtime_data_claims',
      remedy: "Ask for a token over this job's own binding; one of another job, or of before a restart, is of no use.",
    })
  }
  const { technology, policy } = expected
  if (!isObject(ear.evidence[technology])) throw invalid(`it has no claims of ${technology}`)
  const submods = ear.claims['submods']
  const names = isObject(submods) ? Object.keys(submods) : []
  if (names.some((name) => /^cpu/.test(name) && name !== 'cpu0')) throw invalid('it speaks of several CPUs')
  const cpu = isObject(submods) ? submods['cpu0'] : undefined
  const id = isObject(cpu) ? cpu['ear.appraisal-policy-id'] : undefined
  if (id !== policy)
    throw invalid(`it was made by the policy ${JSON.stringify(id ?? null)}, not ${JSON.stringify(policy)}`)
}

/** Objects compare by members, whatever prototype they have. */
function plain(value: JsonValue | undefined): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown)
}

function invalid(why: string): VerificationError {
  return new VerificationError('token-invalid', `the EAR is refused: ${why}`, {
    subject: 'EAR',
    remedy: 'See which Attestation Service and policy made it.',
  })
}
