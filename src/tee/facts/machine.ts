import type { Technology } from '../../base/technology.ts'
import { processorOf } from './processor.ts'
import type { TechnologyFacts } from './types.ts'

/** Chip id (eight bytes on Turin) or PPID, hex; null where it is masked, unreadable, or the technology has none. */
export function chipOf(verdict: TechnologyFacts): string | null {
  const processor = processorOf(verdict)
  if (processor.kind === 'none' || processor.facts === null) return null
  if (processor.kind === 'tdx') return processor.facts.platform?.ppid ?? null
  const { chipId, line } = processor.facts
  if (/^0*$/.test(chipId)) return null
  return line === 'Turin' ? chipId.slice(0, 16) : chipId
}

/** Every form in which a policy may name this chip: Turin's also as the 64 bytes of the report. */
export function chipNames(verdict: TechnologyFacts): string[] {
  const processor = processorOf(verdict)
  const chip = chipOf(verdict)
  const whole = processor.kind === 'snp' && processor.facts !== null ? [processor.facts.chipId] : []
  return chip === null ? [] : [...new Set([chip, ...whole])]
}

/** Whether the technology's evidence should name a chip, so that a missing one is hidden. */
export function hasChip({ technology }: { technology: Technology }): boolean {
  return technology !== 'tpm' && technology !== 'sample'
}

/** A TPM that no manufacturer's certificate chain reaches. A TPM's verdict without facts counts as one. */
export function isSoftwareTpm(verdict: TechnologyFacts): boolean {
  return verdict.technology === 'tpm' && verdict.facts?.trust.softwareTpm !== false
}

/** Whether hardware is the root of trust of this evidence: neither `sample` nor a software TPM. */
export function isHardware(verdict: TechnologyFacts): boolean {
  return verdict.technology !== 'sample' && !isSoftwareTpm(verdict)
}
