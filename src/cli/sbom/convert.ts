import { InputError } from '../../base/errors.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { lossOf } from '../../sbom/documents/loss.ts'
import { readSbom } from '../../sbom/documents/read.ts'
import { encodeDocument } from '../../sbom/formats/encode.ts'
import { formatFacts, sbomFormats } from '../../sbom/formats/names.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { readDocument } from './sides.ts'
import { useOneOf } from '../../base/nearest.ts'

/** `sbom convert`: what the new format cannot hold is told, never dropped in silence. */
export async function sbomConvert(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const text = inputs.required('file')
  const to = sbomFormats.find((format) => format === inputs.required('to'))
  if (to === undefined) {
    throw new InputError('input-invalid', `--to: "${inputs.text('to')}" is not a format that can be written`, {
      subject: 'to',
      remedy: useOneOf(inputs.text('to'), sbomFormats),
    })
  }
  const { bytes: source, name } = await readDocument(text, ports.roots.cwd)
  const document = await readSbom(source, name)
  const bytes = encodeDocument(document, to)
  const lost = lossOf(document, await readSbom(bytes, `${name} as ${to}`))
  for (const line of lost) ports.log.warn(`${formatFacts[to].title} cannot hold: ${line}`)
  const written = bytes.toString('utf8')
  if (inputs.text('output') === '') return { outputs: { format: to, document: written, lost }, text: written }
  const path = await writeNewFile(inputs, 'output', written, {
    remedy: 'Name another file, or move the old one away first.',
  })
  return { outputs: { format: to, path, lost }, text: `${path}\n` }
}
