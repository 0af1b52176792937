import { fromBase64 } from '../../../encoding/base64.ts'
import type { SnpFacts } from '../../facts/snp.ts'
import type { TdxFacts } from '../../facts/tdx.ts'
import type { Judged, TeeEvidence } from '../../types.ts'
import { parseSnpReport } from '../snp/report.ts'
import { verifySnpInput } from '../snp/index.ts'
import { verifyTdxQuote } from '../tdx/index.ts'
import { parseTdxQuote } from '../tdx/quote.ts'
import type { TeeVerifier, VerifyContext } from '../verifier.ts'
import type { AzureOptions } from './policy.ts'
import { verifyAzure, type InnerVerdict, type InnerVerifier } from './verifier.ts'

/** Azure's confidential VM on AMD SEV-SNP, with AMD's own verification inside. */
export const azureSnp: TeeVerifier<'az-snp-vtpm'> = {
  technology: 'az-snp-vtpm',
  verify: (evidence, bound, context) =>
    verifyAzure('az-snp-vtpm', evidence, bound, context.at, snpVerifier(evidence.documents, context), options(context)),
}

/** Azure's confidential VM on Intel TDX, with Intel's own verification inside. */
export const azureTdx: TeeVerifier<'az-tdx-vtpm'> = {
  technology: 'az-tdx-vtpm',
  verify: (evidence, bound, context) =>
    verifyAzure('az-tdx-vtpm', evidence, bound, context.at, tdxVerifier(evidence.documents, context), options(context)),
}

function options({ rules }: VerifyContext): AzureOptions {
  return { ...rules.azure, register: rules.register }
}

/*
 * What the hardware's report data must be is judged outside by the variable data, so the report is asked for just what it says, and that step
 * is left out.
 */

function snpVerifier(documents: TeeEvidence['documents'], context: VerifyContext): InnerVerifier<SnpFacts> {
  return (inner) => {
    if (inner.kind !== 'snp') throw new Error('the verifier of SNP reports was given another report')
    const { reportData } = parseSnpReport(inner.report)
    const certificates = inner.vcek.length === 0 ? [] : [inner.vcek]
    const list = documents['collateral-amd-crl']
    const crl = list === undefined ? [] : [fromBase64(list, 'collateral-amd-crl')]
    return told(verifySnpInput({ report: inner.report, certificates, crl }, reportData, context), reportData)
  }
}

function tdxVerifier(documents: TeeEvidence['documents'], context: VerifyContext): InnerVerifier<TdxFacts> {
  return (inner) => {
    if (inner.kind !== 'tdx') throw new Error('the verifier of TDX quotes was given another report')
    const { reportData } = parseTdxQuote(inner.quote).body
    return told(verifyTdxQuote(inner.quote, documents, reportData, context), reportData)
  }
}

function told<Facts>({ facts, checks, measured, machine }: Judged<Facts>, reportData: Buffer): InnerVerdict<Facts> {
  return { facts, checks: checks.filter(({ name }) => name !== 'report-data'), measured, machine, reportData }
}
