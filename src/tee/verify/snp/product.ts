import type { SnpLine } from './amd-authorities.ts'

/** From version 3 of a report on. */
export interface Cpuid {
  family: number
  model: number
  stepping: number
}

/**
 * Line of the processor by the CPUID of the report (AMD's KDS specification §2.2; models A0–AF of family 19 are Bergamo and Siena).
 * Null where the report has no CPUID (version 2) or names a processor that we do not know.
 */
export function lineByCpuid({ cpuid }: { cpuid: Cpuid | null }): SnpLine | null {
  if (cpuid === null) return null
  const { family, model } = cpuid
  if (family === 0x19 && model <= 0x0f) return 'Milan'
  if (family === 0x19 && ((model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf))) return 'Genoa'
  if (family === 0x1a && model <= 0x11) return 'Turin'
  return null
}

/**
 * What the CPUID says of a processor whose line has no authorities here; null for a known line, and where there is no CPUID. Models of Venice:
 * AMD's KDS specification §2.2, revision 1.05.
 */
export function unknownProcessor({ cpuid }: { cpuid: Cpuid | null }): string | null {
  if (cpuid === null || lineByCpuid({ cpuid }) !== null) return null
  const { family, model } = cpuid
  const venice =
    family === 0x1a &&
    ((model >= 0x50 && model <= 0x57) || (model >= 0x90 && model <= 0xaf) || (model >= 0xc0 && model <= 0xc7))
  const name = venice ? 'Venice, the line after Turin' : 'unknown here'
  return `the processor (CPUID family ${family}, model ${model}) is ${name}; known lines: Milan, Genoa, Turin. Update sealwright`
}
