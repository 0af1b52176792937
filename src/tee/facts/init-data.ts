import { fromBase64 } from '../../encoding/base64.ts'
import type { TeeEvidence } from '../types.ts'
import { parseAzureEvidence } from '../verify/azure/evidence.ts'
import { readCocoSnp } from '../verify/snp/coco-report.ts'
import { parseSnpReport } from '../verify/snp/report.ts'
import { parseTdxQuote } from '../verify/tdx/quote.ts'
import { parseTpmEvidence } from '../verify/tpm/coco-quote.ts'

/**
 * Where evidence holds the digest of initdata (coco.md §6.1): HOST_DATA of an SNP report, MRCONFIGID of a TDX quote, PCR 8 of a vTPM. Nothing is
 * verified here; PCR values stand beside a quote, which signs their digest only.
 *
 * @returns lower-case hex; null for sample evidence, and for a TPM without PCR 8
 * @throws VerificationError for evidence that cannot be read
 */
export function heldInitData({ technology, evidence }: TeeEvidence): string | null {
  switch (technology) {
    case 'snp':
      return parseSnpReport(readCocoSnp(evidence).report).hostData.toString('hex')
    case 'tdx':
      return parseTdxQuote(fromBase64(String(evidence['quote']), 'quote')).body.mrConfigId.toString('hex')
    case 'tpm':
      return parseTpmEvidence(evidence).pcrs.get(8)?.toString('hex') ?? null
    case 'az-snp-vtpm':
    case 'az-tdx-vtpm':
      return parseAzureEvidence(technology, evidence).pcrs.get(8)?.toString('hex') ?? null
    case 'sample':
      return null
  }
}
