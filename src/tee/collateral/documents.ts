import { fromBase64 } from '../../encoding/base64.ts'
import { parseBundle } from '../verify/tdx/collateral.ts'
import type { Collateral } from '../verify/verifier.ts'

/** Documents of evidence that are collateral, by name. */
export const collateralDocuments = {
  /** VCEK or VLEK, DER. */
  amdKey: 'collateral-amd-vcek',
  /** AMD's list of the line, DER. */
  amdList: 'collateral-amd-crl',
  /** dcap-qvl's one-file form. */
  intel: 'collateral-intel',
} as const

/**
 * Collateral that travels with evidence. It is believed as little as any other: chain, window and signature are checked at the time of the
 * verification.
 *
 * @param documents base64 by name
 * @throws VerificationError `format-invalid` naming the document
 */
export function collateralOf(documents: Readonly<Record<string, string>>): Collateral {
  const read = (name: string): Buffer[] => {
    const text = documents[name]
    return text === undefined ? [] : [fromBase64(text, name)]
  }
  return {
    amdCertificates: read(collateralDocuments.amdKey),
    amdLists: read(collateralDocuments.amdList),
    intel: read(collateralDocuments.intel).map((bytes) => parseBundle(bytes, collateralDocuments.intel)),
    tpmAuthorities: [],
  }
}
