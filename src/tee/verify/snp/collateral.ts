import { parseCertificate, type Certificate } from '../../../encoding/x509/certificate.ts'
import { parseCrl } from '../../../encoding/x509/crl.ts'
import type { Collateral } from '../verifier.ts'
import { lineByCpuid } from './product.ts'
import { isReportSigned, parseSnpReport, type SnpReport } from './report.ts'
import { tcbBytes } from './tcb.ts'
import { amdTrust, type SnpTrust } from './trust.ts'
import { readVek, type VekFacts } from './vek.ts'
import type { SnpInput } from './verify-snp.ts'
import { isWithin } from '../../../base/window.ts'

interface Vek {
  certificate: Certificate
  facts: VekFacts
}

/**
 * Puts in what the verifier brought: the key certificate of the report's chip and TCB in place of the one that travelled, and AMD's lists
 * beside those that did. All of it still passes every check.
 *
 * @throws VerificationError `format-invalid` for collateral, or a report, that cannot be read
 */
export function withAmdCollateral(
  input: SnpInput,
  { amdCertificates, amdLists }: Collateral,
  at: Date,
  trust: SnpTrust = amdTrust,
): SnpInput {
  const report = parseSnpReport(input.report)
  const fitting = readVeks(amdCertificates).filter((vek) => fits(vek, report))
  // Signatures only choose between several: the one that is taken is checked later anyway.
  const [only, ...others] = fitting
  const chosen =
    others.length === 0 ? only : (fitting.find(({ certificate }) => isReportSigned(report, certificate.key)) ?? only)
  const certificates = chosen === undefined ? input.certificates : [chosen.certificate.bytes]
  const line = chosen?.facts.line ?? lineOf(certificates, report)
  const own = input.crl instanceof Uint8Array ? [input.crl] : (input.crl ?? [])
  if (line === null) return { ...input, certificates, crl: own }
  return { ...input, certificates, crl: usefulLists([...amdLists, ...own], trust(line).ark, at) }
}

/** Keys of chips; authorities that lie among them are AMD's own and known already. */
function readVeks(ders: readonly Uint8Array[]): Vek[] {
  return ders
    .map((der, index) => parseCertificate(der, `certificate ${index} of the collateral`))
    .filter(({ subjectName }) => subjectName === 'SEV-VCEK' || subjectName === 'SEV-VLEK')
    .map((certificate) => ({ certificate, facts: readVek(certificate) }))
}

/** Line, kind, chip (where the report shows it and the key names one) and reported TCB are those of the report. */
function fits({ facts: { kind, hwid, line, tcb } }: Vek, report: SnpReport): boolean {
  const seen = lineByCpuid(report)
  if (kind !== report.signer || (seen !== null && seen !== line)) return false
  const { chipId } = report
  const masked = chipId.every((byte) => byte === 0)
  const sameChip =
    hwid === null ||
    masked ||
    (chipId.subarray(0, hwid.length).equals(hwid) && chipId.subarray(hwid.length).every((byte) => byte === 0))
  return sameChip && tcbBytes(tcb).equals(report.tcb.reported)
}

function lineOf(ders: readonly Uint8Array[], report: SnpReport): VekFacts['line'] | null {
  const subject = report.signer === 'vlek' ? 'SEV-VLEK' : 'SEV-VCEK'
  const key = ders.map((der, i) => parseCertificate(der, `certificate ${i}`)).find((one) => one.subjectName === subject)
  return key === undefined ? null : readVek(key).line
}

/** Lists of the line's root that are good at the time; where none is, the newest, which then fails by its window. */
function usefulLists(ders: readonly Uint8Array[], { subject }: Certificate, at: Date): Uint8Array[] {
  const lists = ders
    .map((der) => ({ der, crl: parseCrl(der, 'revocation list') }))
    .filter(({ crl }) => crl.issuer.equals(subject))
    .sort((a, b) => b.crl.thisUpdate.getTime() - a.crl.thisUpdate.getTime())
  const current = lists.filter(({ crl }) => isWithin({ notBefore: crl.thisUpdate, notAfter: crl.nextUpdate }, at))
  return (current.length > 0 ? current : lists.slice(0, 1)).map(({ der }) => der)
}
