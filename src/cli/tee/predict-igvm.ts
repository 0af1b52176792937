import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { predictIgvm as predict } from '../../tee/predict/igvm.ts'
import { showNotes, wantsDocument, writeDocument } from './document.ts'
import { namedFile, readIdKeys } from './predict-files.ts'

const others = [
  'ovmf',
  'vcpus',
  'vcpu-type',
  'vcpu-sig',
  'kernel',
  'initrd',
  'append',
  'snp-ovmf-hash',
  'svsm',
  'vars-file',
]

/** `tee predict snp --igvm`: the file itself says how many processors start and with which registers. */
export async function predictIgvm(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string>; text: string }> {
  const other = others.find((name) => inputs.text(name) !== '')
  if (other !== undefined) {
    throw new InputError('input-invalid', `--${other} has no meaning with --igvm`, {
      subject: other,
      remedy: `Leave --${other} out: the IGVM file holds the whole start of the guest.`,
    })
  }
  const prediction = predict({ igvm: await namedFile(inputs, 'igvm'), idKeys: await readIdKeys(inputs) })
  showNotes(prediction, ports.log)
  if (wantsDocument(inputs)) return writeDocument(inputs, prediction)
  const { measurement = '', ...keys } = prediction.values[0]?.measured ?? {}
  const lines = Object.entries(keys).map(([key, value]) => `${key}=${value}\n`)
  return { outputs: { measurement, ...keys }, text: `${measurement} (experimental)\n${lines.join('')}` }
}
