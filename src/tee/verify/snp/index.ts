import { SealwrightError, VerificationError } from '../../../base/errors.ts'
import { fromBase64 } from '../../../encoding/base64.ts'
import { readPem } from '../../../encoding/pem.ts'
import type { TeeEvidence, VerdictOf } from '../../types.ts'
import { refusal, type TeeVerifier, type VerifyContext } from '../verifier.ts'
import { snpCertificates } from './certificate-table.ts'
import { withAmdCollateral } from './collateral.ts'
import { readCocoSnp } from './coco-report.ts'
import { parseSnpReport, reportSize } from './report.ts'
import { verifySnp, type SnpInput } from './verify-snp.ts'

/** AMD SEV-SNP. */
export const snp: TeeVerifier<'snp'> = {
  technology: 'snp',
  verify: (evidence, reportData, context) => {
    try {
      return verifySnpInput(snpInput(evidence), reportData, context)
    } catch (error) {
      if (!(error instanceof SealwrightError)) throw error
      return refusal('snp', [{ name: 'evidence-form', ok: false, why: error.message }])
    }
  },
}

/** A report with all that the verifier brings along. @throws VerificationError `format-invalid` */
export function verifySnpInput(input: SnpInput, reportData: Uint8Array, context: VerifyContext): VerdictOf<'snp'> {
  const { at, collateral, rules, trust } = context
  const complete = withAmdCollateral(input, collateral, at, trust?.snp)
  // Rules that are silent have their strictest meaning: nobody looked whether the key was revoked.
  const policy = { requireCrl: true, ...rules.snp }
  return verifySnp(complete, { reportData, at, policy, trust: trust?.snp })
}

/**
 * Report and certificates out of our evidence. The kernel's own bytes, where they are kept beside it, must say the same.
 *
 * @throws VerificationError `evidence-invalid`, `format-invalid`
 */
export function snpInput({ technology, evidence, documents }: TeeEvidence): SnpInput {
  if (technology !== 'snp') throw invalid(`evidence of ${technology} is not SNP's`)
  const input = readCocoSnp(evidence)
  const raw = documents['tsm-outblob']
  const kernel = raw === undefined ? null : fromBase64(raw, 'tsm-outblob').subarray(0, reportSize)
  if (kernel !== null && !kernel.equals(input.report)) {
    // The JSON has no place for fields that we do not know: then this says so, by version and offset.
    parseSnpReport(kernel)
    throw invalid('the report in tsm-outblob is another than that of the evidence')
  }
  const table = documents['tsm-auxblob']
  const complete =
    table === undefined || input.certificates.length > 0
      ? input
      : readCocoSnp({ ...evidence, cert_chain: snpCertificates(fromBase64(table, 'tsm-auxblob')) })
  return {
    report: complete.report,
    certificates: complete.certificates.length > 0 ? complete.certificates : bytesOf(documents, 'collateral-amd-vcek'),
    crl: [...(complete.crl === null ? [] : [complete.crl]), ...bytesOf(documents, 'collateral-amd-crl')],
  }
}

function bytesOf(documents: TeeEvidence['documents'], name: string): Buffer[] {
  const text = documents[name]
  return text === undefined ? [] : [fromBase64(text, name)]
}

/**
 * Certificates of a file: PEM with one or more, or one in DER.
 *
 * @throws VerificationError `format-invalid` for a block that is no certificate
 */
export function certificatesOf(file: Buffer, subject: string): Buffer[] {
  if (file[0] === 0x30) return [file]
  const blocks = readPem(file.toString('latin1'), subject)
  if (blocks.length === 0 || blocks.some(({ label }) => label !== 'CERTIFICATE')) {
    throw new VerificationError('format-invalid', `${subject} has no certificates, or other things`, { subject })
  }
  return blocks.map(({ bytes }) => bytes)
}

function invalid(why: string): VerificationError {
  return new VerificationError('evidence-invalid', why, { subject: 'snp' })
}
