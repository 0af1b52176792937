/** A value that a rockspec assigns: null where only running it would tell. */
export type LuaValue = string | Map<string, LuaValue> | null

const deepest = 50

/**
 * Assignments of a Lua file that holds data: texts, joined by `..` with each other and with names assigned before, and tables of them.
 * It runs no Lua: what is computed in other ways is null.
 */
export function luaValues(text: string): Map<string, LuaValue> {
  const reader = { text, at: 0, known: new Map<string, LuaValue>() }
  while (reader.at < text.length) {
    skip(reader)
    const word = readWord(reader)
    if (word === '') reader.at++
    else if (word !== 'local') {
      skip(reader)
      if (text.charAt(reader.at) === '=' && text.charAt(reader.at + 1) !== '=') {
        reader.at++
        reader.known.set(word, readValue(reader, 0))
      }
    }
  }
  return reader.known
}

interface Reader {
  text: string
  at: number
  known: Map<string, LuaValue>
}

function skip(reader: Reader): void {
  const { text } = reader
  for (;;) {
    const char = text.charAt(reader.at)
    if (char !== '' && /\s/.test(char)) reader.at++
    else if (text.startsWith('--', reader.at)) {
      reader.at += 2
      if (readLong(reader) !== null) continue
      const end = text.indexOf('\n', reader.at)
      reader.at = end === -1 ? text.length : end
    } else return
  }
}

function readWord(reader: Reader): string {
  const word = /[A-Za-z_]\w*/y
  word.lastIndex = reader.at
  const found = word.exec(reader.text)?.[0] ?? ''
  reader.at += found.length
  return found
}

/** `[[ … ]]` and `[==[ … ]==]`, or null. */
function readLong(reader: Reader): string | null {
  const open = /\[(=*)\[\r?\n?/y
  open.lastIndex = reader.at
  const found = open.exec(reader.text)
  if (found === null) return null
  const close = `]${found[1] ?? ''}]`
  const start = reader.at + found[0].length
  const end = reader.text.indexOf(close, start)
  reader.at = end === -1 ? reader.text.length : end + close.length
  return reader.text.slice(start, end === -1 ? undefined : end)
}

function readValue(reader: Reader, depth: number): LuaValue {
  let value = readOne(reader, depth)
  for (;;) {
    skip(reader)
    if (reader.text.startsWith('..', reader.at)) {
      reader.at += 2
      const more = readOne(reader, depth)
      value = typeof value === 'string' && typeof more === 'string' ? value + more : null
    } else if (/[\w"'(~=<>+*/%^#.:[-]/.test(reader.text.charAt(reader.at)) && !startsStatement(reader)) {
      // An operator, a call or a condition.
      value = null
      reader.at++
    } else return value
  }
}

/** The next assignment begins without any mark between. */
function startsStatement({ text, at }: Reader): boolean {
  const next = /(?:local\s+)?[A-Za-z_]\w{0,200}\s{0,50}=(?!=)/y
  next.lastIndex = at
  return next.test(text)
}

function readOne(reader: Reader, depth: number): LuaValue {
  if (depth > deepest) throw new Error(`the tables nest more than ${deepest} levels`)
  skip(reader)
  const char = reader.text.charAt(reader.at)
  if (char === '"' || char === "'") return readQuoted(reader, char)
  if (char === '{') return readTable(reader, depth)
  const long = readLong(reader)
  if (long !== null) return long
  const word = readWord(reader)
  if (word === '') {
    reader.at++
    return null
  }
  return reader.known.get(word) ?? null
}

function readQuoted(reader: Reader, quote: string): LuaValue {
  const start = ++reader.at
  let escaped = false
  for (; reader.at < reader.text.length; reader.at++) {
    const char = reader.text.charAt(reader.at)
    if (char === quote) {
      const raw = reader.text.slice(start, reader.at++)
      return escaped ? raw.replace(/\\(["'\\])/g, '$1') : raw
    }
    if (char === '\n') break
    if (char !== '\\') continue
    escaped = true
    reader.at++
  }
  throw new Error('a text does not end')
}

/** Items without a name get their number. */
function readTable(reader: Reader, depth: number): LuaValue {
  reader.at++
  const table = new Map<string, LuaValue>()
  let count = 0
  for (;;) {
    skip(reader)
    const char = reader.text.charAt(reader.at)
    if (char === '') throw new Error('a table does not end')
    if (char === '}') {
      reader.at++
      return table
    }
    if (char === ',' || char === ';') {
      reader.at++
      continue
    }
    const key = readKey(reader, depth)
    table.set(key ?? String(++count), readValue(reader, depth + 1))
  }
}

function readKey(reader: Reader, depth: number): string | null {
  const start = reader.at
  let key: LuaValue = null
  if (reader.text.charAt(start) === '[' && !/^\[=*\[/.test(reader.text.slice(start, start + 20))) {
    reader.at++
    key = readOne(reader, depth + 1)
    skip(reader)
    if (reader.text.charAt(reader.at) === ']') reader.at++
  } else key = readWord(reader)
  skip(reader)
  if (key !== '' && reader.text.charAt(reader.at) === '=' && reader.text.charAt(reader.at + 1) !== '=') {
    reader.at++
    return typeof key === 'string' ? key : `?${start}`
  }
  reader.at = start
  return null
}
