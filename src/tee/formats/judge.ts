import { InputError } from '../../base/errors.ts'
import type { TeeCheck, TeeEvidence, TeeVerdict } from '../types.ts'
import { verifiers } from '../verify/index.ts'
import { allPcrs } from '../verify/tpm/coco-quote.ts'
import { verifyTpm } from '../verify/tpm/verifier.ts'
import { sameSelection } from '../verify/tpm/selection.ts'
import type { VerifyContext } from '../verify/verifier.ts'
import { claimedReportData } from './claimed.ts'
import { unbound, type Demands } from './demands.ts'
import { evidenceOfQuote, judgeQuote } from './quote.ts'
import type { QuoteParts, ReadEvidence } from './types.ts'

/**
 * Verdict on evidence in any form, by the verifier of its technology. Who names neither report data nor a nonce and has no binding gets the
 * named check `report-data` (or `qualifying-data`), which fails unless `unbound` is accepted: evidence that is bound to nothing may be old, or
 * another's.
 *
 * @throws InputError `unsupported` for a paravisor report alone
 */
export function judge(read: ReadEvidence, demands: Demands): TeeVerdict {
  if (read.kind === 'hcl') {
    throw new InputError('unsupported', 'a paravisor report alone is not evidence: the quote of its vTPM is missing', {
      subject: 'evidence',
      remedy: 'Give the JSON of CoCo\'s az-snp-vtpm or az-tdx-vtpm attester; "tee show" prints this report.',
    })
  }
  const context = withAcceptances(demands)
  if (read.kind === 'quote') return judgeParts(read.quote, { ...demands, context })
  const { evidence, binding } = read
  const expected = demands.expected?.bytes ?? binding?.hash ?? null
  const verdict = judgeEvidence(evidence, expected, demands.expected?.kind === 'nonce', { ...demands, context })
  const more: TeeCheck[] = []
  if (binding !== null && demands.expected !== null) {
    const ok = binding.hash.equals(demands.expected.bytes)
    more.push({ name: 'binding', ok, why: 'the binding beside the evidence hashes to the expected value' })
  }
  if (read.trailing !== null) {
    const { bytes, allZero } = read.trailing
    const ok = allZero || demands.accept.has('trailing-bytes')
    const why = `${bytes} unsigned bytes behind the report, ${allZero ? 'all zero' : 'not all zero'}`
    more.push({ name: 'trailing-bytes', ok, why })
  }
  return withChecks(verdict, [...verdict.checks, ...more])
}

/** A quote of just the PCRs that CoCo's form has is judged as that evidence. */
function judgeParts(quote: QuoteParts, demands: Demands): TeeVerdict {
  const { expected, selection } = demands
  const evidence = sameSelection(selection ?? allPcrs, allPcrs) ? evidenceOfQuote(quote) : null
  if (evidence === null) return judgeQuote(quote, demands)
  return judgeEvidence(evidence, expected?.bytes ?? null, expected?.kind === 'nonce', demands)
}

function judgeEvidence(
  evidence: TeeEvidence,
  expected: Buffer | null,
  whole: boolean,
  { accept, context }: Demands,
): TeeVerdict {
  if (expected !== null) return run(evidence, expected, whole, context)
  const claimed = claimedReportData(evidence)
  const verdict = run(evidence, claimed ?? Buffer.alloc(48), true, context)
  return withChecks(verdict, unbound(verdict.checks, claimed, accept.has('unbound')))
}

/** @param whole compare just these bytes; else they are the beginning of the 48 that a binding fills (TRUST §2) */
function run(evidence: TeeEvidence, bytes: Buffer, whole: boolean, context: VerifyContext): TeeVerdict {
  const { technology } = evidence
  if (technology === 'tpm' && whole) return verifyTpm(evidence, bytes, context)
  const slot = whole ? bytes : padded(bytes, 48)
  return verifiers[technology].verify(evidence, technology === 'tdx' ? fitted(slot) : slot, context)
}

/** Intel's verifier takes 48 bytes or all 64; shorter values are padded as the hardware does. */
function fitted(bytes: Buffer): Buffer {
  return bytes.length === 48 ? bytes : padded(bytes, 64)
}

function padded(bytes: Buffer, size: number): Buffer {
  return bytes.length >= size ? bytes : Buffer.concat([bytes, Buffer.alloc(size - bytes.length)])
}

function withChecks(verdict: TeeVerdict, checks: TeeCheck[]): TeeVerdict {
  return { ...verdict, checks, status: checks.length > 0 && checks.every(({ ok }) => ok) ? 'verified' : 'refused' }
}

function withAcceptances({ context, accept }: Demands): VerifyContext {
  const { rules } = context
  return {
    ...context,
    rules: {
      ...rules,
      ...(accept.has('trailing-bytes') ? { tdx: { ...rules.tdx, acceptTrailingBytes: true } } : {}),
      ...(accept.has('software-tpm') ? { tpm: { ...rules.tpm, acceptSoftwareTpm: true } } : {}),
      ...(accept.has('unbound-user-data') ? { azure: { ...rules.azure, acceptUnboundUserData: true } } : {}),
    },
  }
}
