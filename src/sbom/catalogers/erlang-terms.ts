/** An Erlang term: texts and atoms are texts, tuples and lists are lists. */
export type Term = string | Term[]

const deepest = 100

/** Reads the terms of a file, each ended by a dot (`file:consult/1`): texts, binaries, atoms, numbers, tuples and lists. @throws Error for any other text */
export function erlangTerms(text: string): Term[] {
  const reader = { text, at: 0 }
  const found: Term[] = []
  for (;;) {
    skip(reader)
    if (reader.at >= text.length) return found
    found.push(readTerm(reader, 0))
    skip(reader)
    if (text.charAt(reader.at) !== '.') throw new Error(`expected "." at ${reader.at}`)
    reader.at++
  }
}

/** An item of a tuple or list; undefined where there is none. */
export function itemOf(term: Term | undefined, index: number): Term | undefined {
  return Array.isArray(term) ? term[index] : undefined
}

/** The value of the pair `{name, value}` in a list. */
export function valueOf(list: Term | undefined, name: string): Term | undefined {
  return Array.isArray(list)
    ? itemOf(
        list.find((item) => itemOf(item, 0) === name),
        1,
      )
    : undefined
}

interface Reader {
  text: string
  at: number
}

function skip(reader: Reader): void {
  for (;;) {
    const char = reader.text.charAt(reader.at)
    if (char !== '' && /\s/.test(char)) reader.at++
    else if (char === '%') {
      const end = reader.text.indexOf('\n', reader.at)
      reader.at = end === -1 ? reader.text.length : end
    } else return
  }
}

function readTerm(reader: Reader, depth: number): Term {
  if (depth > deepest) throw new Error(`the term nests more than ${deepest} levels`)
  skip(reader)
  const { text } = reader
  const char = text.charAt(reader.at)
  if (char === '{' || char === '[') return readItems(reader, char === '{' ? '}' : ']', depth)
  if (char === '"' || char === "'") return readQuoted(reader, char)
  if (char === '<') return readBinary(reader)
  const plain = /[\w@$+-]+(?:\.\d+)?/y
  plain.lastIndex = reader.at
  const found = plain.exec(text)?.[0]
  if (found === undefined) throw new Error(`expected a term at ${reader.at}`)
  reader.at += found.length
  return found
}

function readItems(reader: Reader, end: string, depth: number): Term[] {
  reader.at++
  const found: Term[] = []
  for (;;) {
    skip(reader)
    const char = reader.text.charAt(reader.at)
    if (char === end) {
      reader.at++
      return found
    }
    if (found.length > 0) {
      if (char !== ',') throw new Error(`expected "," at ${reader.at}`)
      reader.at++
    }
    found.push(readTerm(reader, depth + 1))
  }
}

function readQuoted(reader: Reader, quote: string): string {
  const parts: string[] = []
  let start = ++reader.at
  for (; reader.at < reader.text.length; reader.at++) {
    const char = reader.text.charAt(reader.at)
    if (char === quote) {
      parts.push(reader.text.slice(start, reader.at++))
      return parts.join('')
    }
    if (char !== '\\') continue
    parts.push(reader.text.slice(start, reader.at++))
    start = reader.at
  }
  throw new Error('a text does not end')
}

/** `<<"text">>`, also with a type behind the text. */
function readBinary(reader: Reader): string {
  if (!reader.text.startsWith('<<', reader.at)) throw new Error(`expected "<<" at ${reader.at}`)
  reader.at += 2
  skip(reader)
  const value = reader.text.charAt(reader.at) === '"' ? readQuoted(reader, '"') : ''
  const end = reader.text.indexOf('>>', reader.at)
  if (end === -1) throw new Error('a binary does not end')
  reader.at = end + 2
  return value
}
