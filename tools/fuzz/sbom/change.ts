import { isObject, type JsonValue } from '../../../src/base/json.ts'
import { mutate } from '../../../testkit/mutate.ts'
import type { Random } from '../../../testkit/random.ts'

/** Words at which readers of texts break: names that every object inherits, edges of numbers, half of a surrogate pair, depth, length. */
const words: readonly string[] = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '',
  ' ',
  '0',
  '-1',
  '1e999',
  '9007199254740993',
  'null',
  'true',
  '[]',
  '{}',
  '"',
  '\\',
  '\\ud800',
  '\\u0000',
  '\0',
  '\u001b[31m',
  '\u202e',
  '\uFEFF',
  '\r\n',
  '\n\n',
  '\t',
  '../../etc/passwd',
  '%00',
  '%zz',
  '@',
  '#',
  '?',
  '&a=b',
  '<!--',
  ']]>',
  '&amp;',
  '*',
  ':',
  '::',
  '=',
  '->',
  ',',
  '${x}',
  'a'.repeat(3000),
  '['.repeat(400),
  '{"a":'.repeat(300),
  '('.repeat(400),
  '  '.repeat(300),
  'MIT OR '.repeat(200),
]

/** A changed copy; the random stream fixes it. Bytes, words of texts and members of JSON are changed in turn. */
export function change(bytes: Buffer, other: Buffer, random: Random): Buffer {
  if (bytes.length === 0) return random.bytes(random.below(40))
  const way = random.below(6)
  if (way < 2) return mutate(bytes, other.length === 0 ? bytes : other, random)
  if (way < 4) return changeJson(bytes, random) ?? changeWord(bytes, random)
  if (way === 4) return changeWord(bytes, random)
  return changeLines(bytes, random)
}

/** A word or the space between two becomes another word. */
export function changeWord(bytes: Buffer, random: Random): Buffer {
  const isWord = (at: number): boolean => /[\w.+-]/.test(String.fromCharCode(bytes[at] ?? 0))
  let from = random.below(bytes.length)
  const kind = isWord(from)
  let to = from + 1
  while (from > 0 && isWord(from - 1) === kind && to - from < 64) from--
  while (to < bytes.length && isWord(to) === kind && to - from < 64) to++
  const word = Buffer.from(random.pick(words), random.below(8) === 0 ? 'latin1' : 'utf8')
  const kept = random.below(3) === 0 ? bytes.subarray(from, to) : Buffer.alloc(0)
  return Buffer.concat([bytes.subarray(0, from), kept, word, bytes.subarray(to)])
}

/** A line is left out, said twice, moved or indented otherwise. */
function changeLines(bytes: Buffer, random: Random): Buffer {
  const lines = bytes.toString('latin1').split('\n')
  const at = random.below(lines.length)
  const line = lines[at] ?? ''
  switch (random.below(5)) {
    case 0:
      lines.splice(at, 1 + random.below(3))
      break
    case 1:
      lines.splice(at, 0, ...Array.from({ length: 1 + random.below(40) }, () => line))
      break
    case 2:
      lines.splice(random.below(lines.length), 0, line)
      break
    case 3:
      lines[at] = `${' '.repeat(random.below(9))}${line.trimStart()}`
      break
    default:
      lines.length = at
  }
  return Buffer.from(lines.join('\n'), 'latin1')
}

/** A member or item becomes another value, or is left out, or stands elsewhere too. Null where the bytes are no JSON. */
function changeJson(bytes: Buffer, random: Random): Buffer | null {
  const first = bytes.toString('latin1', 0, 8).trimStart()
  if (!first.startsWith('{') && !first.startsWith('[')) return null
  let root: JsonValue
  try {
    root = JSON.parse(bytes.toString('utf8')) as JsonValue
  } catch {
    return null
  }
  const holders: (JsonValue[] | { [name: string]: JsonValue })[] = []
  const walk = (value: JsonValue): void => {
    if (!isObject(value) && !Array.isArray(value)) return
    holders.push(value)
    for (const item of Object.values(value)) walk(item)
  }
  walk(root)
  const holder = random.pick(holders)
  const foreign = valueOf(random, holders)
  if (Array.isArray(holder)) {
    const at = random.below(holder.length + 1)
    if (random.below(3) === 0) holder.splice(at, 1)
    else holder.splice(at, random.below(2), foreign)
  } else {
    const names = Object.keys(holder)
    const name = names.length === 0 || random.below(8) === 0 ? random.pick(words) : random.pick(names)
    if (random.below(4) === 0) delete holder[name]
    // Not by assignment: that would set the prototype.
    else Object.defineProperty(holder, name, { value: foreign, enumerable: true, configurable: true, writable: true })
  }
  return Buffer.from(JSON.stringify(root, null, random.below(2)))
}

function valueOf(random: Random, holders: readonly JsonValue[]): JsonValue {
  switch (random.below(8)) {
    case 0:
      return random.pick([null, true, false, 0, -1, 1.5, 1e300, 2 ** 53])
    case 1:
      return random.pick([[], {}, [[]], [null], { a: null }])
    case 2: {
      const held = random.pick(holders)
      const text = JSON.stringify(held)
      return text.length > 4000 ? [] : (JSON.parse(text) as JsonValue)
    }
    case 3:
      return random.pick(['\ud800', 'x\udc00y', '\u0000', '\u007f', '\u2028'])
    default:
      return random.pick(words)
  }
}
