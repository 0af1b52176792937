import { isObject, parseJson } from '../../base/json.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { openStore, resolveImage } from '../../oci/open.ts'
import { parseReference } from '../../oci/reference.ts'
import { gcText } from '../../report/graph/gc.ts'
import { gcReport } from '../../tasks/graph/gc-report.ts'
import type { CommandResult } from '../command.ts'

/** `gc-report`: what a cleanup would lose or break. */
export async function gcReportCommand(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const form = inputs.choice('format', ['text', 'json'])
  const text = inputs.required('image')
  const reference = parseReference(text, ports.roots.cwd)
  const whole = reference.tag === undefined && reference.digest === undefined
  const { store, root } = whole
    ? { store: openStore(reference, ports), root: null }
    : await resolveImage(text, ports).then((found) => ({ store: found.store, root: found.descriptor.digest }))
  const report = await gcReport(store, root)
  const parsed = parseJson(JSON.stringify(report), 'the report')
  const outputs = isObject(parsed) ? parsed : {}
  return { outputs, text: form === 'json' ? `${JSON.stringify(outputs, null, 2)}\n` : gcText(report) }
}
