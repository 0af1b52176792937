import type { SnpLine } from './amd-authorities.ts'
import type { SnpReport } from './report.ts'

/**
 * Line of the processor by the CPUID of the report (AMD's KDS specification §2.2; models A0–AF of family 19 are Bergamo and Siena).
 * Null where the report has no CPUID (version 2) or names a processor that we do not know.
 */
export function lineByCpuid({ cpuid }: Pick<SnpReport, 'cpuid'>): SnpLine | null {
  if (cpuid === null) return null
  const { family, model } = cpuid
  if (family === 0x19 && model <= 0x0f) return 'Milan'
  if (family === 0x19 && ((model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf))) return 'Genoa'
  if (family === 0x1a && model <= 0x11) return 'Turin'
  return null
}
