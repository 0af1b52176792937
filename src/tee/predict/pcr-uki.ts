import { InputError } from '../../base/errors.ts'
import { ukiPcr4 } from '../measure/pcr.ts'
import { authenticode, parsePe, type Bank, type PeSection } from '../measure/pe.ts'
import { ukiPcr9 } from '../measure/uki-initrd.ts'
import {
  bootPhases,
  sectionDigests,
  stubVersion,
  ukiLoadsLinux,
  ukiPcr11,
  ukiPcr12,
  ukiSection,
  ukiSections,
} from '../measure/uki.ts'
import type { BootRegisters } from './boot-registers.ts'
import { baseName, recorded, recordedFile, type NamedFile, type RecordedInputs } from './files.ts'
import type { Note } from './prediction.ts'

/** A unified kernel image (UKI) that the firmware boots from disk. */
export interface UkiBoot {
  readonly kind: 'uki'
  readonly uki: NamedFile
  /** Phases that systemd measured into PCR 11 before the quote: a beginning of `bootPhases`. */
  readonly phases: readonly string[]
  /** Boot profile, 0 for the default one. */
  readonly profile: number
  /** Numbers of boot entries that the firmware tries in vain before the UKI, one machine shape each; up to {@link failedEntriesLimit}. */
  readonly failedEntries: readonly number[]
}

/** Largest number of failed boot entries in a prediction. */
export const failedEntriesLimit = 100

const withoutPcr9: Note = {
  level: 'info',
  text: 'PCR 9 is left out: this stub hands the kernel what only the machine knows. PCR 11 to 13 hold what the UKI brings.',
}

/**
 * Events of PCR 4, 9, 11, 12 and 13 when OVMF boots a UKI (TCG PC Client firmware profile §3.3.4.5, systemd-stub(7)). PCR 9 is missing where
 * the stub hands the kernel secrets of the machine.
 *
 * @throws VerificationError `format-invalid` for a file that is not a PE image or does not name its stub
 * @throws InputError `unsupported` for a stub or section whose rules are not known, `input-invalid` for other phases, a profile that the UKI does
 * not have, and too many failed entries
 */
export function ukiRegisters(boot: UkiBoot, bank: Bank): BootRegisters {
  const { uki, phases, profile } = boot
  checkPhases(phases)
  checkFailedEntries(boot.failedEntries)
  const image = parsePe(uki.bytes, uki.name)
  const version = stubVersion(image, uki.name)
  const chosen = ukiSections(image, version, profile, uki.name)
  const kernel = parsePe(ukiSection(chosen, '.linux', uki.name), `.linux of ${uki.name}`)
  const linux = ukiLoadsLinux(version) ? authenticode(kernel, bank) : null
  const pcr9 = ukiPcr9(chosen, version, bank, uki.name)
  const sections = sectionDigests(chosen, bank)
  const whole = authenticode(image, bank)
  return {
    name: baseName(uki.name),
    inputs: ukiInputs(uki, chosen, version),
    shapes: boot.failedEntries.map((failed) => ({
      shape: { 'failed-entries': failed, phases: phases.join(':'), profile },
      registers: {
        pcr4: ukiPcr4(whole, linux, failed, bank),
        ...(pcr9 === null ? {} : { pcr9 }),
        pcr11: ukiPcr11(sections, version, phases, bank),
        // Overrides of the command line, credentials and add-ons would go into 12, system extensions into 13.
        pcr12: ukiPcr12(profile, bank),
        pcr13: [],
      },
    })),
    notes: pcr9 === null ? [withoutPcr9] : [],
  }
}

function ukiInputs(uki: NamedFile, chosen: readonly PeSection[], version: string): RecordedInputs {
  const inputs: RecordedInputs = { uki: recordedFile(uki) }
  for (const part of ['.linux', '.initrd', '.cmdline']) {
    const [section] = sectionDigests(
      chosen.filter(({ name }) => name === part),
      'sha256',
    )
    if (section !== undefined) inputs[`uki${part}`] = recorded(`systemd-stub ${version}`, section.digest)
  }
  return inputs
}

function checkPhases(phases: readonly string[]): void {
  const unknown = phases.find((phase, i) => phase !== bootPhases[i])
  if (unknown === undefined) return
  throw new InputError('input-invalid', `phases: ${unknown} is unknown or out of order`, {
    subject: 'phases',
    remedy: `Use a beginning of: ${bootPhases.join(',')}.`,
  })
}

function checkFailedEntries(numbers: readonly number[]): void {
  if (numbers.length === 0) {
    throw new InputError('input-missing', 'failed-entries: no number is given', {
      subject: 'failed-entries',
      remedy: 'Give 0 for firmware that boots the UKI at once.',
    })
  }
  const wrong = numbers.find((n) => !Number.isInteger(n) || n < 0 || n > failedEntriesLimit)
  if (wrong === undefined) return
  throw new InputError(
    'input-invalid',
    `failed-entries: ${wrong} is not a whole number from 0 to ${failedEntriesLimit}`,
    { subject: 'failed-entries' },
  )
}
