import { SealwrightError } from '../../base/errors.ts'
import { snpCertificates } from '../verify/snp/certificate-table.ts'
import { reportSize } from '../verify/snp/report.ts'
import { certificateField } from './certificate.ts'
import { group, item, readLayout, type Field, type Layout } from './field.ts'

/** ATTESTATION_REPORT (AMD 56860 §7.3). */
const layout: Layout = [
  ['VERSION', 0x000, 4, 'number'],
  ['GUEST_SVN', 0x004, 4, 'number'],
  ['POLICY', 0x008, 8, 'bits'],
  ['FAMILY_ID', 0x010, 16, 'hex'],
  ['IMAGE_ID', 0x020, 16, 'hex'],
  ['VMPL', 0x030, 4, 'number'],
  ['SIGNATURE_ALGO', 0x034, 4, 'number'],
  ['CURRENT_TCB', 0x038, 8, 'hex'],
  ['PLATFORM_INFO', 0x040, 8, 'bits'],
  ['KEY_INFO (author key, masked chip, signing key)', 0x048, 4, 'bits'],
  ['REPORT_DATA', 0x050, 64, 'hex'],
  ['MEASUREMENT', 0x090, 48, 'hex'],
  ['HOST_DATA', 0x0c0, 32, 'hex'],
  ['ID_KEY_DIGEST', 0x0e0, 48, 'hex'],
  ['AUTHOR_KEY_DIGEST', 0x110, 48, 'hex'],
  ['REPORT_ID', 0x140, 32, 'hex'],
  ['REPORT_ID_MA', 0x160, 32, 'hex'],
  ['REPORTED_TCB', 0x180, 8, 'hex'],
  ['CPUID family, model, stepping (version 3)', 0x188, 3, 'hex'],
  ['CHIP_ID', 0x1a0, 64, 'hex'],
  ['COMMITTED_TCB', 0x1e0, 8, 'hex'],
  ['CURRENT build, minor, major', 0x1e8, 3, 'hex'],
  ['COMMITTED build, minor, major', 0x1ec, 3, 'hex'],
  ['LAUNCH_TCB', 0x1f0, 8, 'hex'],
  ['LAUNCH_MIT_VECTOR (version 5)', 0x1f8, 8, 'bits'],
  ['CURRENT_MIT_VECTOR (version 5)', 0x200, 8, 'bits'],
  ['CURRENT_ETCB (version 6)', 0x220, 32, 'hex'],
  ['LAUNCH_ETCB (version 6)', 0x240, 32, 'hex'],
  ['COMMITTED_ETCB (version 6)', 0x260, 32, 'hex'],
  ['SIGNATURE R, little-endian', 0x2a0, 72, 'hex'],
  ['SIGNATURE S, little-endian', 0x2e8, 72, 'hex'],
]

const policyBits = [
  [16, 'SMT allowed'],
  [17, 'reserved, one'],
  [18, 'migration agent allowed'],
  [19, 'DEBUG allowed'],
  [20, 'single socket'],
  [21, 'CXL allowed'],
  [22, 'AES-256-XTS required'],
  [23, 'RAPL off required'],
  [24, 'ciphertext hiding required'],
  [25, 'page swap off required'],
] as const
const platformBits = [
  [0, 'SMT on'],
  [1, 'TSME'],
  [2, 'ECC'],
  [3, 'RAPL off'],
  [4, 'ciphertext hiding'],
  [5, 'alias check complete'],
  [6, 'IOMMU write safe'],
  [7, 'TIO'],
] as const

/** An SNP report and what follows it. */
export function showSnp(bytes: Buffer): Field[] {
  const fields = readLayout(bytes, layout).map((field) => {
    if (field.name === 'POLICY') return { ...field, fields: bits(bytes, 0x008, policyBits) }
    return field.name === 'PLATFORM_INFO' ? { ...field, fields: bits(bytes, 0x040, platformBits) } : field
  })
  const report = group('ATTESTATION_REPORT', fields, 0, reportSize)
  const rest = bytes.subarray(reportSize)
  return rest.length === 0 ? [report] : [report, showRest(rest)]
}

function bits(bytes: Buffer, offset: number, names: readonly (readonly [number, string])[]): Field[] {
  if (bytes.length < offset + 8) return []
  const value = bytes.readBigUInt64LE(offset)
  return names.filter(([bit]) => ((value >> BigInt(bit)) & 1n) === 1n).map(([bit, name]) => item(`bit ${bit}`, name))
}

function showRest(rest: Buffer): Field {
  try {
    return showTable(rest, reportSize)
  } catch (error) {
    if (!(error instanceof SealwrightError)) throw error
    const zero = rest.every((byte) => byte === 0)
    return item(
      'bytes behind the report, signed by nobody',
      zero ? 'all zero' : rest.toString('hex'),
      reportSize,
      rest.length,
    )
  }
}

/** The host's certificate table (GHCB). @throws VerificationError `evidence-invalid` */
export function showTable(table: Buffer, offset: number | null = null): Field {
  const entries = snpCertificates(table).map(({ cert_type: kind, data }) => {
    const der = Buffer.from(Array.isArray(data) ? data.map(Number) : [])
    return certificateField(typeof kind === 'string' ? kind : JSON.stringify(kind), der)
  })
  return group('certificate table', entries, offset, offset === null ? null : table.length)
}
