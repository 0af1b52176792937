import type { Technology } from '../../base/technology.ts'
import { azureVerifier } from './azure/index.ts'
import { sample } from './sample.ts'
import { snp } from './snp/index.ts'
import { tdx } from './tdx/index.ts'
import { tpmVerifier } from './tpm/verifier.ts'
import type { TeeVerifier } from './verifier.ts'

/** Verifiers by technology. */
export const verifiers: Readonly<Record<Technology, TeeVerifier>> = {
  snp,
  tdx,
  'az-snp-vtpm': azureVerifier('az-snp-vtpm'),
  'az-tdx-vtpm': azureVerifier('az-tdx-vtpm'),
  tpm: tpmVerifier,
  sample,
}
