import { printable, printableLines } from '../base/printable.ts'
import type { ActionReport } from '../report/types.ts'

const shownCommands = 20

/**
 * What a terminal shows of a report on stderr: verdict, findings, notes, and the commands that another person can run to check it. The report
 * file has everything.
 *
 * @param lines findings, bounded; may quote foreign text
 */
export function terminalText(report: ActionReport, lines: readonly string[]): string {
  const commands = report.commands.flatMap(({ title, lines }) => [`${title}:`, ...lines.map((line) => `  ${line}`)])
  const more = commands.length - shownCommands
  return [
    printableLines(report.headline),
    ...lines.map((line) => `  ${printable(line)}`),
    ...report.notes.filter((note) => !lines.includes(note)).map((note) => `  note: ${printable(note)}`),
    ...(commands.length === 0 ? [] : ['']),
    ...commands.slice(0, shownCommands).map((line) => printableLines(line)),
    ...(more > 0 ? [`… and ${more} more lines in the report`] : []),
    ...(commands.length === 0 ? [] : ['']),
    '',
  ].join('\n')
}
