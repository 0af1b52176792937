/**
 * Reads the literals that a generated gemspec is made of: quoted texts, `%q<…>`, and lists of them, each with `.freeze` behind it or not.
 * It runs no Ruby: anything else is null.
 */
export function rubyTexts(source: string): string[] | null {
  const reader = { source, at: 0 }
  skipBlanks(reader)
  if (source.charAt(reader.at) !== '[') {
    const only = readText(reader)
    return only === null ? null : [only]
  }
  reader.at++
  const found: string[] = []
  for (;;) {
    skipBlanks(reader)
    if (source.charAt(reader.at) === ']') return found
    const item = readText(reader)
    if (item === null) return null
    found.push(item)
    skipBlanks(reader)
    if (source.charAt(reader.at) === ',') reader.at++
    else if (source.charAt(reader.at) !== ']') return null
  }
}

interface Reader {
  source: string
  at: number
}

function skipBlanks(reader: Reader): void {
  while (/\s/.test(reader.source.charAt(reader.at))) reader.at++
}

const closing: Readonly<Record<string, string>> = { '<': '>', '(': ')', '[': ']', '{': '}' }

function readText(reader: Reader): string | null {
  const { source } = reader
  const quote = source.charAt(reader.at)
  const braces = quote === '%' && /^[qQ]$/.test(source.charAt(reader.at + 1))
  const end = braces ? closing[source.charAt(reader.at + 2)] : quote
  if (end === undefined || (!braces && quote !== '"' && quote !== "'")) return null
  const doubled = braces ? source.charAt(reader.at + 1) === 'Q' : quote === '"'
  reader.at += braces ? 3 : 1
  const start = reader.at
  let escaped = false
  for (; reader.at < source.length && source.charAt(reader.at) !== end; reader.at++) {
    if (doubled && source.startsWith('#{', reader.at)) return null
    if (source.charAt(reader.at) !== '\\') continue
    escaped = true
    reader.at++
  }
  if (reader.at >= source.length) return null
  const raw = source.slice(start, reader.at++)
  if (source.startsWith('.freeze', reader.at)) reader.at += '.freeze'.length
  return escaped ? unescaped(raw, doubled) : raw
}

const controls: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', s: ' ', '0': '\0', e: '\u001b' }

function unescaped(raw: string, doubled: boolean): string {
  if (!doubled) return raw.replace(/\\(['\\])/g, '$1')
  return raw.replace(
    /\\(?:u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|([^]))/g,
    (_, four?: string, braced?: string, one = '') => {
      const code = Number.parseInt(four ?? braced ?? '', 16)
      if (Number.isNaN(code)) return controls[one] ?? String(one)
      return code > 0x10ffff ? '\uFFFD' : String.fromCodePoint(code)
    },
  )
}
