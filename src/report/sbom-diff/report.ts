import type { DiffResult } from '../../sbom/diff/result.ts'
import { levels, type Change } from '../../sbom/diff/types.ts'
import type { ActionReport } from '../types.ts'
import { notComparedLines, notesOf } from './text.ts'
import { factsText, headline, levelTitles, sideText, statementText } from './words.ts'

const status = { equal: 'passed', accepted: 'warning', differs: 'refused' } as const

/**
 * A result as a reviewer reads it, for Markdown and HTML: the verdict, both sides, one table for each level with changes.
 *
 * @param rows most rows of one table
 */
export function diffReport(result: DiffResult, rows: number): ActionReport {
  const { parts, changes, counts, unlisted } = result
  const several = parts.length > 1
  const facts = parts.flatMap((part, i): [string, string][] => {
    const statement = statementText(part)
    const name = several ? ` ${part.platform ?? i + 1}` : ''
    const sides: [string, string][] = [
      [`A${name}`, sideText(part.a)],
      [`B${name}`, sideText(part.b)],
    ]
    return statement === null ? sides : [...sides, [`Statement${name}`, statement]]
  })
  const tables = levels.flatMap((level) => {
    const { fail, warn, ignore } = counts[level]
    const listed = changes.filter((change) => change.level === level)
    if (listed.length === 0) return []
    const total = fail + warn + ignore
    const most = Math.min(rows, listed.length)
    return [
      {
        title: `${levelTitles[level]}: ${fail} fail, ${warn} warn, ${ignore} ignored${most < total ? `; the first ${most}` : ''}`,
        header: ['', 'Change', 'What', 'Before → after', 'Why'],
        rows: listed.slice(0, most).map((change) => row(change, several)),
      },
    ]
  })
  return {
    headline: headline(result),
    status: status[result.verdict],
    subject: null,
    facts: [
      ...facts,
      ['Differences', levels.map((level) => `${level} ${counts[level].fail + counts[level].warn}`).join(', ')],
    ],
    tables: [...tables, ...list('Not compared', notComparedLines(result))],
    exceptions: [],
    commands: [],
    notes: [...notesOf(result), ...(unlisted === 0 ? [] : [`${unlisted} more change(s) are counted, but not listed.`])],
    details: {},
  }
}

const marks = { fail: '❌', warn: '⚠️', ignore: '–' } as const

function row(change: Change & { part: number }, several: boolean): string[] {
  const { severity, op, key, reason, part, cause } = change
  const what = several ? `${key} (comparison ${part + 1})` : key
  return [marks[severity], cause === 'tooling' ? `${op} (tooling)` : op, what, factsText(change), reason]
}

function list(title: string, lines: readonly string[]): ActionReport['tables'] {
  return lines.length === 0 ? [] : [{ title, header: ['What'], rows: lines.map((line) => [line]) }]
}
