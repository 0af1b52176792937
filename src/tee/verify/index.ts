import type { Technology } from '../../base/technology.ts'
import { azureSnp, azureTdx } from './azure/index.ts'
import { sample } from './sample.ts'
import { snp } from './snp/index.ts'
import { tdx } from './tdx/index.ts'
import { tpmVerifier } from './tpm/verifier.ts'
import type { TeeVerifier } from './verifier.ts'

/** Verifiers by technology. */
export const verifiers: { readonly [T in Technology]: TeeVerifier<T> } = {
  snp,
  tdx,
  'az-snp-vtpm': azureSnp,
  'az-tdx-vtpm': azureTdx,
  tpm: tpmVerifier,
  sample,
}
