import { InputError } from '../../base/errors.ts'

/** One instruction's text with continuations joined and comments dropped. */
export interface LogicalLine {
  /** Number of its first line, from 1. */
  line: number
  text: string
  /** True when the instruction carries here-documents (their bodies are not part of `text`). */
  heredoc: boolean
}

export interface LogicalLines {
  escape: '\\' | '`'
  lines: LogicalLine[]
}

/** More than any sane file has; keeps a hostile one from eating memory. */
const maxBytes = 1024 * 1024

/**
 * Splits a Containerfile as BuildKit's parser does: parser directives at the top, comment lines (also inside a
 * continuation), trailing escape characters, here-documents of RUN, COPY and ADD.
 *
 * @throws InputError `file-invalid`
 */
export function logicalLines(source: string, name: string): LogicalLines {
  if (source.length > maxBytes) throw invalid(name, 0, `is larger than ${maxBytes} bytes`)
  if (source.includes('\0')) throw invalid(name, 0, 'holds a NUL character')
  const raw = source.replace(/^\uFEFF/, '').split(/\r?\n/)
  const escape = readEscape(raw, name)
  const ends = escape === '\\' ? /\\[ \t]*$/ : /`[ \t]*$/
  const lines: LogicalLine[] = []
  for (let i = 0; i < raw.length; i++) {
    if (blank(raw[i])) continue
    const line = i + 1
    let text = ''
    for (; ; i++) {
      const part = raw[i]
      if (part === undefined) break
      // Docker skips comments and (with a warning) empty lines inside a continued instruction.
      if (text !== '' && blank(part)) continue
      const piece = text === '' ? part.trimStart() : part
      if (!ends.test(piece)) {
        text += piece
        break
      }
      text += piece.replace(ends, '')
      // An instruction that is only an escape so far still continues.
      if (text === '') text = ' '
    }
    const terminators = heredocs(text)
    for (const terminator of terminators) i = skipHeredoc(raw, i, terminator, name, line)
    if (text.trim() !== '') lines.push({ line, text: text.trim(), heredoc: terminators.length > 0 })
  }
  return { escape, lines }
}

function blank(line: string | undefined): boolean {
  return line === undefined || /^\s*(#|$)/.test(line)
}

function readEscape(raw: readonly string[], name: string): '\\' | '`' {
  for (const [i, line] of raw.entries()) {
    const directive = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(line)
    // Directives stand before anything else, ordinary comments included.
    if (directive === null) break
    if (directive[1]?.toLowerCase() !== 'escape') continue
    const value = directive[2]
    if (value === '\\' || value === '`') return value
    throw invalid(name, i + 1, `has escape directive ${value}, but only \\ and \` are allowed`)
  }
  return '\\'
}

interface Terminator {
  word: string
  /** `<<-` allows tabs before the terminator. */
  chomp: boolean
}

function heredocs(text: string): Terminator[] {
  if (!/^(RUN|COPY|ADD)\s/i.test(text)) return []
  return [...text.matchAll(/(?:^|\s)\d*<<(-?)(['"]?)([A-Za-z_][A-Za-z0-9_.]*)\2(?=\s|$)/g)].map((match) => ({
    word: match[3] ?? '',
    chomp: match[1] === '-',
  }))
}

function skipHeredoc(raw: readonly string[], from: number, end: Terminator, name: string, line: number): number {
  for (let i = from + 1; i < raw.length; i++) {
    const text = raw[i] ?? ''
    if ((end.chomp ? text.replace(/^\t+/, '') : text) === end.word) return i
  }
  throw invalid(name, line, `has a here-document without its end ${end.word}`)
}

function invalid(name: string, line: number, why: string): InputError {
  return new InputError('file-invalid', line === 0 ? `${name} ${why}` : `line ${line} of ${name} ${why}`, {
    subject: line === 0 ? name : `${name}:${line}`,
  })
}
