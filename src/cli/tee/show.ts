import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError, SealwrightError } from '../../base/errors.ts'
import { candidates } from '../../tee/formats/detect.ts'
import { choose } from '../../tee/formats/read.ts'
import { evidenceFormats } from '../../tee/formats/types.ts'
import { certificateField } from '../../tee/show/certificate.ts'
import { showEvidence } from '../../tee/show/evidence.ts'
import { fieldJson, fieldText, type Field } from '../../tee/show/field.ts'
import { showIma, showLog } from '../../tee/show/log.ts'
import { certificatesOf } from '../../tee/verify/snp/index.ts'
import type { CommandResult } from '../command.ts'
import { optionFile } from '../option-file.ts'

/** `tee show`: evidence field by field; event logs and certificates, too. */
export async function teeShow(inputs: RawInputs, _context: ActionContext): Promise<CommandResult> {
  const path = inputs.required('file')
  const format = inputs.choice('format', ['auto', ...evidenceFormats])
  const bytes = await optionFile(inputs, 'file')
  const other = format === 'auto' && candidates(bytes).length === 0 ? showOther(bytes, path) : null
  const found = other ?? {
    kind: choose(bytes, format, path).format,
    fields: showEvidence(choose(bytes, format, path), path),
  }
  return {
    outputs: { format: found.kind, bytes: bytes.length, fields: found.fields.map(fieldJson) },
    text: `${path}: ${found.kind}, ${bytes.length} bytes (offset +size in bytes; nothing is checked here)\n${found.fields.map((field) => fieldText(field)).join('\n')}\n`,
  }
}

/** What belongs to evidence without being any; null where it is none of these. */
function showOther(bytes: Buffer, path: string): { kind: string; fields: Field[] } | null {
  const readers: readonly (readonly [kind: string, read: () => Field[]])[] = [
    ['TCG event log', () => showLog(bytes, 'tcg2')],
    ['CCEL', () => showLog(bytes, 'ccel')],
    ['certificates', () => certificatesOf(bytes, path).map((der, i) => certificateField(`certificate ${i}`, der))],
    ['IMA log', () => showIma(bytes)],
  ]
  if (bytes.length === 0) {
    throw new InputError('file-invalid', `${path} is empty`, {
      subject: 'file',
      remedy: 'Name a file that holds something.',
    })
  }
  for (const [kind, read] of readers) {
    try {
      return { kind, fields: read() }
    } catch (error) {
      if (!(error instanceof SealwrightError)) throw error
    }
  }
  return null
}
