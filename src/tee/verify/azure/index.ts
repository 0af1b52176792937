import { fromBase64 } from '../../../encoding/base64.ts'
import type { TeeEvidence } from '../../types.ts'
import { parseSnpReport } from '../snp/report.ts'
import { verifySnpInput } from '../snp/index.ts'
import { verifyTdxQuote } from '../tdx/index.ts'
import { parseTdxQuote } from '../tdx/quote.ts'
import type { TeeVerifier, VerifyContext } from '../verifier.ts'
import type { AzureTechnology } from './evidence.ts'
import { verifyAzure, type InnerVerdict, type InnerVerifier } from './verifier.ts'

/** Azure's confidential VM with AMD's, or Intel's, own verification inside. */
export function azureVerifier(technology: AzureTechnology): TeeVerifier {
  return {
    technology,
    verify: (evidence, bound, context) =>
      verifyAzure(technology, evidence, bound, context.at, hardwareVerifier(evidence.documents, context), {
        ...context.rules.azure,
        register: context.rules.register,
      }),
  }
}

/**
 * The hardware's own verdict. What its report data must be is judged outside by the variable data, so the report is asked for just what it
 * says, and that step is left out.
 */
function hardwareVerifier(documents: TeeEvidence['documents'], context: VerifyContext): InnerVerifier {
  return (inner) => {
    if (inner.kind === 'snp') {
      const { reportData } = parseSnpReport(inner.report)
      const certificates = inner.vcek.length === 0 ? [] : [inner.vcek]
      const list = documents['collateral-amd-crl']
      const crl = list === undefined ? [] : [fromBase64(list, 'collateral-amd-crl')]
      return told(verifySnpInput({ report: inner.report, certificates, crl }, reportData, context), reportData)
    }
    const { reportData } = parseTdxQuote(inner.quote).body
    return told(verifyTdxQuote(inner.quote, documents, reportData, context), reportData)
  }
}

function told(
  { facts, checks, measured, machine }: ReturnType<TeeVerifier['verify']>,
  reportData: Buffer,
): InnerVerdict {
  return { facts, checks: checks.filter(({ name }) => name !== 'report-data'), measured, machine, reportData }
}
