import { SealwrightError, VerificationError } from '../../base/errors.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { snpReportJson } from '../collect/snp-json.ts'
import { snpCertificates } from '../verify/snp/certificate-table.ts'
import type { TeeEvidence } from '../types.ts'
import { reportSize } from '../verify/snp/report.ts'

export interface RawSnp {
  evidence: TeeEvidence
  /** Bytes that are neither the report nor a certificate table. */
  trailing: { bytes: number; allZero: boolean } | null
}

/**
 * A report of 1184 bytes, alone or with the host's certificate table behind it, as go-sev-guest writes both into one file. The report's own
 * bytes go along, so that nothing is lost in the JSON form.
 *
 * @throws VerificationError `format-invalid` for fewer bytes
 */
export function readSnpReport(bytes: Buffer, subject: string): RawSnp {
  if (bytes.length < reportSize) {
    throw new VerificationError('format-invalid', `${subject} has ${bytes.length} bytes, an SNP report ${reportSize}`, {
      subject,
    })
  }
  const report = bytes.subarray(0, reportSize)
  const rest = bytes.subarray(reportSize)
  const table = readTable(rest)
  const documents: TeeEvidence['documents'] = { 'tsm-outblob': toBase64(report) }
  if (table !== null) documents['tsm-auxblob'] = toBase64(rest)
  return {
    evidence: {
      technology: 'snp',
      evidence: { attestation_report: snpReportJson(report), cert_chain: table },
      documents,
    },
    trailing: rest.length === 0 || table !== null ? null : trailingOf(rest),
  }
}

/** The table, or null where the bytes are none, or an empty one. */
function readTable(bytes: Buffer): ReturnType<typeof snpCertificates> | null {
  try {
    const entries = snpCertificates(bytes)
    return entries.length === 0 ? null : entries
  } catch (error) {
    if (error instanceof SealwrightError) return null
    throw error
  }
}

function trailingOf(bytes: Buffer): { bytes: number; allZero: boolean } {
  return { bytes: bytes.length, allZero: bytes.every((byte) => byte === 0) }
}
