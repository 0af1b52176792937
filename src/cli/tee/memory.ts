import type { RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'

/** Sizes of `--memory` in bytes. @throws InputError `input-missing`, `input-invalid` */
export function memorySizes(inputs: RawInputs): number[] {
  inputs.required('memory')
  return inputs.list('memory').map(readMemory)
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

/** QEMU writes vga= into the kernel's header. @throws InputError `unsupported` */
export function refuseVga(append: string): void {
  if (!/(^|\s)vga=/.test(append)) return
  throw new InputError('unsupported', 'QEMU writes vga= into the kernel header: this is not predicted', {
    subject: 'append',
    remedy: 'Leave vga= out of the command line.',
  })
}
