import { printable } from '../../base/printable.ts'
import type { DiffResult } from '../../sbom/diff/result.ts'
import { levels } from '../../sbom/diff/types.ts'
import { factsText, headline, sideText, statementText } from './words.ts'

const width = 80
/** Changes that a terminal shows. */
const shown = 50
/** Lines of other kinds. */
const shownNotes = 20

/** A result for a terminal: verdict, sides, counts, then the most telling changes. Foreign text cannot move the cursor. */
export function diffText(result: DiffResult): string {
  const { parts, changes, unlisted } = result
  const counted = changes.filter(({ severity }) => severity !== 'ignore')
  const listed = counted.slice(0, shown)
  const lines = [headline(result), '']
  for (const part of parts) {
    lines.push(...wrap(`A: ${sideText(part.a)}`, '   '), ...wrap(`B: ${sideText(part.b)}`, '   '))
    const statement = statementText(part)
    if (statement !== null) lines.push(...wrap(`   ${statement}`, '   '))
  }
  lines.push('', ...countLines(result))
  for (const { severity, level, op, key, reason, part, ...facts } of listed) {
    const which = parts.length > 1 ? ` (${parts[part]?.platform ?? `comparison ${part + 1}`})` : ''
    lines.push('', ...wrap(`${severity === 'fail' ? 'FAIL' : 'warn'} ${level} ${op}: ${key}${which}`, '       '))
    const text = factsText(facts)
    if (text !== '') lines.push(...wrap(`     ${text}`, '       '))
    lines.push(...wrap(`     ${reason}`, '       '))
  }
  const more = countOf(result, 'fail') + countOf(result, 'warn') - listed.length
  if (more > 0) lines.push('', `… and ${more} more${unlisted === 0 ? ': --format json lists all' : ''}`)
  lines.push(...section('Not compared', notComparedLines(result)), ...section('Notes', notesOf(result)))
  return `${lines.join('\n')}\n`
}

function countLines(result: DiffResult): string[] {
  const cell = (value: number | string): string => String(value).padStart(8)
  const rows = levels.map((level) => {
    const { fail, warn, ignore } = result.counts[level]
    return `${level.padEnd(14)}${cell(fail)}${cell(warn)}${cell(ignore)}`
  })
  return [`${'Level'.padEnd(14)}${cell('fail')}${cell('warn')}${cell('ignored')}`, ...rows]
}

function countOf({ counts }: DiffResult, severity: 'fail' | 'warn'): number {
  return levels.reduce((sum, level) => sum + counts[level][severity], 0)
}

/** Each thing once, however many parts lack it. */
export function notComparedLines({ parts }: DiffResult): string[] {
  const lines = parts.flatMap(({ notCompared }) =>
    notCompared.map(({ level, what, why }) => `${level}: ${what}: ${why}`),
  )
  return [...new Set(lines)]
}

export function notesOf({ parts }: DiffResult): string[] {
  return [...new Set(parts.flatMap(({ notes }) => notes))]
}

function section(title: string, items: readonly string[]): string[] {
  if (items.length === 0) return []
  const more = items.length - shownNotes
  return [
    '',
    `${title}:`,
    ...items.slice(0, shownNotes).flatMap((item) => wrap(`  ${item}`, '    ')),
    ...(more > 0 ? [`  … and ${more} more`] : []),
  ]
}

/** Lines of at most {@link width} columns where blanks allow it; a long path stays whole, so that it can be copied. */
function wrap(text: string, indent: string): string[] {
  const lines: string[] = []
  const start = /^ */.exec(text)?.[0] ?? ''
  let line = start
  for (const word of printable(text).trim().split(/ +/)) {
    if (line.trim() !== '' && line.length + word.length + 1 > width) {
      lines.push(line)
      line = indent
    }
    line += line.trim() === '' ? word : ` ${word}`
  }
  return [...lines, line]
}
