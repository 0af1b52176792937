import type { Technology } from '../../base/technology.ts'
import type { AzureFacts } from './azure.ts'
import type { SnpFacts } from './snp.ts'
import type { TdxFacts } from './tdx.ts'
import type { TpmFacts } from './tpm.ts'

export interface SampleFacts {
  svn: string | null
}

/** Facts by technology: what the evidence states, each value under its own name; nothing here comes from the job. */
export interface FactsOf {
  snp: SnpFacts
  tdx: TdxFacts
  'az-snp-vtpm': AzureFacts<SnpFacts>
  'az-tdx-vtpm': AzureFacts<TdxFacts>
  tpm: TpmFacts
  sample: SampleFacts
}

/** Technology and facts of a verdict, tied together: who switches on the technology has the facts of that technology. */
export type TechnologyFacts = { [T in Technology]: { technology: T; facts: FactsOf[T] | null } }[Technology]
