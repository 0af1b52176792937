import type { JsonObject, JsonValue } from '../base/json.ts'
import { isObject } from '../base/json.ts'
import { noCollateral } from '../tee/verify/verifier.ts'

/**
 * Claims about evidence of a TPM, where it holds: the PCRs as Trustee names them, and that nobody vouches for the key. An embedded KBS runs
 * beside the job that it serves, so a TPM is a software TPM to it, and its attestation policy must be told to take one.
 *
 * @param data 48 bytes that the evidence must be over; the first 32 are compared, as in Trustee (coco.md §2.2)
 * @returns null when the evidence does not hold
 */
export async function tpmClaims(evidence: JsonValue, data: Buffer, at: Date): Promise<JsonObject | null> {
  if (!isObject(evidence)) return null
  const { tpmVerifier } = await import('../tee/verify/tpm/verifier.ts')
  const { status, measured, facts } = tpmVerifier.verify({ technology: 'tpm', evidence, documents: {} }, data, {
    at,
    collateral: noCollateral,
    rules: { tpm: { acceptSoftwareTpm: true } },
  })
  if (status !== 'verified') return null
  const pcrs = Object.entries(measured).map(([name, value]) => [name.replace(/^pcr(\d)$/, 'pcr0$1'), value] as const)
  return { ...Object.fromEntries(pcrs), kind: facts?.trust.softwareTpm === false ? 'hardware' : 'software' }
}
