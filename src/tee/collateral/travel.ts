import { toBase64 } from '../../encoding/base64.ts'
import type { TeeEvidence } from '../types.ts'
import { parseAzureEvidence } from '../verify/azure/evidence.ts'
import { parseHcl } from '../verify/azure/hcl.ts'
import { withAmdCollateral } from '../verify/snp/collateral.ts'
import { amdTrust, type SnpTrust } from '../verify/snp/trust.ts'
import { snpInput } from '../verify/snp/index.ts'
import type { SnpInput } from '../verify/snp/verify-snp.ts'
import { readTdxEvidence } from '../verify/tdx/evidence.ts'
import { parseTdxQuote } from '../verify/tdx/quote.ts'
import { selectCollateral } from '../verify/tdx/select.ts'
import type { Collateral } from '../verify/verifier.ts'
import { writeBundle } from './bundle.ts'
import { collateralDocuments } from './documents.ts'

/**
 * The same evidence with the collateral that it needs as documents beside it, so that a gate without collateral of its own can judge it. What
 * travels already is not replaced; what does not fit the machine is left out. It is as little believed as any other collateral.
 *
 * @param trust whose authorities AMD's lists must be by; tests put their own
 * @throws VerificationError for evidence that cannot be read
 */
export function withCollateral(
  taken: TeeEvidence,
  collateral: Collateral,
  at: Date,
  trust: SnpTrust = amdTrust,
): TeeEvidence {
  return { ...taken, documents: { ...found(taken, collateral, at, trust), ...taken.documents } }
}

function found(taken: TeeEvidence, collateral: Collateral, at: Date, trust: SnpTrust): TeeEvidence['documents'] {
  const { technology, evidence } = taken
  switch (technology) {
    case 'snp':
      return amdDocuments(snpInput(taken), collateral, at, trust)
    case 'az-snp-vtpm': {
      const { hclReport, document } = parseAzureEvidence(technology, evidence)
      return amdDocuments({ report: parseHcl(hclReport).hardware, certificates: [document] }, collateral, at, trust)
    }
    case 'tdx':
      return intelDocuments(readTdxEvidence(taken).quote, collateral, at)
    case 'az-tdx-vtpm':
      return intelDocuments(parseAzureEvidence(technology, evidence).document, collateral, at)
    case 'tpm':
    case 'sample':
      return {}
  }
}

function amdDocuments(input: SnpInput, collateral: Collateral, at: Date, trust: SnpTrust): TeeEvidence['documents'] {
  const { certificates, crl } = withAmdCollateral({ ...input, crl: [] }, collateral, at, trust)
  const [list] = crl instanceof Uint8Array ? [crl] : (crl ?? [])
  const [key] = input.certificates.length > 0 ? [] : certificates
  return {
    ...(key === undefined ? {} : { [collateralDocuments.amdKey]: toBase64(key) }),
    ...(list === undefined ? {} : { [collateralDocuments.amdList]: toBase64(list) }),
  }
}

function intelDocuments(quote: Buffer, { intel }: Collateral, at: Date): TeeEvidence['documents'] {
  const set = selectCollateral(quote, intel, at)
  if (set === null) return {}
  const [, ...chain] = parseTdxQuote(quote).auth.pckChain
  return { [collateralDocuments.intel]: toBase64(writeBundle(set, chain)) }
}
