import type { ActionReport } from './types.ts'
import { printableLines } from '../base/printable.ts'
import { code, md } from './escape.ts'

/** A job summary stays under this many bytes (GitHub cuts at 1 MiB for all steps together). */
const limit = 64 * 1024
const icons = { passed: '✅', refused: '❌', warning: '⚠️' } as const

/** The job summary: verdict first, readable in half a minute; every value escaped. */
export function renderMarkdown(action: string, report: ActionReport, hosts: readonly string[]): string {
  const head = [`## ${icons[report.status]} ${md(action)}: ${md(report.headline)}`, '']
  if (report.subject !== null) head.push(`**Subject** ${code(`${report.subject.name}@${report.subject.digest}`)}`, '')
  const blocks = [
    table(
      ['', ''],
      report.facts.map(([k, v]) => [`**${md(k)}**`, code(v)]),
    ),
    exceptions(report.exceptions),
    ...report.notes.map((note) => `> ${md(note)}\n`),
    ...report.tables.map((t) =>
      details(
        t.title,
        table(
          t.header.map(md),
          t.rows.map((row) => row.map(md)),
        ),
      ),
    ),
    ...report.commands.map((c) => details(c.title, fenced(c.lines))),
    `<sub>Hosts contacted: ${hosts.length === 0 ? 'none' : hosts.map(md).join(', ')}</sub>\n`,
  ]
  return fit(
    head.join('\n'),
    blocks.filter((block) => block !== ''),
  )
}

function exceptions(list: readonly string[]): string {
  if (list.length === 0) return ''
  return `**Exceptions that the policy allowed**\n\n${list.map((e) => `- ⚠️ ${md(e)}`).join('\n')}\n`
}

function table(header: readonly string[], rows: readonly string[][]): string {
  if (rows.length === 0) return ''
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line), ''].join('\n')
}

function details(title: string, body: string): string {
  return body === '' ? '' : `<details><summary>${md(title)}</summary>\n\n${body}\n</details>\n`
}

/** A fence longer than any run of backticks inside, so that no line can close it. */
function fenced(lines: readonly string[]): string {
  const text = printableLines(lines.join('\n'))
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((m) => m[0].length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}sh\n${text}\n${fence}\n`
}

function fit(head: string, blocks: readonly string[]): string {
  let text = head
  let left = 0
  for (const block of blocks) {
    if (Buffer.byteLength(text) + Buffer.byteLength(block) > limit - 512) left += 1
    else text += `\n${block}`
  }
  return left === 0
    ? `${text}\n`
    : `${text}\n> ${left} more part(s) did not fit here; the report file has everything.\n`
}
