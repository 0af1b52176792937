import type { AzureFacts } from '../../facts/azure.ts'
import type { Judged, TeeCheck, TeeEvidence } from '../../types.ts'
import { defaultPcr } from '../../register/index.ts'
import { checkRegister } from '../register.ts'
import { refusal } from '../verifier.ts'
import { allPcrs } from '../tpm/coco-quote.ts'
import { keyFingerprint } from '../tpm/attestation-key.ts'
import { checkLogs } from '../tpm/logs.ts'
import { Steps } from '../steps.ts'
import { bootIdentity, pcrMeasured } from '../tpm/verifier.ts'
import { verifyQuote } from '../tpm/verify-quote.ts'
import { parseAzureEvidence, type AzureEvidence, type AzureTechnology } from './evidence.ts'
import { parseHcl, type HclReport } from './hcl.ts'
import type { AzureOptions } from './policy.ts'

/** The hardware's part, as bytes for the verifier of its own technology. */
export type AzureInner =
  { kind: 'snp'; report: Buffer; vcek: Buffer } | { kind: 'tdx'; quote: Buffer; tdReport: Buffer }

export interface InnerVerdict<Facts = never> {
  /** Null when the report could not be read. */
  facts: Facts | null
  /** At least one; each must hold. */
  checks: TeeCheck[]
  /** As `TeeVerdict.measured`. */
  measured: Record<string, string>
  /** As `TeeVerdict.machine`. */
  machine: string | null
  /** The 64 bytes that the hardware's signature covers; null when they could not be read. */
  reportData: Buffer | null
}

/** Verifies the SNP report or the TDX quote with all its certificates. What its report data must be is judged here. */
export type InnerVerifier<Facts = never> = (inner: AzureInner, at: Date) => InnerVerdict<Facts>

/**
 * Azure's confidential VM: hardware report → variable data → vTPM key → quote → binding. The inner verifier is a parameter without which
 * nothing is ever `verified`.
 *
 * @param bound the whole qualifying data of the quote, and the beginning of user-data (TRUST §2) */
export function verifyAzure<T extends AzureTechnology, Facts>(
  technology: T,
  taken: TeeEvidence,
  bound: Buffer,
  at: Date,
  inner: InnerVerifier<Facts>,
  options: AzureOptions = {},
): { technology: T } & Judged<AzureFacts<Facts>> {
  const steps = new Steps()
  steps.note('technology', taken.technology === technology, `evidence of ${taken.technology}`)
  const evidence = steps.read('form', 'versions 0 to 2, nothing else', () =>
    parseAzureEvidence(technology, taken.evidence),
  )
  const hcl =
    evidence && steps.read('HCL report', 'each field and padding as written', () => parseHcl(evidence.hclReport))
  if (evidence === null || hcl === null) {
    return refusal(technology, steps.checks)
  }
  const hardware = checkHardware(technology, evidence, hcl, at, inner, steps)
  const { quote, facts, checks } = verifyQuote({
    message: evidence.message,
    signature: () => ({ scheme: 'rsassa', hash: 'sha256', bytes: evidence.signature }),
    key: hcl.key,
    values: new Map([['sha256', evidence.pcrs]]),
    selection: allPcrs,
    qualifyingData: bound,
  })
  steps.checks.push(...checks)
  const userDataBound = isBound(hcl.userData, bound)
  steps.note(
    'user-data',
    userDataBound || options.acceptUnboundUserData === true,
    userDataBound ? 'begins with the binding, then zeros' : 'does not carry the binding',
  )
  const logs = steps.passed ? checkLogs(taken.documents, evidence.pcrs, steps) : null
  const measured = { ...hardware?.measured, ...(quote === null ? {} : pcrMeasured(evidence.pcrs)) }
  const register =
    logs !== null && steps.passed
      ? checkRegister(
          { documents: taken.documents, name: options.register ?? defaultPcr, measured, log: logs.log },
          steps,
        )
      : null
  return {
    technology,
    status: steps.passed ? 'verified' : 'refused',
    facts: {
      evidenceVersion: evidence.version,
      hclVersion: hcl.version,
      akUses: hcl.keyUses,
      vmConfiguration: hcl.vmConfiguration,
      userData: hcl.userData?.toString('hex') ?? null,
      userDataBound,
      report: hardware?.facts ?? null,
      quote: facts,
      log: null,
      ima: null,
      ...logs?.facts,
    },
    measured,
    register,
    checks: steps.checks,
    machine:
      quote === null || hardware === null ? null : machineOf(hardware, bootIdentity(keyFingerprint(hcl.key), quote)),
  }
}

/** The hardware's report must hold on its own and name the variable data by its hash. */
function checkHardware<Facts>(
  technology: AzureTechnology,
  { document }: AzureEvidence,
  hcl: HclReport,
  at: Date,
  inner: InnerVerifier<Facts>,
  steps: Steps,
): InnerVerdict<Facts> | null {
  const kind = technology === 'az-snp-vtpm' ? 'snp' : 'tdx'
  if (!steps.note('report-type', hcl.kind === kind, `the HCL report is of ${hcl.kind}`)) return null
  const verdict = steps.read('hardware-evidence', `readable ${kind} evidence`, () =>
    inner(
      kind === 'snp'
        ? { kind, report: hcl.hardware, vcek: document }
        : { kind, quote: document, tdReport: hcl.hardware },
      at,
    ),
  )
  if (verdict === null) return null
  const { checks, reportData } = verdict
  steps.note(
    'hardware',
    checks.length > 0 && checks.every(({ ok }) => ok),
    `${checks.length} checks of the ${kind} report`,
  )
  for (const { name, ok, why } of checks) steps.note(`${kind}: ${name}`, ok, why)
  steps.note(
    'var-data',
    reportData !== null && namesVarData(reportData, hcl),
    'report data is the hash of the variable data',
  )
  return verdict
}

/** One life of the guest by its hardware, where that tells, and one boot of its vTPM. */
function machineOf({ machine }: Pick<InnerVerdict<unknown>, 'machine'>, boot: string): string {
  return machine === null ? boot : `${boot} ${machine}`
}

/** The paravisor puts the hash first and zeros behind it. */
function namesVarData(reportData: Buffer, { varDataHash }: HclReport): boolean {
  const wanted = Buffer.alloc(64)
  varDataHash.copy(wanted)
  return reportData.equals(wanted)
}

function isBound(userData: Buffer | null, bound: Buffer): boolean {
  if (userData === null || bound.length === 0 || bound.length > userData.length) return false
  const wanted = Buffer.alloc(userData.length)
  bound.copy(wanted)
  return userData.equals(wanted)
}
