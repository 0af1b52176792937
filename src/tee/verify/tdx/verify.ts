import { boundReason, Steps } from '../steps.ts'
import { refusal } from '../verifier.ts'
import type { Certificate } from '../../../encoding/x509/certificate.ts'
import { VerificationError } from '../../../base/errors.ts'
import type { TdxFacts, TdxTcbFacts } from '../../facts/tdx.ts'
import type { VerdictOf } from '../../types.ts'
import { readTdAttributes } from './attributes.ts'
import type { TdxCollateral } from './collateral.ts'
import { checkCollateral, collateralState, missingCollateral, type Signed } from './collateral-checks.ts'
import { pckFacts, quoteFacts, quoteMeasured } from './facts.ts'
import { parsePckExtension, sgxExtension, type PckFacts } from './pck.ts'
import { strictPolicy, type TdxPolicy } from './policy.ts'
import type { QeIdentity } from './qe-identity.ts'
import { parseTdxQuote, type TdxQuote } from './quote.ts'
import { attestationKey, checkEcdsa, checkKeyBinding, checkQuotingEnclave } from './quoting-enclave.ts'
import { checkModule, evaluateTcb, type TcbResult } from './tcb.ts'
import { intelRoot, pckNames, trustedChain } from './trust.ts'

export interface TdxInput {
  quote: Uint8Array
  /** Null: what needs it fails as `collateral`, the rest is still checked. */
  collateral: TdxCollateral | null
  /** Why there is none: what was looked for, and what was given instead. */
  missing?: string | undefined
  /** 48 bytes (padded with zeros) or all 64. */
  reportData: Uint8Array
  at: Date
  policy?: Partial<TdxPolicy> | undefined
  /** SHA-256 of accepted roots; Intel's when absent. */
  roots?: readonly string[] | undefined
}

/**
 * Checks a TDX quote in the order of Intel's quote verification library (QVL 4.1.2), then by a policy. Every step that can run does run.
 * `machine` is the platform's PPID: it tells hosts apart, not TDs on one host; for that the gate compares RTMR3 (TRUST §5.4).
 *
 * @returns a verdict; nothing that the evidence or the collateral holds makes this throw
 */
export function verifyTdx({
  quote: bytes,
  collateral,
  missing,
  reportData,
  at,
  policy,
  roots = [intelRoot],
}: TdxInput): VerdictOf<'tdx'> {
  const rules: TdxPolicy = { ...strictPolicy, ...policy }
  const steps = new Steps()
  const quote = steps.read('quote-format', 'version 4 or 5 of a TD', () => parseTdxQuote(bytes))
  if (quote === null) return refusal('tdx', steps.checks)

  const anchor = { roots, at }
  const chain = trustedChain(steps, 'pck', quote.auth.pckChain, pckNames, anchor)
  const pck = chain === null ? null : readPck(steps, chain)
  const given = steps.read(
    'collateral',
    'TCB info, QE identity and revocation lists are there',
    () => collateral ?? missingCollateral(missing),
  )
  const signed = given === null ? null : checkCollateral(steps, given, chain, anchor, rules)
  const state = given === null ? null : collateralState(steps)

  checkQuoteSignatures(steps, quote, chain, signed?.identity ?? null)
  const tcb = signed === null ? { module: null, tcb: null } : checkTcb(steps, quote, pck, signed, rules)
  checkPolicy(steps, quote, rules)
  const wanted = Buffer.concat([reportData, Buffer.alloc(Math.max(0, 64 - reportData.length))])
  // A shorter value would be met by zeros that nobody asked for.
  const sized = reportData.length === 48 || reportData.length === 64
  const bound = sized && quote.body.reportData.equals(wanted)
  steps.note('report-data', bound, boundReason(bound, quote.body.reportData, Buffer.from(reportData)))
  return {
    technology: 'tdx',
    status: steps.passed ? 'verified' : 'refused',
    facts: {
      quote: quoteFacts(quote),
      platform: pck === null ? null : pckFacts(pck),
      collateral: state,
      ...tcb,
      log: null,
    },
    measured: quoteMeasured(quote),
    register: null,
    checks: steps.checks,
    machine: pck === null ? null : `tdx:${pck.ppid.toString('hex')}`,
  }
}

function readPck(steps: Steps, [leaf]: Certificate[]): PckFacts | null {
  return steps.read('pck-extension', 'the PCK certificate names the platform and its SVNs', () => {
    const extension = leaf?.extensions.get(sgxExtension)
    if (extension === undefined)
      throw new VerificationError('format-invalid', 'the PCK certificate has no SGX extension')
    return parsePckExtension(extension.value)
  })
}

function checkQuoteSignatures(
  steps: Steps,
  { auth, signed }: TdxQuote,
  chain: Certificate[] | null,
  identity: QeIdentity | null,
): void {
  const key = chain?.[0]?.key
  if (key !== undefined) {
    steps.read('qe-report-signature', 'the PCK signed the QE report', () =>
      checkEcdsa(auth.qeReport.bytes, auth.qeReportSignature, key, 'QE report'),
    )
  }
  steps.read('qe-report-data', 'the QE report is about the attestation key', () => checkKeyBinding(auth))
  if (identity !== null) {
    steps.read('qe-identity', 'the quoting enclave is Intel’s', () => checkQuotingEnclave(auth, identity))
  }
  steps.read('quote-signature', 'the attestation key signed header and body', () =>
    checkEcdsa(signed, auth.signature, attestationKey(auth.attestationKey), 'quote'),
  )
}

function checkTcb(
  steps: Steps,
  quote: TdxQuote,
  pck: PckFacts | null,
  { info, identity }: Signed,
  { statuses, componentRule: rule }: TdxPolicy,
): Pick<TdxFacts, 'module' | 'tcb'> {
  if (info === null || pck === null) return { module: null, tcb: null }
  const same = info.fmspc.equals(pck.fmspc) && info.pceId.equals(pck.pceId)
  steps.note('fmspc', same, `TCB info is of ${info.fmspc.toString('hex')}, the PCK of ${pck.fmspc.toString('hex')}`)
  const module = steps.read('tdx-module', 'a module that Intel lists and signed', () => checkModule(quote, info))
  if (module === null || identity === null || !same) return { module: null, tcb: null }
  const tcb = steps.read('tcb-level', 'a level that Intel lists is reached', () =>
    evaluateTcb({ quote, pck, info, identity, module, rule }),
  )
  if (tcb === null) return { module: module.id, tcb: null }
  const below = tcb.below.length === 0 ? '' : `; below the level that is up to date: ${tcb.below.join(', ')}`
  steps.note('tcb-status', statuses.includes(tcb.status), `${[tcb.status, ...tcb.advisories].join(' ')}${below}`)
  return { module: module.id, tcb: tcbFacts(tcb, info.tcbEvaluationDataNumber) }
}

function tcbFacts({ status, platform, module, qe, date, advisories }: TcbResult, evaluation: number): TdxTcbFacts {
  return {
    'tcb-status': status,
    'tcb-status-platform': platform,
    'tcb-status-module': module,
    'tcb-status-qe': qe,
    'tcb-date': date.toISOString(),
    advisories,
    'tcb-evaluation': evaluation,
  }
}

function checkPolicy(steps: Steps, { body, trailing }: TdxQuote, rules: TdxPolicy): void {
  const { set, reserved, untrusted } = readTdAttributes(body.tdAttributes)
  steps.note('td-debug', !untrusted, 'no bit of the debug group (0 to 7) is set')
  steps.note('td-reserved', reserved.length === 0, `reserved attribute bits set: ${reserved.join(', ') || 'none'}`)
  steps.note(
    'td-sept-ve-disable',
    !rules.requireSeptVeDisable || set.includes('SEPT_VE_DISABLE'),
    `attributes: ${set.join(', ') || 'none'}`,
  )
  if (rules.xfam !== undefined) {
    const xfam = body.xfam.toString(16).padStart(16, '0')
    steps.note('xfam', xfam === rules.xfam, `XFAM is ${xfam}, wanted ${rules.xfam}`)
  }
  if (rules.mrSeams !== undefined) {
    steps.note(
      'mr-seam',
      rules.mrSeams.includes(body.mrSeam.toString('hex')),
      `the module is ${body.mrSeam.toString('hex')}`,
    )
  }
  steps.note('td-migratable', rules.acceptMigratable || !set.includes('MIGRATABLE'), 'the TD stays on its machine')
  steps.note(
    'trailing-bytes',
    trailing.allZero || rules.acceptTrailingBytes,
    `${trailing.bytes} unsigned bytes behind the quote, ${trailing.allZero ? 'all zero' : 'not all zero'}`,
  )
}
