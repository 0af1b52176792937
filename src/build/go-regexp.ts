/**
 * Compiles what patterns of an ignore file can hold of Go's regular expressions (RE2 syntax, flags of `regexp.Compile`) to a whole match
 * of text. Not read: `\p{…}`, `\Q…\E`, `[:name:]`.
 *
 * @param source expression without anchors; of groups it holds those of `**` only
 * @returns null where Go refuses the expression, or it holds what is not read here
 */
export function goRegExp(source: string): RegExp | null {
  // An escape at the end takes the meaning of the anchor that follows it.
  const open = /(?:^|[^\\])(?:\\\\)*\\$/.test(source)
  const chars = [...(open ? `${source}$` : source)]
  let out = start
  for (let i = 0; i < chars.length; i++) {
    const char = chars[i] ?? ''
    if (char === '\\') {
      const read = escaped(chars, i)
      if (read === null) return null
      out += read.text
      i = read.last
    } else if (char === '[') {
      const read = characterClass(chars, i)
      if (read === null) return null
      out += read.text
      i = read.last
    } else if (char === '.') out += '[^\\n]'
    else if (char === '^') out += start
    else if (char === '{') {
      const read = repetition(chars, i)
      if (read === null) return null
      out += read.text
      i = read.last
    } else out += '()*?|'.includes(char) ? char : literal(char)
  }
  try {
    return new RegExp(out + (open ? '' : end), 'u')
  } catch {
    return null
  }
}

/** In groups, since Go also repeats what has no width. */
const start = '(?:^)'
const end = '(?:$)'

/** Longest repetition that Go takes. */
const mostRepeated = 1000

/** `{n}`, `{n,}` or `{n,m}`; a brace that begins none stands for itself. */
function repetition(chars: readonly string[], at: number): Read | null {
  const found = /^\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}/.exec(chars.slice(at, at + 24).join(''))
  if (found === null) return { text: literal('{'), last: at }
  const [text, least = '', range, most] = found
  const last = range === undefined ? least : (most ?? least)
  if (Number(least) > Number(last) || Number(last) > mostRepeated) return null
  return { text, last: at + text.length - 1 }
}

interface Read {
  text: string
  /** Position of its last character. */
  last: number
}

const controls: Readonly<Record<string, string>> = { a: '\x07', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
/** Classes by one letter: those of ASCII. */
const sets: Readonly<Record<string, string>> = { d: '0-9', s: '\\t\\n\\f\\r ', w: '0-9A-Za-z_' }

/** An escape outside a class. */
function escaped(chars: readonly string[], at: number): Read | null {
  const char = chars[at + 1]
  if (char === undefined) return null
  if (char === 'A' || char === 'z') return { text: char === 'A' ? start : end, last: at + 1 }
  // Words are of ASCII in both.
  if (char === 'b' || char === 'B')
    return { text: char === 'b' ? wordBoundary : `(?:(?!${wordBoundary}))`, last: at + 1 }
  const set = sets[char.toLowerCase()]
  if (set !== undefined) return { text: sets[char] === undefined ? `[^${set}]` : `[${set}]`, last: at + 1 }
  const read = escapedRune(chars, at)
  return read && { text: literal(String.fromCodePoint(read.rune)), last: read.last }
}

const wordBoundary = '(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))'

/** A character that is written with `\`, in or outside a class. */
function escapedRune(chars: readonly string[], at: number): { rune: number; last: number } | null {
  const char = chars[at + 1]
  if (char === undefined) return null
  const control = controls[char]
  if (control !== undefined) return { rune: control.charCodeAt(0), last: at + 1 }
  if (/^[0-7]$/.test(char)) {
    // One digit that is not 0 would be a reference to a group.
    if (char !== '0' && !/^[0-7]$/.test(chars[at + 2] ?? '')) return null
    const digits = /^[0-7]{1,3}/.exec(chars.slice(at + 1, at + 4).join(''))?.[0] ?? ''
    return { rune: Number.parseInt(digits, 8), last: at + digits.length }
  }
  if (char === 'x') return hexadecimal(chars, at)
  // ASCII that is neither letter nor digit stands for itself.
  const code = char.codePointAt(0) ?? 0
  return code < 0x80 && !/^[0-9A-Za-z]$/.test(char) ? { rune: code, last: at + 1 } : null
}

function hexadecimal(chars: readonly string[], at: number): { rune: number; last: number } | null {
  const rest = chars.slice(at + 2, at + 12).join('')
  const braced = /^\{([0-9A-Fa-f]{1,8})\}/.exec(rest)
  const digits = braced?.[1] ?? /^[0-9A-Fa-f]{2}/.exec(rest)?.[0]
  if (digits === undefined) return null
  const rune = Number.parseInt(digits, 16)
  return rune > 0x10ffff ? null : { rune, last: at + 1 + (braced?.[0] ?? digits).length }
}

/** A class, from its `[`: `-` may stand anywhere, `]` first. */
function characterClass(chars: readonly string[], at: number): Read | null {
  let i = at + 1
  const negated = chars[i] === '^'
  if (negated) i++
  let items = ''
  for (let first = true; first || chars[i] !== ']'; first = false) {
    const char = chars[i]
    if (char === undefined || (char === '[' && isNamed(chars, i))) return null
    const next = chars[i + 1] ?? ''
    const set = char === '\\' ? sets[next.toLowerCase()] : undefined
    if (set !== undefined) {
      if (sets[next] === undefined) items += complement[next] ?? ''
      else items += set
      i += 2
      continue
    }
    const low = rune(chars, i)
    if (low === null) return null
    let high = low
    if (chars[low.last + 1] === '-' && chars[low.last + 2] !== undefined && chars[low.last + 2] !== ']') {
      const end = rune(chars, low.last + 2)
      if (end === null || end.rune < low.rune) return null
      high = end
    }
    items += `${codePoint(low.rune)}-${codePoint(high.rune)}`
    i = high.last + 1
  }
  return { text: `[${negated ? '^' : ''}${items}]`, last: i }
}

/** Whether a class by name, such as `[:alpha:]`, begins there. */
function isNamed(chars: readonly string[], at: number): boolean {
  return (
    chars[at + 1] === ':' &&
    chars
      .slice(at + 2)
      .join('')
      .includes(':]')
  )
}

const complement: Readonly<Record<string, string>> = {
  D: '\\0-/:-\\u{10ffff}',
  S: '\\0-\\x08\\x0b\\x0e-\\x1f!-\\u{10ffff}',
  W: '\\0-/:-@\\[-\\^`\\{-\\u{10ffff}',
}

function rune(chars: readonly string[], at: number): { rune: number; last: number } | null {
  const char = chars[at]
  if (char === undefined) return null
  return char === '\\' ? escapedRune(chars, at) : { rune: char.codePointAt(0) ?? 0, last: at }
}

function literal(char: string): string {
  return codePoint(char.codePointAt(0) ?? 0)
}

function codePoint(rune: number): string {
  return `\\u{${rune.toString(16)}}`
}
