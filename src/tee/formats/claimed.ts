import { SealwrightError } from '../../base/errors.ts'
import { fromBase64 } from '../../encoding/base64.ts'
import type { TeeEvidence } from '../types.ts'
import { parseAzureEvidence } from '../verify/azure/evidence.ts'
import { readCocoSnp } from '../verify/snp/coco-report.ts'
import { readTdxEvidence } from '../verify/tdx/evidence.ts'
import { parseTdxQuote } from '../verify/tdx/quote.ts'
import { parseQuote } from '../verify/tpm/attest.ts'
import { parseTpmEvidence } from '../verify/tpm/coco-quote.ts'

/**
 * What the evidence itself says it was asked for: report data, or the qualifying data of a quote. It is no check of anything: whoever made
 * the evidence chose it. Null when it cannot be read; the verifier then says why.
 */
export function claimedReportData(taken: TeeEvidence): Buffer | null {
  const { technology, evidence } = taken
  try {
    switch (technology) {
      case 'snp':
        return readCocoSnp(evidence).report.subarray(0x50, 0x90)
      case 'tdx':
        return parseTdxQuote(readTdxEvidence(taken).quote).body.reportData
      case 'tpm':
        return parseQuote(parseTpmEvidence(evidence).message).qualifyingData
      case 'az-snp-vtpm':
      case 'az-tdx-vtpm':
        return parseQuote(parseAzureEvidence(technology, evidence).message).qualifyingData
      case 'sample':
        return fromBase64(String(evidence['report_data']), 'report_data')
    }
  } catch (error) {
    if (error instanceof SealwrightError) return null
    throw error
  }
}
