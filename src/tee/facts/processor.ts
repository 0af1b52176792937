import type { SnpFacts } from './snp.ts'
import type { TdxFacts } from './tdx.ts'
import type { QuoteFacts } from './tpm.ts'
import type { LogFacts } from './log.ts'
import type { TechnologyFacts } from './types.ts'

/**
 * What a verdict states of the processor's own evidence; Azure's has it one level down. `facts` is null where the evidence could not be read:
 * a rule about that processor then fails. Kind `none` is a technology without a processor's evidence: such a rule does not apply.
 */
export type Processor =
  { kind: 'snp'; facts: SnpFacts | null } | { kind: 'tdx'; facts: TdxFacts | null } | { kind: 'none' }

export function processorOf(verdict: TechnologyFacts): Processor {
  switch (verdict.technology) {
    case 'snp':
      return { kind: 'snp', facts: verdict.facts }
    case 'az-snp-vtpm':
      return { kind: 'snp', facts: verdict.facts?.report ?? null }
    case 'tdx':
      return { kind: 'tdx', facts: verdict.facts }
    case 'az-tdx-vtpm':
      return { kind: 'tdx', facts: verdict.facts?.report ?? null }
    case 'tpm':
    case 'sample':
      return { kind: 'none' }
  }
}

/** Facts of SNP reports, null for each that could not be read; none of other processors. */
export function snpReports(verdicts: readonly TechnologyFacts[]): (SnpFacts | null)[] {
  return verdicts.map(processorOf).flatMap((one) => (one.kind === 'snp' ? [one.facts] : []))
}

/** Facts of TDX quotes, null for each that could not be read; none of other processors. */
export function tdxQuotes(verdicts: readonly TechnologyFacts[]): (TdxFacts | null)[] {
  return verdicts.map(processorOf).flatMap((one) => (one.kind === 'tdx' ? [one.facts] : []))
}

/** Facts of the TPM's quote: null where it could not be read, undefined for a technology without a TPM. */
export function tpmQuoteOf(verdict: TechnologyFacts): QuoteFacts | null | undefined {
  switch (verdict.technology) {
    case 'tpm':
    case 'az-snp-vtpm':
    case 'az-tdx-vtpm':
      return verdict.facts?.quote ?? null
    case 'snp':
    case 'tdx':
    case 'sample':
      return undefined
  }
}

/** The replayed firmware log; null where none travelled or it does not lead to the registers. */
export function logOf(verdict: TechnologyFacts): LogFacts | null {
  return verdict.technology === 'snp' || verdict.technology === 'sample' ? null : (verdict.facts?.log ?? null)
}
