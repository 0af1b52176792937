import { compareDigits, compareText, orderOf, type Order } from './parts.ts'

const qualifiers = ['alpha', 'beta', 'milestone', 'rc', 'snapshot', '', 'sp']
const aliases: Readonly<Record<string, string>> = { ga: '', final: '', release: '', cr: 'rc' }

/** One token with the sign before it: `-` opens a list of its own, `.` goes on. */
interface Token {
  dash: boolean
  text: string
}

/**
 * Order of Maven versions (Maven's POM reference, "Version Order Specification"): tokens by `.`, `-` and changes between digits and letters;
 * trailing zeros and release words mean nothing; unknown words come after known ones.
 */
export function compareMaven(a: string, b: string): Order {
  const [x, y] = [tokens(a), tokens(b)]
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const order = compareToken(x[i] ?? padding(y[i]), y[i] ?? padding(x[i]))
    if (order !== 0) return order
  }
  return 0
}

function tokens(text: string): Token[] {
  const lower = text.toLowerCase()
  const found: Token[] = []
  let dash = false
  let lastEnd = 0
  for (const match of lower.matchAll(/\d+|[^\d.\-_]+/g)) {
    const gap = lower.slice(lastEnd, match.index)
    // A change between digits and letters counts as a dash.
    dash = lastEnd === 0 ? false : gap === '' || gap.includes('-') || gap.includes('_')
    lastEnd = match.index + match[0].length
    const word = match[0]
    const short = /^[abm]$/.test(word) && /\d/.test(lower[lastEnd] ?? '')
    const name = short ? { a: 'alpha', b: 'beta', m: 'milestone' }[word] : undefined
    found.push({ dash, text: name ?? (Object.hasOwn(aliases, word) ? (aliases[word] ?? word) : word) })
  }
  return trimmed(found)
}

/** Without what means nothing before a dash or the end: zeros and release words. */
function trimmed(list: readonly Token[]): Token[] {
  const kept: Token[] = []
  for (const token of list) {
    if (token.dash) dropNulls(kept)
    kept.push(token)
  }
  dropNulls(kept)
  return kept
}

function dropNulls(list: Token[]): void {
  while (list.length > 1 && /^0*$/.test(list.at(-1)?.text ?? 'x')) list.pop()
}

function padding(other: Token | undefined): Token {
  return { dash: other?.dash ?? false, text: /^\d/.test(other?.text ?? '') ? '0' : '' }
}

/** A word before a number behind a dash, and that before a number behind a dot. */
function compareToken(a: Token, b: Token): Order {
  const [x, y] = [kind(a), kind(b)]
  if (x !== y) return orderOf(x - y)
  return x === 0 ? compareWord(a.text, b.text) : compareDigits(a.text, b.text)
}

function kind({ dash, text }: Token): number {
  return /^\d/.test(text) ? (dash ? 1 : 2) : 0
}

function compareWord(a: string, b: string): Order {
  const [x, y] = [rank(a), rank(b)]
  return orderOf(x - y) || (x === qualifiers.length ? compareText(a, b) : 0)
}

function rank(word: string): number {
  const at = qualifiers.indexOf(word)
  return at === -1 ? qualifiers.length : at
}
