import type { JsonValue } from '../../../base/json.ts'

/** Deeper than any registry file nests. */
const deepest = 100

/** Reads what PHP's `serialize` wrote: lists come as objects with numbers as names. @throws Error for any other text */
export function unserialize(content: Buffer): JsonValue {
  const reader = { content, at: 0 }
  const value = readValue(reader, 0)
  return value
}

interface Reader {
  content: Buffer
  at: number
}

function readValue(reader: Reader, depth: number): JsonValue {
  if (depth > deepest) throw new Error(`the value nests more than ${deepest} levels`)
  const kind = reader.content.toString('latin1', reader.at, reader.at + 2)
  reader.at += 2
  if (kind === 'N;') return null
  if (kind === 'b:') return upTo(reader, ';') === '1'
  if (kind === 'i:' || kind === 'd:') return numberIn(upTo(reader, ';'))
  if (kind === 's:') {
    const text = readText(reader)
    expect(reader, ';')
    return text
  }
  if (kind === 'a:') return readMembers(reader, depth)
  throw new Error(`expected a serialized value at byte ${reader.at - 2}`)
}

function readText(reader: Reader): string {
  const length = numberIn(upTo(reader, ':'))
  expect(reader, '"')
  const end = reader.at + length
  if (!Number.isSafeInteger(length) || length < 0 || end > reader.content.length)
    throw new Error(`a text ends behind the file at byte ${reader.at}`)
  const text = reader.content.toString('utf8', reader.at, end)
  reader.at = end
  expect(reader, '"')
  return text
}

function readMembers(reader: Reader, depth: number): JsonValue {
  const count = numberIn(upTo(reader, ':'))
  expect(reader, '{')
  const members = new Map<string, JsonValue>()
  for (let i = 0; i < count; i++) {
    const key = readValue(reader, depth + 1)
    if (typeof key !== 'string' && typeof key !== 'number') throw new Error('expected a text or number as key')
    members.set(String(key), readValue(reader, depth + 1))
  }
  expect(reader, '}')
  return Object.fromEntries(members)
}

function numberIn(text: string): number {
  if (!/^-?[0-9]{1,15}(?:\.[0-9]{1,20})?(?:E[+-]?[0-9]{1,3})?$/.test(text)) throw new Error('expected a number')
  return Number(text)
}

function upTo(reader: Reader, mark: string): string {
  const end = reader.content.indexOf(mark, reader.at)
  if (end === -1 || end - reader.at > 40) throw new Error(`expected "${mark}" behind byte ${reader.at}`)
  const text = reader.content.toString('latin1', reader.at, end)
  reader.at = end + 1
  return text
}

function expect(reader: Reader, mark: string): void {
  if (reader.content.toString('latin1', reader.at, reader.at + 1) !== mark)
    throw new Error(`expected "${mark}" at byte ${reader.at}`)
  reader.at++
}
