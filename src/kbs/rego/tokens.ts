import { InputError } from '../../base/errors.ts'

export interface Token {
  kind: 'name' | 'string' | 'raw' | 'number' | 'mark' | 'line' | 'end'
  text: string
  /** Counted from 1. */
  line: number
  column: number
  /** Nothing stands between it and the token before. */
  adjacent: boolean
}

/** Words of the language, which no rule and no member after a dot may be called. */
export const words: ReadonlySet<string> = new Set(
  'as contains data default else every false if import in input not null package set some true with'.split(' '),
)

/** Larger policies are none of ours. */
const limit = 1 << 20

const forms: readonly [Token['kind'] | 'blank', RegExp][] = [
  ['line', /\r?\n/y],
  ['blank', /[ \t]+|#[^\n]*/y],
  ['name', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['string', /"(?:[^"\\\n]|\\.)*"/y],
  ['raw', /`[^`\r\n]*`/y],
  ['number', /(?:0|[1-9][0-9]*)(?![0-9.eE])/y],
  ['mark', /:=|==|!=|>=|<=|[{}()[\].,:;<>|&+\-*/%=]/y],
]

/** Cuts Rego text into tokens. @throws InputError `file-invalid` with line and column */
export function tokens(text: string): Token[] {
  if (text.length > limit) throw policyError(1, 1, `more than ${limit} characters`)
  const found: Token[] = []
  let line = 1
  let start = 0
  let adjacent = false
  for (let at = 0; at < text.length;) {
    const column = at - start + 1
    let matched: string | null = null
    for (const [kind, form] of forms) {
      form.lastIndex = at
      const match = form.exec(text)
      if (match === null) continue
      matched = match[0]
      if (kind !== 'blank') found.push({ kind, text: matched, line, column, adjacent })
      adjacent = kind !== 'blank' && kind !== 'line'
      break
    }
    if (matched === null) throw policyError(line, column, 'unexpected character')
    at += matched.length
    if (matched.endsWith('\n')) {
      line++
      start = at
    }
  }
  found.push({ kind: 'end', text: '', line, column: text.length - start + 1, adjacent: false })
  return found
}

export function policyError(line: number, column: number, why: string): InputError {
  return new InputError('file-invalid', `--> :${line}:${column}\nerror: ${why}`, {
    subject: 'policy',
    remedy: 'Write the rule with the constructs that docs/rego.md lists.',
  })
}
