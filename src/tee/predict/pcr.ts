import { InputError } from '../../base/errors.ts'
import { replayPcr } from '../measure/pcr.ts'
import type { Bank } from '../measure/pe.ts'
import type { Coverage } from '../reference/values.ts'
import type { BootRegisters } from './boot-registers.ts'
import { directRegisters, type KernelBoot } from './pcr-direct.ts'
import { secureBootRegisters, type SecureBoot } from './secure-boot.ts'
import { ukiRegisters, type UkiBoot } from './pcr-uki.ts'
import type { Prediction } from './prediction.ts'
import { useOneOf } from '../../base/nearest.ts'

/** Technologies whose evidence has a TPM quote. */
export const tpmTechnologies = ['tpm', 'az-snp-vtpm', 'az-tdx-vtpm'] as const

/** Bank that documents of reference values hold. */
export const documentBank: Bank = 'sha256'

/** A measured boot of a machine with a TPM 2.0. */
export interface PcrRequest {
  readonly technology: (typeof tpmTechnologies)[number]
  readonly bank: Bank
  readonly boot: UkiBoot | KernelBoot
  /** Adds PCR 7; null leaves it out. */
  readonly secureBoot: SecureBoot | null
  /** Registers to give, e.g. `pcr11`; an empty list gives all that can be predicted. */
  readonly registers: readonly string[]
}

/**
 * Predicts the PCRs that a UKI, or a kernel that QEMU boots directly, decides.
 *
 * @throws InputError `input-invalid` with subject `registers` for a register that is not predicted; errors of {@link ukiRegisters},
 * {@link directRegisters} and {@link secureBootRegisters}
 */
export function predictPcr({ technology, bank, boot, secureBoot, registers }: PcrRequest): Prediction {
  const found = boot.kind === 'uki' ? ukiRegisters(boot, bank) : directRegisters(boot, bank)
  const secure = secureBoot === null ? { registers: {}, inputs: {} } : secureBootRegisters(secureBoot, bank)
  const wanted = chosenRegisters(registers, found, Object.keys(secure.registers))
  return {
    name: found.name,
    technology,
    covers: coverage(boot.kind, wanted),
    inputs: { ...found.inputs, ...secure.inputs },
    values: found.shapes.map((one) => ({
      shape: one.shape,
      measured: Object.fromEntries(
        Object.entries({ ...one.registers, ...secure.registers })
          .filter(([name]) => wanted.includes(name))
          .map(([name, events]) => [name, replayPcr(events, bank).toString('hex')]),
      ),
    })),
    experimental: [],
    notes: found.notes,
  }
}

function chosenRegisters(
  asked: readonly string[],
  { shapes: [first], notes }: BootRegisters,
  more: readonly string[],
): readonly string[] {
  const possible = [...Object.keys(first?.registers ?? {}), ...more]
  const unknown = asked.find((name) => !possible.includes(name))
  if (unknown === undefined) return asked.length === 0 ? possible : asked
  throw new InputError('input-invalid', `registers: ${unknown} is not predicted here`, {
    subject: 'registers',
    remedy: [useOneOf(unknown, possible, 'some'), ...notes.map(({ text }) => text)].join(' '),
  })
}

/**
 * What these registers pin. A UKI stands whole in PCR 4 and in parts in PCR 11; what somebody adds to its command line or initrd is seen only
 * in PCR 12 and 13.
 */
function coverage(kind: PcrRequest['boot']['kind'], names: readonly string[]): Coverage[] {
  const has = (...all: string[]): boolean => all.every((name) => names.includes(name))
  const kernel = kind === 'kernel' ? has('pcr4') : has('pcr4') || has('pcr11')
  const cmdline = kind === 'kernel' ? has('pcr9') : kernel && has('pcr12')
  const initrd = kind === 'kernel' ? has('pcr9') : cmdline && has('pcr13')
  return [
    ...(kernel ? ['kernel' as const] : []),
    ...(initrd ? ['initrd' as const] : []),
    ...(cmdline ? ['cmdline' as const] : []),
  ]
}
