import { hash } from 'node:crypto'
import type { RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { patchKernelHeader } from '../../tee/measure/kernel-header.ts'
import { directOptions, directPcr4, kernelPcr9, ukiPcr4, type PcrEvent } from '../../tee/measure/pcr.ts'
import { authenticode, parsePe, type Bank } from '../../tee/measure/pe.ts'
import { securePcr7 } from '../../tee/measure/secure-boot.ts'
import {
  bootPhases,
  sectionDigests,
  stubVersion,
  ukiLoadsLinux,
  ukiPcr11,
  ukiPcr12,
  ukiSection,
  ukiSections,
} from '../../tee/measure/uki.ts'
import { ukiPcr9 } from '../../tee/measure/uki-initrd.ts'
import { parseVariableStore } from '../../tee/measure/variable-store.ts'
import type { ReferenceRow, ReferenceValues } from '../../tee/reference/values.ts'
import { baseName, named } from './document.ts'
import { optionFile } from '../option-file.ts'
import { optionDigest } from './option-digest.ts'
import { memorySizes, refuseVga } from './memory.ts'

/** One machine shape with the registers that it decides. */
interface PredictedShape {
  shape: ReferenceRow['shape']
  registers: Record<string, PcrEvent[]>
}
/** What one kind of boot decides. */
export interface PcrBoot {
  main: 'uki' | 'kernel'
  inputs: ReferenceValues['inputs']
  shapes: PredictedShape[]
}

/** A UKI that the firmware boots from disk. */
export async function predictUki(inputs: RawInputs, bank: Bank): Promise<PcrBoot> {
  refuseWith(inputs, 'uki', ['initrd', 'append', 'memory'])
  const name = inputs.text('uki')
  const file = await optionFile(inputs, 'uki')
  const image = parsePe(file, name)
  const phases = inputs.list('phases')
  const unknown = phases.find((phase, i) => phase !== bootPhases[i])
  if (unknown !== undefined) {
    throw new InputError('input-invalid', `--phases: ${unknown} is unknown or out of order`, {
      subject: 'phases',
      remedy: `Use a beginning of: ${bootPhases.join(',')}.`,
    })
  }
  const profile = inputs.integer('profile', 0, 1000)
  const version = stubVersion(image, name)
  const chosen = ukiSections(image, version, profile, name)
  const sections = sectionDigests(chosen, bank)
  const kernel = parsePe(ukiSection(chosen, '.linux', name), `.linux of ${name}`)
  const linux = ukiLoadsLinux(version) ? authenticode(kernel, bank) : null
  const pcr9 = ukiPcr9(chosen, version, bank, name)
  const whole = authenticode(image, bank)
  const shapes = inputs.list('failed-entries').map((text) => {
    const failed = failedEntries(text)
    return {
      shape: { 'failed-entries': failed, phases: phases.join(':'), profile },
      registers: {
        pcr4: ukiPcr4(whole, linux, failed, bank),
        ...(pcr9 === null ? {} : { pcr9 }),
        pcr11: ukiPcr11(sections, version, phases, bank),
        // Overrides of the command line, credentials and add-ons would go into 12, system extensions into 13.
        pcr12: ukiPcr12(profile, bank),
        pcr13: [],
      },
    }
  })
  const digests: ReferenceValues['inputs'] = { uki: named(baseName(name), hash('sha256', file, 'buffer')) }
  for (const part of ['.linux', '.initrd', '.cmdline']) {
    const section = sectionDigests(
      chosen.filter((s) => s.name === part),
      'sha256',
    )[0]
    if (section !== undefined) digests[`uki${part}`] = named(`systemd-stub ${version}`, section.digest)
  }
  return { main: 'uki', inputs: digests, shapes }
}

function failedEntries(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) <= 100) return Number(text)
  throw new InputError('input-invalid', `--failed-entries: ${text} is not a number from 0 to 100`, {
    subject: 'failed-entries',
  })
}

/** A kernel that QEMU hands to the firmware. */
export async function predictDirect(inputs: RawInputs, bank: Bank): Promise<PcrBoot> {
  refuseWith(inputs, 'kernel', ['phases'])
  const name = inputs.text('kernel')
  const initrd = await optionDigest(inputs, 'initrd', bank)
  const append = inputs.text('append')
  refuseVga(append)
  const memories = initrd === null ? [0] : memorySizes(inputs)
  const file = await optionFile(inputs, 'kernel')
  const options = directOptions(append, initrd !== null)
  const shapes = memories.map((memory) => {
    const kernel = patchKernelHeader(file, { memory, initrdSize: initrd?.size ?? 0 }, name)
    return {
      shape: initrd === null ? {} : { memory },
      registers: {
        pcr4: directPcr4(authenticode(parsePe(kernel, name), bank), bank),
        pcr9: kernelPcr9(options, initrd?.digest ?? null, bank),
      },
    }
  })
  const digests: ReferenceValues['inputs'] = {
    kernel: named(baseName(name), hash('sha256', file, 'buffer')),
    cmdline: named(options, hash('sha256', options, 'buffer')),
  }
  if (initrd !== null) {
    const sum = await optionDigest(inputs, 'initrd', 'sha256')
    digests['initrd'] = named(baseName(inputs.text('initrd')), sum?.digest ?? null)
  }
  return { main: 'kernel', inputs: digests, shapes }
}

/** PCR 7, only where it was asked for: with Secure Boot on it also depends on who signed what was started. */
export async function readSecureBoot(
  inputs: RawInputs,
  bank: Bank,
): Promise<{ registers: Record<string, PcrEvent[]>; inputs: ReferenceValues['inputs'] }> {
  const state = inputs.text('secure-boot')
  if (state === '') {
    if (inputs.text('vars-file') === '') return { registers: {}, inputs: {} }
    throw new InputError('input-missing', '--vars-file needs --secure-boot off or absent', { subject: 'secure-boot' })
  }
  if (state !== 'off' && state !== 'absent') {
    throw new InputError('unsupported', `--secure-boot: ${state} cannot be predicted`, {
      subject: 'secure-boot',
      remedy:
        'Write off (or absent where the firmware is built without it), or leave it out. With Secure Boot on, PCR 7 also holds the key that vouched for each image: take it from a machine with --captured pcr7=HEX.',
    })
  }
  const value = Buffer.alloc(state === 'off' ? 1 : 0)
  if (inputs.text('vars-file') === '') return { registers: { pcr7: securePcr7(null, bank, value) }, inputs: {} }
  const name = inputs.text('vars-file')
  const file = await optionFile(inputs, 'vars-file')
  return {
    registers: { pcr7: securePcr7(parseVariableStore(file, name), bank, value) },
    inputs: { 'vars-file': named(baseName(name), hash('sha256', file, 'buffer')) },
  }
}

function refuseWith(inputs: RawInputs, name: string, others: readonly string[]): void {
  const other = others.find((o) => inputs.text(o) !== '')
  if (other === undefined) return
  throw new InputError('input-invalid', `--${other} has no meaning with --${name}`, {
    subject: other,
    remedy: `Leave --${other} out.`,
  })
}
