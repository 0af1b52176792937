import { isReadable } from './go-match.ts'
import { goRegExp } from './go-regexp.ts'

/**
 * Compiles one pattern of an ignore file, cleaned, without `!`, with the meaning that moby's patternmatcher 0.6.1 gives it: a pattern
 * without wildcards is compared as text, `a/**` as a beginning, `**` followed by plain text as an end, anything else as a regular
 * expression of Go. What stands between `[` and `]` and after `\` reaches that expression as it is, so `[/]` matches a slash and `\d` a digit;
 * beside a wildcard `|` separates alternatives and `{2}` repeats.
 *
 * @returns null for a pattern that a builder refuses
 */
export function ignorePattern(pattern: string): ((path: string) => boolean) | null {
  if (!isReadable(pattern)) return null
  const { kind, source } = translate(pattern)
  if (kind === 'exact') return (path) => path === pattern
  if (kind === 'prefix') {
    const start = pattern.slice(0, -2)
    return (path) => path.startsWith(start)
  }
  if (kind === 'suffix') {
    // What follows two bytes: within a byte order mark no name ends so.
    if (pattern.startsWith('\uFEFF')) return () => false
    const end = pattern.slice(2)
    return (path) => path.endsWith(end) || (end.startsWith('/') && path === end.slice(1))
  }
  const regexp = goRegExp(source)
  return regexp === null ? null : (path) => regexp.test(path)
}

interface Translated {
  kind: 'exact' | 'prefix' | 'suffix' | 'regexp'
  /** Expression of Go's package regexp, without anchors. */
  source: string
}

/** Characters that lose their meaning in regular expressions. Moby means `{`, `|` and `}` too, but its table has no room for them. */
const plain = new Set('.+()$')

const folders = '(.*/)?'

function translate(pattern: string): Translated {
  let kind: Translated['kind'] = 'exact'
  let source = ''
  // The scanner that reads patterns passes over a byte order mark.
  const chars = [...pattern.replace(/^\uFEFF/, '')]
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] ?? ''
    if (char === '*' && chars[i + 1] === '*') {
      const atStart = i === 0
      i += chars[i + 2] === '/' ? 2 : 1
      if (i + 1 < chars.length) {
        kind = 'regexp'
        // Twice the same would only make the search longer.
        if (!source.endsWith(folders)) source += folders
      } else if (kind === 'exact') kind = 'prefix'
      else {
        kind = 'regexp'
        source += '.*'
      }
      if (atStart) kind = 'suffix'
      continue
    }
    if (char === '\\') {
      const next = chars[++i]
      if (next !== undefined) kind = 'regexp'
      source += `\\${next ?? ''}`
    } else if (char === '*' || char === '?' || char === '[' || char === ']') {
      kind = 'regexp'
      source += char === '*' ? '[^/]*' : char === '?' ? '[^/]' : char
    } else source += plain.has(char) ? `\\${char}` : char
  }
  return { kind, source }
}
