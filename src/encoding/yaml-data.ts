import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml'
import type { JsonValue } from '../base/json.ts'

const deepest = 100
/** The reader makes a node of each token: a few microseconds a byte. */
const longest = 8 << 20

/**
 * Reads the YAML that programs write (lock files): every scalar is its text, so that the version `1.10` stays one; an empty value is an empty
 * text. Aliases are refused, and so are keys that stand twice with two values, since readers differ
 * on them.
 *
 * @returns one value for each document of the text
 * @throws Error that names the line
 */
export function readYamlData(text: string): JsonValue[] {
  if (text.length > longest) throw new Error(`the text has ${text.length} characters; at most ${longest} are read`)
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    schema: 'failsafe',
    lineCounter: lines,
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
  })
  if (!Array.isArray(documents)) return []
  return documents.map(({ errors, contents }) => {
    const [error] = errors
    if (error !== undefined) throw new Error(`line ${lines.linePos(error.pos[0]).line}: ${error.message}`)
    return plain(contents, 0)
  })
}

function plain(node: unknown, depth: number): JsonValue {
  if (depth > deepest) throw new Error(`the document nests more than ${deepest} levels`)
  if (node === null || node === undefined) return ''
  if (isAlias(node)) throw new Error('aliases are not supported')
  if (isScalar(node)) return typeof node.value === 'string' ? node.value : ''
  if (isSeq(node)) return node.items.map((item) => plain(item, depth + 1))
  if (!isMap(node)) return ''
  const members = new Map<string, JsonValue>()
  for (const { key, value } of node.items) {
    const name = isScalar(key) && typeof key.value === 'string' ? key.value : null
    if (name === null) throw new Error('a key is no text')
    const here = plain(value, depth + 1)
    const known = members.get(name)
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(here))
      throw new Error(`the key "${name}" stands twice, with two values`)
    members.set(name, here)
  }
  return Object.fromEntries(members)
}
