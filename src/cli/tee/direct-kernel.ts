import type { RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import type { Bank } from '../../tee/measure/pe.ts'
import type { DirectKernel } from '../../tee/predict/direct-kernel.ts'
import { hashedFile, namedFile } from './predict-files.ts'

/** Reads `--kernel`, `--initrd` and `--append`. @param bank bank of the registers @throws InputError `file-missing` */
export async function readDirectKernel(inputs: RawInputs, bank: Bank): Promise<DirectKernel> {
  return {
    kernel: await namedFile(inputs, 'kernel'),
    initrd: await hashedFile(inputs, 'initrd', [bank, 'sha256']),
    append: inputs.text('append'),
  }
}

/** Reads the sizes of `--memory` in bytes. @throws InputError `input-missing`, `input-invalid` */
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
