import type { RawInputs, ActionContext } from '../../doors/context.ts'
import { asJson } from '../../tasks/context.ts'
import { isObject } from '../../base/json.ts'
import { InputError, InternalError, messageOf, systemError } from '../../base/errors.ts'
import { replaceFile } from '../../base/files.ts'
import { renderHtml } from '../../report/html.ts'
import { renderMarkdown } from '../../report/markdown.ts'
import { diffReport } from '../../report/sbom-diff/report.ts'
import { diffText } from '../../report/sbom-diff/text.ts'
import { headline } from '../../report/sbom-diff/words.ts'
import type { DiffResult } from '../../sbom/diff/result.ts'
import type { CommandResult } from '../command.ts'

export const diffFormats = ['text', 'json', 'markdown', 'html'] as const
type DiffFormat = (typeof diffFormats)[number]

/** Most rows of one table: a job summary is small, a page may be long. */
const rows = { markdown: 50, html: 2000 } as const

/** Prints a result in the format asked for, or writes it to `--output` and prints the verdict. The exit code is 1 where a change fails. */
export async function showResult(
  name: string,
  result: DiffResult,
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<CommandResult> {
  const outputs = asJson(result)
  if (!isObject(outputs)) throw new InternalError('a result that is not an object')
  const rendered = render(name, result, inputs.choice('format', diffFormats), ports.http.hosts())
  const refused = result.verdict === 'differs'
  if (inputs.text('output') === '') return { outputs, text: rendered, refused }
  const path = inputs.path('output')
  await replaceFile(path, rendered, { mode: 0o666 }).catch((cause: unknown) => {
    throw (
      systemError(cause) ??
      new InputError('file-invalid', `--output: "${path}" cannot be written: ${messageOf(cause)}`, {
        subject: 'output',
        cause,
        remedy: 'Name a file in a folder that exists and can be written.',
      })
    )
  })
  return { outputs, text: `${headline(result)}\n${path}\n`, refused }
}

function render(name: string, result: DiffResult, format: DiffFormat, hosts: readonly string[]): string {
  switch (format) {
    case 'text':
      return diffText(result)
    case 'json':
      return `${JSON.stringify(result, null, 2)}\n`
    case 'markdown':
      return renderMarkdown(name, diffReport(result, rows.markdown), hosts)
    case 'html':
      return renderHtml([{ name, report: diffReport(result, rows.html), hosts }])
  }
}
