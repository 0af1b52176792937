import type { ActionContext, RawInputs } from '../../actions/context.ts'
import { InputError } from '../../base/errors.ts'
import { patchKernelHeader } from '../../tee/measure/kernel-header.ts'
import { directOptions, directPcr4, kernelPcr9, replayPcr, ukiPcr4, type PcrEvent } from '../../tee/measure/pcr.ts'
import { authenticode, banks, parsePe, type Bank } from '../../tee/measure/pe.ts'
import { bootPhases, stubVersion, ukiLoadOptions, ukiPcr11, ukiSection, ukiSections } from '../../tee/measure/uki.ts'
import { optionDigest, optionFile } from './files.ts'

/** `tee predict pcr`: the registers that a UKI, or a kernel that QEMU boots directly, decides. */
export async function predictPcr(
  inputs: RawInputs,
  _context: ActionContext,
): Promise<{ outputs: Record<string, string>; text: string }> {
  const bank = inputs.choice('bank', banks)
  const uki = inputs.text('uki') !== ''
  if (uki === (inputs.text('kernel') !== '')) {
    throw new InputError('input-missing', 'either --uki or --kernel is needed', {
      subject: 'uki',
      remedy: 'Give one of them.',
    })
  }
  const registers = uki ? await predictUki(inputs, bank) : await predictDirect(inputs, bank)
  const outputs = Object.fromEntries(
    Object.entries(registers).map(([name, events]) => [name, replayPcr(events, bank).toString('hex')]),
  )
  const text = Object.entries(outputs).map(([name, value]) => `${name}=${value}\n`)
  return { outputs, text: text.join('') }
}

async function predictUki(inputs: RawInputs, bank: Bank): Promise<Record<string, PcrEvent[]>> {
  refuseWith(inputs, 'uki', ['initrd', 'append', 'memory'])
  const name = inputs.text('uki')
  const image = parsePe(await optionFile(inputs, 'uki'), name)
  const phases = inputs.list('phases')
  const unknown = phases.find((phase, i) => phase !== bootPhases[i])
  if (unknown !== undefined) {
    throw new InputError('input-invalid', `--phases: ${unknown} is unknown or out of order`, {
      subject: 'phases',
      remedy: `Use a beginning of: ${bootPhases.join(',')}.`,
    })
  }
  const sections = ukiSections(image, bank, name)
  const linux = authenticode(parsePe(ukiSection(image, '.linux', name), `.linux of ${name}`), bank)
  const initrd = sections.find((section) => section.name === '.initrd')?.digest ?? null
  return {
    pcr4: ukiPcr4(authenticode(image, bank), linux, inputs.integer('failed-entries', 0, 100), bank),
    pcr9: kernelPcr9(ukiLoadOptions(image, name), initrd, bank),
    pcr11: ukiPcr11(sections, stubVersion(image, name), phases, bank),
    // Nothing but overrides of the command line, credentials and add-ons goes there.
    pcr12: [],
  }
}

async function predictDirect(inputs: RawInputs, bank: Bank): Promise<Record<string, PcrEvent[]>> {
  refuseWith(inputs, 'kernel', ['phases'])
  const name = inputs.text('kernel')
  const initrd = await optionDigest(inputs, 'initrd', bank)
  const append = inputs.text('append')
  if (/(^|\s)vga=/.test(append)) {
    throw new InputError('unsupported', 'QEMU writes vga= into the kernel header: this is not predicted', {
      subject: 'append',
      remedy: 'Leave vga= out of the command line.',
    })
  }
  const boot = { memory: initrd === null ? 0 : readMemory(inputs.required('memory')), initrdSize: initrd?.size ?? 0 }
  const kernel = patchKernelHeader(await optionFile(inputs, 'kernel'), boot, name)
  return {
    pcr4: directPcr4(authenticode(parsePe(kernel, name), bank), bank),
    pcr9: kernelPcr9(directOptions(append, initrd !== null), initrd?.digest ?? null, bank),
  }
}

function readMemory(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,15})([MG]?)$/.exec(text) ?? []
  const bytes = Number(digits) * (unit === 'G' ? 2 ** 30 : unit === 'M' ? 2 ** 20 : 1)
  if (digits !== '' && bytes >= 2 ** 24 && Number.isSafeInteger(bytes)) return bytes
  throw new InputError('input-invalid', `--memory: ${text} is no amount of memory`, {
    subject: 'memory',
    remedy: 'Write bytes, or a number with M or G behind it, 16M at least.',
  })
}

function refuseWith(inputs: RawInputs, name: string, others: readonly string[]): void {
  const other = others.find((o) => inputs.text(o) !== '')
  if (other === undefined) return
  throw new InputError('input-invalid', `--${other} has no meaning with --${name}`, {
    subject: other,
    remedy: `Leave --${other} out.`,
  })
}
