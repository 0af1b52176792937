import { SealwrightError } from '../../../base/errors.ts'
import type { TeeCheck, VerdictOf } from '../../types.ts'
import { parseCertificate, type Certificate } from '../../../encoding/x509/certificate.ts'
import { checkChain } from '../../../encoding/x509/chain.ts'
import { checkCrl, checkRevocation, parseCrl } from '../../../encoding/x509/crl.ts'
import type { SnpLine } from './amd-authorities.ts'
import { snpFacts, snpMeasured } from './facts.ts'
import { judgeSnp, type SnpPolicy } from './policy.ts'
import { lineByCpuid, unknownProcessor } from './product.ts'
import { isReportSigned, parseSnpReport, provenVersion, type SnpReport } from './report.ts'
import { below, difference, readTcb, sameTcb } from './tcb.ts'
import { amdTrust, type SnpTrust } from './trust.ts'
import { readVek } from './vek.ts'
import { boundReason } from '../steps.ts'
import { refusal } from '../verifier.ts'

export interface SnpInput {
  /** 1184 bytes. */
  report: Uint8Array
  /** DER, in any order: one VCEK or VLEK; authorities may be there and must then be the known ones. */
  certificates: readonly Uint8Array[]
  /** AMD's list for the line of the key, DER; of several each is checked. */
  crl?: Uint8Array | readonly Uint8Array[] | null | undefined
}

export interface SnpDemands {
  /** What the guest must have bound: 64 bytes, or fewer that are padded with zeros. */
  reportData: Uint8Array
  at: Date
  policy?: SnpPolicy | undefined
  trust?: SnpTrust | undefined
}

/**
 * Verifies an SNP report: form, key certificate, line, chain, revocation, chip, TCB, signature, binding, then the policy (tee.md §2, which names
 * the clauses of AMD's ABI). Steps stand in the verdict in this order; a step without which later ones mean nothing ends it.
 */
export function verifySnp(input: SnpInput, demands: SnpDemands): VerdictOf<'snp'> {
  const checks: TeeCheck[] = []
  try {
    const found = runSteps(checks, input, demands)
    const verified = checks.every(({ ok }) => ok)
    return { technology: 'snp', status: verified ? 'verified' : 'refused', ...found, register: null, checks }
  } catch (error) {
    // What a reader refuses is a failed step; a defect of ours is not hidden.
    if (!(error instanceof SealwrightError)) throw error
    checks.push({ name: 'form', ok: false, why: error.message })
    return refusal('snp', checks)
  }
}

function runSteps(
  checks: TeeCheck[],
  { report: bytes, certificates, crl }: SnpInput,
  { reportData, at, policy = {}, trust = amdTrust }: SnpDemands,
): Pick<VerdictOf<'snp'>, 'facts' | 'measured' | 'machine'> {
  const note = (name: string, ok: boolean, why: string): void => void checks.push({ name, ok, why })
  const report = parseSnpReport(bytes)
  note('report-form', true, `version ${report.version}`)
  if (report.version > provenVersion) {
    const why = `version ${report.version} (ABI 1.59) is read by the published layout; versions up to ${provenVersion} were checked on genuine reports`
    note('report-version', policy.acceptNewVersion === true, why)
  }

  const given = certificates.map((der, i) => parseCertificate(der, `certificate ${i}`))
  const [key, ...others] = given.filter(({ subjectName }) => subjectName === keySubjects[report.signer])
  if (key === undefined || others.length > 0) {
    const found = `expected one certificate of its ${report.signer}, found ${key ? 1 + others.length : 0} among ${given.length}`
    note('key-certificate', false, unknownProcessor(report) ?? found)
    return { facts: snpFacts(report, null, lineByCpuid(report), null, null), measured: {}, machine: null }
  }
  const vek = readVek(key)
  note('key-certificate', vek.kind === report.signer, `the report is signed by a ${report.signer}, ${vek.product}`)
  const line = vek.line
  note('line', isLine(report, line), `the certificate is of ${line}, ${cpuidText(report)}`)

  const { ark, issuers, pinned } = trust(line)
  const issuer = issuers[vek.kind]
  const foreign = given.find((one) => one !== key && !belongs(one, pinned))
  note('given-authorities', foreign === undefined, foreign ? `${foreign.name} is none of ${line}` : `known for ${line}`)
  note('issuer-pinned', pinned.has(issuer.fingerprint), `the issuer's SHA-256 is ${issuer.fingerprint}`)
  checks.push(...checkChain([key, issuer, ark], { roots: pinned, at }))
  const lists = crl instanceof Uint8Array ? [crl] : (crl ?? [])
  for (const der of lists) {
    const list = parseCrl(der, 'revocation list')
    checks.push(...checkCrl(list, ark, at), checkRevocation(list, issuer))
  }
  if (lists.length === 0) note('crl', policy.requireCrl !== true, 'no AMD revocation list (CRL) was available')

  const tcb = {
    current: readTcb(report.tcb.current, line, 'current TCB'),
    reported: readTcb(report.tcb.reported, line, 'reported TCB'),
    committed: readTcb(report.tcb.committed, line, 'committed TCB'),
    launch: readTcb(report.tcb.launch, line, 'launch TCB'),
  }
  note('chip', isChip(report, vek.hwid), chipText(report, vek.hwid))
  note(
    'tcb-certificate',
    sameTcb(vek.tcb, tcb.reported),
    difference(tcb.reported, vek.tcb, 'the report', 'the certificate') ??
      'the TCB of the certificate is the reported one',
  )
  const ahead =
    below(tcb.current, tcb.reported, 'the current TCB', 'the reported one') ??
    below(tcb.current, tcb.committed, 'the current TCB', 'the committed one')
  note('tcb-order', ahead === null, ahead ?? 'neither reported nor committed TCB is above the current one')
  const signed = isReportSigned(report, key.key)
  const signer = `ECDSA P-384 by the ${report.signer} over bytes 0 to 0x29f`
  note('report-signature', signed, signed ? signer : `expected ${signer}; the signature does not match`)
  const bound = isBound(report.reportData, reportData)
  note('report-data', bound, boundReason(bound, report.reportData, Buffer.from(reportData)))
  checks.push(...judgeSnp(report, line, tcb, policy))
  const facts = snpFacts(report, vek, line, tcb, lists.length > 0)
  return { facts, measured: snpMeasured(report), machine: machineOf(report) }
}

const keySubjects = { vcek: 'SEV-VCEK', vlek: 'SEV-VLEK', none: null } as const

/** Another key kind of the host's table is no authority, and no harm. */
function belongs({ fingerprint, subjectName }: Certificate, pinned: ReadonlySet<string>): boolean {
  return pinned.has(fingerprint) || subjectName === keySubjects.vcek || subjectName === keySubjects.vlek
}

/** A report of version 2 has no CPUID, only the form of its chip id: eight bytes on Turin (zero when masked, which fits all). */
function isLine(report: SnpReport, line: SnpLine): boolean {
  if (report.cpuid !== null) return lineByCpuid(report) === line
  return line === 'Turin' ? isShort(report.chipId) : isZero(report.chipId) || !isShort(report.chipId)
}

function cpuidText({ cpuid }: SnpReport): string {
  if (cpuid === null) return 'the report has no CPUID'
  return unknownProcessor({ cpuid }) ?? `the report's CPUID is family ${cpuid.family}, model ${cpuid.model}`
}

/** A VLEK belongs to no chip; with a masked chip id nothing can be compared, and the signature alone ties the two. */
function isChip({ chipId }: Pick<SnpReport, 'chipId'>, hwid: Buffer | null): boolean {
  if (hwid === null || isZero(chipId)) return true
  return chipId.subarray(0, hwid.length).equals(hwid) && isZero(chipId.subarray(hwid.length))
}

function chipText({ chipId }: SnpReport, hwid: Buffer | null): string {
  if (hwid === null) return 'a VLEK names no chip'
  if (isZero(chipId)) return 'the chip id is masked'
  return isChip({ chipId }, hwid)
    ? 'the chip id is the hardware id of the certificate'
    : `the report is of chip ${chipId.toString('hex')}, the certificate of ${hwid.toString('hex')}`
}

function isBound(actual: Buffer, wanted: Uint8Array): boolean {
  if (wanted.length === 0 || wanted.length > actual.length) return false
  return actual.subarray(0, wanted.length).equals(wanted) && isZero(actual.subarray(wanted.length))
}

/** Report id: one life of one guest. Chip id: all zero where the host masks it. */
function machineOf({ reportId, chipId }: SnpReport): string {
  return `snp:${reportId.toString('hex')}:${isZero(chipId) ? 'masked' : chipId.toString('hex')}`
}

function isShort(chipId: Buffer): boolean {
  return isZero(chipId.subarray(8))
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0)
}
