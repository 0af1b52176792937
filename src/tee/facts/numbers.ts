import { tcbParts } from '../verify/snp/tcb.ts'
import { processorOf } from './processor.ts'
import type { SnpFacts } from './snp.ts'
import type { TdxFacts } from './tdx.ts'
import type { TechnologyFacts } from './types.ts'

const levels = ['current', 'reported', 'committed', 'launch'] as const

const snpNumbers: Readonly<Record<string, (facts: SnpFacts) => number | null>> = {
  version: ({ version }) => version,
  guestSvn: ({ guestSvn }) => guestSvn,
  ...Object.fromEntries(
    levels.flatMap((level) =>
      tcbParts.map((part) => [`tcb.${level}.${part}`, ({ tcb }: SnpFacts) => tcb?.[level][part] ?? null]),
    ),
  ),
}

const tdxNumbers: Readonly<Record<string, (facts: TdxFacts) => number | null>> = {
  version: ({ quote }) => quote.version,
  'qe-isv-svn': ({ quote }) => quote['qe-isv-svn'],
  'pce-svn': ({ platform }) => platform?.['pce-svn'] ?? null,
  'tcb-evaluation': ({ tcb }) => tcb?.['tcb-evaluation'] ?? null,
}

/** Names that `minimum-svn` of a policy may use, for errors and documents. */
export const numberNames: readonly string[] = [...new Set([...Object.keys(snpNumbers), ...Object.keys(tdxNumbers)])]

/** A number fact by the name that policies use (`tcb.reported.snp`); null where the machine's evidence does not have it, which fails a rule. */
export function numberFact(verdict: TechnologyFacts, name: string): number | null {
  const processor = processorOf(verdict)
  if (processor.kind === 'none' || processor.facts === null) return null
  if (processor.kind === 'snp')
    return Object.hasOwn(snpNumbers, name) ? (snpNumbers[name]?.(processor.facts) ?? null) : null
  return Object.hasOwn(tdxNumbers, name) ? (tdxNumbers[name]?.(processor.facts) ?? null) : null
}
