import { SealwrightError } from '../../../base/errors.ts'
import { fromBase64 } from '../../../encoding/base64.ts'
import type { TeeEvidence, VerdictOf } from '../../types.ts'
import { checkRegister } from '../register.ts'
import { Steps } from '../steps.ts'
import { refusal, type TeeVerifier, type VerifyContext } from '../verifier.ts'
import { parseBundle } from './collateral.ts'
import { readTdxEvidence } from './evidence.ts'
import { checkCcel } from './logs.ts'
import { describeMissing, selectCollateral } from './select.ts'
import { verifyTdx } from './verify.ts'

/** Intel TDX, with the event log that CoCo's evidence has beside the quote. */
export const tdx: TeeVerifier<'tdx'> = {
  technology: 'tdx',
  verify: (evidence, reportData, context) => {
    try {
      const { quote, eventLog } = readTdxEvidence(evidence)
      const verdict = verifyTdxQuote(quote, evidence.documents, reportData, context)
      return verdict.status === 'verified' ? withLogs(verdict, eventLog, evidence.documents) : verdict
    } catch (error) {
      if (!(error instanceof SealwrightError)) throw error
      return refusal('tdx', [{ name: 'evidence-form', ok: false, why: error.message }])
    }
  },
}

/**
 * A quote with the verifier's collateral for its platform, or else with what travelled (`collateral-intel`).
 *
 * @throws VerificationError `format-invalid` for travelling collateral that cannot be read
 */
export function verifyTdxQuote(
  quote: Uint8Array,
  documents: TeeEvidence['documents'],
  reportData: Uint8Array,
  { at, collateral, rules, trust }: VerifyContext,
): VerdictOf<'tdx'> {
  const travelled = documents['collateral-intel']
  const given =
    selectCollateral(quote, collateral.intel, at) ??
    (travelled === undefined ? null : parseBundle(fromBase64(travelled, 'collateral-intel'), 'collateral-intel'))
  const missing = given === null ? describeMissing(quote, collateral.intel) : undefined
  return verifyTdx({ quote, collateral: given, missing, reportData, at, policy: rules.tdx, roots: trust?.intelRoots })
}

function withLogs(
  verdict: VerdictOf<'tdx'>,
  bytes: Buffer | null,
  documents: TeeEvidence['documents'],
): VerdictOf<'tdx'> {
  const { measured, facts, checks } = verdict
  const steps = new Steps()
  const found = bytes === null ? null : checkCcel(bytes, measured, steps)
  const good = steps.checks.every(({ ok }) => ok)
  const register = good ? checkRegister({ documents, name: 'rtmr3', measured, log: found?.log ?? null }, steps) : null
  return {
    ...verdict,
    status: steps.checks.every(({ ok }) => ok) ? 'verified' : 'refused',
    facts: facts === null ? null : { ...facts, log: found?.facts ?? null },
    register,
    checks: [...checks, ...steps.checks],
  }
}
