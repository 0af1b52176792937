import type { VerificationError } from '../../../base/errors.ts'
import { damaged } from './damaged.ts'

/** One paragraph of Debian control data: field names in lower case. */
export type Paragraph = Map<string, string>

/** Reads control data (deb822(5)). @throws VerificationError `format-invalid` naming the line */
export function parseDeb822(text: string, subject: string): Paragraph[] {
  const paragraphs: Paragraph[] = []
  let current: Paragraph | null = null
  let field: string | null = null
  let number = 0
  for (const line of text.split('\n')) {
    number++
    if (line.trim() === '') {
      current = field = null
    } else if (line.startsWith(' ') || line.startsWith('\t')) {
      if (current === null || field === null) throw bad(subject, number)
      current.set(field, `${current.get(field) ?? ''}\n${line.slice(1)}`)
    } else {
      const match = /^([!-9;-~]+):[ \t]*(.*)$/.exec(line)
      if (match === null) throw bad(subject, number)
      if (current === null) paragraphs.push((current = new Map()))
      field = (match[1] ?? '').toLowerCase()
      if (current.has(field)) throw bad(subject, number)
      current.set(field, (match[2] ?? '').trimEnd())
    }
  }
  return paragraphs
}

function bad(subject: string, line: number): VerificationError {
  return damaged(subject, `cannot be read at line ${line}`)
}
