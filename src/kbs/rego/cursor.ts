import { policyError, type Token } from './tokens.ts'

/** Reads tokens one by one, and can go back. */
export interface Cursor {
  at: number
  peek(ahead?: number): Token
  next(): Token
  /** Texts of the last tokens. */
  behind(count: number): string[]
  is(text: string): boolean
  take(text: string): boolean
  expect(text: string): void
  /** Skips ends of lines. */
  lines(): void
  /** Skips ends of lines and `;`. */
  statements(): void
  name(): string
  /** Position of a mark or word in front of the end of the bracket that we are in (or of the line, outside of brackets); null without one. */
  find(text: string, inLine?: boolean): number | null
  fail(why: string, token?: Token): Error
}

export function cursor(list: readonly Token[]): Cursor {
  const end: Token = { kind: 'end', text: '', line: 1, column: 1, adjacent: false }
  const self: Cursor = {
    at: 0,
    peek: (ahead = 0) => list[Math.min(self.at + ahead, list.length - 1)] ?? end,
    next: () => {
      const token = self.peek()
      self.at++
      return token
    },
    behind: (count) => list.slice(self.at - count, self.at).map(({ text: word }) => word),
    is: (word) => self.peek().text === word && self.peek().kind !== 'string',
    take: (word) => (self.is(word) ? (self.at++, true) : false),
    expect: (word) => {
      if (!self.take(word)) throw self.fail(`expecting \`${word}\``)
    },
    lines: () => {
      while (self.peek().kind === 'line') self.at++
    },
    statements: () => {
      while (self.peek().kind === 'line' || self.is(';')) self.at++
    },
    name: () => {
      if (self.peek().kind !== 'name') throw self.fail('expecting a name')
      return self.next().text
    },
    find: (word, inLine = false) => {
      let depth = 0
      for (let at = self.at; at < list.length; at++) {
        const { kind, text: here } = list[at] ?? end
        if (depth === 0 && here === word && kind !== 'string') return at
        if (depth === 0 && inLine && kind === 'line') return null
        if (kind === 'mark' && '([{'.includes(here)) depth++
        if (kind === 'mark' && ')]}'.includes(here) && --depth < 0) return null
      }
      return null
    },
    fail: (why, token = self.peek()) => policyError(token.line, token.column, why),
  }
  return self
}

/**
 * Names at the start of a line outside of all brackets: the rules of a module, which may be used above their definition. May hold names of
 * continued lines too; the parser compares at the end.
 */
export function ruleNames(list: readonly Token[]): Set<string> {
  const names = new Set<string>()
  let depth = 0
  let first = true
  for (const { kind, text: here } of list) {
    if (kind === 'line') {
      first = true
      continue
    }
    if (kind === 'mark' && '([{'.includes(here)) depth++
    if (kind === 'mark' && ')]}'.includes(here)) depth--
    if (first && depth === 0 && kind === 'name' && !['package', 'import', 'else'].includes(here)) {
      if (here === 'default') continue
      names.add(here)
    }
    first = false
  }
  return names
}
