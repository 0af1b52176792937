import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { predictPcr as predict } from '../../tee/predict/pcr.ts'
import { showNotes, wantsDocument, writeDocument } from './document.ts'
import { readPcrRequest } from './pcr-request.ts'

/** `tee predict pcr`: the registers that a UKI, or a kernel that QEMU boots directly, decides. */
export async function predictPcr(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string>; text: string }> {
  const prediction = predict(await readPcrRequest(inputs))
  showNotes(prediction, ports.log)
  if (wantsDocument(inputs)) return writeDocument(inputs, prediction)
  const [only] = prediction.values
  if (only === undefined || prediction.values.length > 1) {
    throw new InputError('input-missing', 'several machine shapes need --output', {
      subject: 'output',
      remedy: 'Name a new file for the document, or give one value of each option.',
    })
  }
  const text = Object.entries(only.measured).map(([name, value]) => `${name}=${value}\n`)
  return { outputs: only.measured, text: text.join('') }
}
