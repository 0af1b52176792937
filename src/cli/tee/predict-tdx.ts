import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { predictTdx as predict } from '../../tee/predict/tdx.ts'
import type { ReferenceRow } from '../../tee/reference/values.ts'
import { showNotes, wantsDocument, writeDocument } from './document.ts'
import { readTdxRequest } from './tdx-request.ts'

/** `tee predict tdx`: MRTD of a firmware, and RTMR0 to 2 of a kernel that QEMU boots directly with it. */
export async function predictTdx(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string>; text: string }> {
  const request = await readTdxRequest(inputs)
  const prediction = predict(request)
  showNotes(prediction, ports.log)
  if (wantsDocument(inputs)) return writeDocument(inputs, prediction)
  if (request.boot !== null && request.boot.memory.length > 1) {
    throw new InputError('input-missing', 'several machine shapes need --output', {
      subject: 'output',
      remedy: 'Name a new file for the document, or give one value of --memory.',
    })
  }
  return shown(prediction.values)
}

function shown(values: readonly ReferenceRow[]): { outputs: Record<string, string>; text: string } {
  const outputs: Record<string, string> = {}
  for (const { shape, measured } of values) {
    for (const [name, value] of Object.entries(measured)) {
      outputs[name === 'mr-td' && values.length > 1 ? `mr-td-${shape['page-order']}` : name] = value
    }
  }
  const lines = Object.entries(outputs).map(([key, value]) => {
    return `${key}=${value}${key.startsWith('mr-td') ? ' (experimental)' : ''}\n`
  })
  return { outputs, text: lines.join('') }
}
