import type { Technology } from '../base/technology.ts'

/** Registers that a rule may compare beside the launch measurement: where Trustee's claims hold them (coco.md §2.2), and how many hex digits they have. */
const registers: Readonly<Record<Technology, { names: RegExp; path: readonly string[]; digits: number } | null>> = {
  snp: null,
  tdx: { names: /^rtmr_[0-3]$/, path: ['tdx', 'quote', 'body'], digits: 96 },
  'az-snp-vtpm': { names: /^pcr(?:[01][0-9]|2[0-3])$/, path: ['az-snp-vtpm', 'tpm'], digits: 64 },
  'az-tdx-vtpm': { names: /^pcr(?:[01][0-9]|2[0-3])$/, path: ['az-tdx-vtpm', 'tpm'], digits: 64 },
  tpm: { names: /^pcr(?:[01][0-9]|2[0-3])$/, path: ['tpm'], digits: 64 },
  sample: null,
}

/** Technologies whose launch measurement is that of a firmware alone, with the registers that tell guests of one firmware apart. */
const firmwareOnly: Partial<Record<Technology, string>> = {
  tdx: 'rtmr_1 and rtmr_2',
  'az-snp-vtpm': 'pcr11',
  'az-tdx-vtpm': 'pcr11',
}

/** Where a token has a register. @param name that {@link registerProblem} takes */
export function registerPath(technology: Technology, name: string): string[] {
  return [...(registers[technology]?.path ?? [technology]), name]
}

/** Why a register of a rule can never be that of a guest; null for one that can. */
export function registerProblem(technology: Technology, name: string, values: readonly string[]): string | null {
  const known = registers[technology]
  if (known === null) return `${technology} has no registers`
  if (!known.names.test(name))
    return `is not a register of ${technology}: write ${technology === 'tdx' ? 'rtmr_0 to rtmr_3' : 'pcr00 to pcr23'}`
  const bad = values.find((value) => value.length !== known.digits || !/^[0-9a-f]+$/.test(value))
  return bad === undefined ? null : `"${bad.slice(0, 100)}" is not ${known.digits} lower-case hex digits`
}

/** What a reader must know of a rule that compares the firmware alone; null for any other. */
export function firmwareNote(
  uri: string,
  { technology, registers: own }: { technology: Technology; registers?: Readonly<Record<string, unknown>> | undefined },
): string | null {
  const missing = firmwareOnly[technology]
  if (missing === undefined || Object.keys(own ?? {}).length > 0) return null
  return `${uri}: the measurement of ${technology} is that of the firmware. Every guest that starts with it and that the attestation policy affirms gets the secret, whatever its image: name ${missing} in \`registers\`.`
}
