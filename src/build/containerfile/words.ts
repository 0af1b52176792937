import { InputError } from '../../base/errors.ts'

/** Looks up a variable; undefined where it is not set. */
export type Lookup = (name: string) => string | undefined

/**
 * Splits at white space outside of quotes; quotes and escapes stay in the words (they are resolved by {@link expand}).
 */
export function splitWords(text: string, escape: string): string[] {
  const words: string[] = []
  let word = ''
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i)
    if (char === escape && quote !== "'" && i + 1 < text.length) {
      word += char + text.charAt(++i)
    } else if (quote !== '') {
      word += char
      if (char === quote) quote = ''
    } else if (/\s/.test(char)) {
      if (word !== '') words.push(word)
      word = ''
    } else {
      if (char === '"' || char === "'") quote = char
      word += char
    }
  }
  if (word !== '') words.push(word)
  return words
}

/**
 * Resolves quotes, escapes and `$NAME`, `${NAME}`, `${NAME:-x}`, `${NAME:+x}`, `${NAME-x}`, `${NAME+x}` as Docker does
 * (Dockerfile reference, "Environment replacement").
 *
 * @throws InputError `file-invalid` for a broken substitution or an unclosed quote
 */
export function expand(text: string, lookup: Lookup, escape: string, subject: string): string {
  const parser = { text, at: 0, lookup, escape, subject }
  const result = readUntil(parser, '')
  return result
}

interface Parser {
  text: string
  at: number
  lookup: Lookup
  escape: string
  subject: string
}

/** Reads up to an unquoted `end` (taken) or, with `end` empty, to the end of the text. */
function readUntil(p: Parser, end: '' | '}'): string {
  let out = ''
  let quote = ''
  while (p.at < p.text.length) {
    const char = p.text.charAt(p.at++)
    if (quote === "'") {
      if (char === "'") quote = ''
      else out += char
    } else if (char === p.escape) {
      const next = p.text.charAt(p.at++)
      // In double quotes an escape only protects what is special there.
      out += quote === '"' && !['"', '$', p.escape].includes(next) ? char + next : next
    } else if (char === '$') {
      out += variable(p)
    } else if (char === '"' || (char === "'" && quote === '')) {
      quote = quote === '' ? char : ''
    } else if (char === end && quote === '') {
      return out
    } else {
      out += char
    }
  }
  if (quote !== '') throw invalid(p, `has a quote ${quote} without its end`)
  if (end !== '') throw invalid(p, 'has ${ without }')
  return out
}

function variable(p: Parser): string {
  const rest = p.text.slice(p.at)
  if (!rest.startsWith('{')) {
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(rest)?.[0]
    if (name === undefined) return '$'
    p.at += name.length
    return p.lookup(name) ?? ''
  }
  const head = /^\{([A-Za-z_][A-Za-z0-9_]*)(\}|:?[-+])/.exec(rest)
  if (head === null) throw invalid(p, 'has a substitution that is not supported')
  p.at += head[0].length
  const value = p.lookup(head[1] ?? '')
  const operator = head[2] ?? ''
  if (operator === '}') return value ?? ''
  const other = readUntil(p, '}')
  const set = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined
  return operator.endsWith('-') ? (set ? (value ?? '') : other) : set ? other : ''
}

function invalid(p: Parser, why: string): InputError {
  return new InputError('file-invalid', `${p.subject} ${why}: ${p.text}`, { subject: p.subject })
}
