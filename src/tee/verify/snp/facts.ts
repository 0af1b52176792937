import type { SnpFacts, WithHexValue } from '../../facts/snp.ts'
import type { SnpLine } from './amd-authorities.ts'
import type { SnpReport } from './report.ts'
import type { SnpTcb } from './tcb.ts'
import type { VekFacts } from './vek.ts'

/** All that a report and its certificate say. 64-bit values are hex text, so that JSON holds them exactly. */
export function snpFacts(
  report: SnpReport,
  vek: VekFacts | null,
  line: SnpLine | null,
  tcb: Record<'current' | 'reported' | 'committed' | 'launch', SnpTcb> | null,
  revocationChecked: boolean | null,
): SnpFacts {
  const { policy, platform, cpuid, mitigations } = report
  const hex = (bytes: Buffer): string => bytes.toString('hex')
  return {
    version: report.version,
    line,
    product: vek?.product ?? null,
    keyKind: vek?.kind ?? null,
    csp: vek?.csp ?? null,
    guestSvn: report.guestSvn,
    vmpl: report.vmpl,
    policy: withHexValue(policy),
    platform: withHexValue(platform),
    familyId: hex(report.familyId),
    imageId: hex(report.imageId),
    reportData: hex(report.reportData),
    measurement: hex(report.measurement),
    hostData: hex(report.hostData),
    idKeyDigest: hex(report.idKeyDigest),
    authorKey: report.authorKey,
    authorKeyDigest: hex(report.authorKeyDigest),
    reportId: hex(report.reportId),
    reportIdMa: hex(report.reportIdMa),
    chipId: hex(report.chipId),
    chipKeyMasked: report.chipKeyMasked,
    cpuid,
    firmware: report.firmware,
    tcb,
    mitigations:
      mitigations === null ? null : { launch: hexValue(mitigations.launch), current: hexValue(mitigations.current) },
    revocationChecked,
  }
}

/** What reference values are compared with (`TeeVerdict.measured`). An author key counts only where the report says that one was used. */
export function snpMeasured(report: SnpReport): Record<string, string> {
  const { measurement, hostData, idKeyDigest, authorKey, authorKeyDigest } = report
  return {
    measurement: measurement.toString('hex'),
    'host-data': hostData.toString('hex'),
    'id-key-digest': idKeyDigest.toString('hex'),
    ...(authorKey ? { 'author-key-digest': authorKeyDigest.toString('hex') } : {}),
  }
}

function withHexValue<T extends { value: bigint }>({ value, ...bits }: T): WithHexValue<T> {
  return { value: hexValue(value), ...bits }
}

function hexValue(value: bigint): string {
  return `0x${value.toString(16)}`
}
