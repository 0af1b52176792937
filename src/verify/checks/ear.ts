import { VerificationError } from '../../base/errors.ts'
import { isObject, parseJson } from '../../base/json.ts'
import { jcs } from '../../encoding/jcs.ts'
import { fromBase64 } from '../../encoding/base64.ts'
import type { Gate } from '../candidate.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'
import { evidenceTime } from '../window.ts'

/** TRUST §1: an Attestation Service's word beside the evidence, where the policy wants it. It never stands in for a check of our own. */
export const earSteps: Step[] = [{ id: 'evidence.ear', clause: 'TRUST §1', needs: ['evidence'], run: ear }]

/** Two clocks may differ by this. */
const skewSeconds = 300

async function ear(gate: Gate): Promise<Outcome> {
  const { policy, evidence, found } = gate
  if (policy.ear === null || evidence === null) return skipped('the policy asks for no Attestation Service’s word')
  const { manifest, open } = evidence
  const text = open.evidence.documents['ear']
  if (text === undefined)
    return failed('missing-evidence', 'no EAR stands beside the evidence, and the policy wants one', manifest)
  const token = fromBase64(text, 'ear').toString('latin1')
  const [{ checkEar }, { checkEarBinding }] = await Promise.all([
    import('../../kbs/ear.ts'),
    import('../../kbs/ear-binding.ts'),
  ])
  // Such a token is good for minutes. What counts later is that it was made for this job, within its time.
  const made = issuedAt(token)
  const start = evidenceTime(evidence, found.claims).getTime() / 1000
  if (made < start - skewSeconds || made > start + policy.maxJobSeconds + skewSeconds)
    return failed('token-expired', 'the EAR was not made in the time of the job', manifest)
  const checked = checkEar(token, policy.ear.trust, new Date(made * 1000))
  const runtimeData = parseJson(jcs(open.binding).toString('utf8'), 'binding')
  if (!isObject(runtimeData)) throw new Error('a binding is an object')
  checkEarBinding(checked, { technology: evidence.index.technology, runtimeData, policy: policy.ear.policyId })
  if (checked.status !== 'affirming')
    return failed('token-invalid', `the Attestation Service says ${checked.status}, not affirming`, manifest)
  return passed(`a pinned Attestation Service affirms it by its policy ${policy.ear.policyId}`, manifest)
}

/** @throws VerificationError `token-invalid` */
function issuedAt(token: string): number {
  const body = parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'), 'EAR')
  const iat = isObject(body) ? body['iat'] : undefined
  if (typeof iat === 'number' && Number.isSafeInteger(Math.floor(iat))) return Math.floor(iat)
  throw new VerificationError('token-invalid', 'the EAR says not when it was made', { subject: 'EAR' })
}
