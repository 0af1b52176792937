import { isObject, memberAt, nestsDeeper, parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import { duplicateMember } from '../../base/json-members.ts'

/** Deeper than any manifest or lock file nests, and far from the end of the stack. */
const deepest = 200
/** Longer than any name or version that a registry takes. */
const longest = 1024

/** A UTF-8 text without its byte order mark. Bytes that are not UTF-8 become U+FFFD, which {@link nameIn} refuses. */
export function textIn(content: Buffer): string {
  return content.toString('utf8').replace(/^\uFEFF/, '')
}

/** @throws Error for a text that is not JSON, nests too deep, or holds no object */
export function jsonIn(content: Buffer): JsonObject {
  const json = jsonValueIn(content)
  if (!isObject(json)) throw new Error('expected a JSON object')
  return json
}

/**
 * As {@link jsonIn}, for documents that may be a list.
 *
 * @param comments the document may have comments and trailing commas, as Bun, Deno and .NET write them
 */
export function jsonValueIn(content: Buffer, comments = false): JsonValue {
  const text = comments ? plainJson(textIn(content)) : textIn(content)
  if (nestsDeeper(comments ? Buffer.from(text) : content, deepest))
    throw new Error(`the JSON nests more than ${deepest} levels`)
  return parseJson(text, 'the file')
}

/**
 * Refuses a manifest whose own members stand twice: readers differ on which of them counts. What is doubled further inside (two scripts of one
 * name) changes nothing of what we take from it.
 *
 * @param members which of the top-level members count
 */
export function refuseDoubled(json: JsonObject, content: Buffer, members: readonly string[]): void {
  const text = textIn(content)
  // The search that knows levels is needed only where there is a doubled name at all.
  if (duplicateMember(text) === null) return
  const seen = new Set<string>()
  for (const name of topLevelNames(text)) {
    if (seen.has(name) && members.includes(name) && Object.hasOwn(json, name))
      throw new Error(`the member "${name}" stands twice`)
    seen.add(name)
  }
}

function topLevelNames(text: string): string[] {
  const names: string[] = []
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x7b || code === 0x5b) depth++
    else if (code === 0x7d || code === 0x5d) depth--
    if (code !== 0x22) continue
    const start = at++
    while (text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1
    let after = at + 1
    while (/\s/.test(text.charAt(after))) after++
    if (depth === 1 && text.charAt(after) === ':') names.push(String(JSON.parse(text.slice(start, at + 1))))
  }
  return names
}

/** JSON with comments and trailing commas in plain JSON. Texts in quotes stay as they are. */
function plainJson(text: string): string {
  const out: string[] = []
  let kept = 0
  let comma = -1
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '"') {
      at++
      while (at < text.length && text.charAt(at) !== '"') at += text.charAt(at) === '\\' ? 2 : 1
      comma = -1
    } else if (char === '/' && (text.charAt(at + 1) === '/' || text.charAt(at + 1) === '*')) {
      const line = text.charAt(at + 1) === '/'
      const end = text.indexOf(line ? '\n' : '*/', at + 2)
      out.push(text.slice(kept, at), ' ')
      at = end === -1 ? text.length : line ? end : end + 1
      kept = at + 1
    } else if (char === ',') {
      out.push(text.slice(kept, at))
      kept = at + 1
      comma = out.push(',') - 1
    } else if (char === '}' || char === ']') {
      if (comma !== -1) out[comma] = ' '
      comma = -1
    } else if (!/\s/.test(char)) comma = -1
  }
  return out.join('') + text.slice(kept)
}

/** A text of a foreign document, or `` for anything else: also for one with half of a surrogate pair, which no UTF-8 document can hold. */
export function textOr(value: JsonValue | undefined): string {
  return typeof value === 'string' && value.isWellFormed() ? value : ''
}

/** A member of what may be an object; undefined where it is none, and for what every object inherits. */
export function at(value: JsonValue | undefined, ...names: readonly string[]): JsonValue | undefined {
  return memberAt(value, names) ?? undefined
}

/** Members of what should be an object. @throws Error where it is something else; none where it is missing */
export function members(value: JsonValue | undefined, what: string): [string, JsonValue][] {
  if (value === undefined || value === null) return []
  if (!isObject(value)) throw new Error(`${what}: expected an object`)
  return Object.entries(value)
}

/** Items of what should be a list. @throws Error where it is something else; none where it is missing */
export function items(value: JsonValue | undefined, what: string): JsonValue[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new Error(`${what}: expected a list`)
  return value
}

/** An entry that has members. @throws Error for anything else */
export function objectIn(value: JsonValue | undefined): JsonObject {
  if (isObject(value)) return value
  throw new Error(`expected an object, found ${value === undefined ? 'none' : kindOf(value)}`)
}

/** Texts of a list of texts; also of a single text. What is no text is left out. */
export function textsOr(value: JsonValue | undefined): string[] {
  return (Array.isArray(value) ? value : [value]).map(textOr).filter((item) => item !== '')
}

/** A name or version: one line of text. @throws Error for anything else */
export function nameIn(value: JsonValue | undefined, what: string): string {
  const text = typeof value === 'string' ? value.trim() : ''
  if (text === '') throw new Error(`expected a ${what}, found ${value === undefined ? 'none' : kindOf(value)}`)
  // A name with U+FFFD is not the name that its author wrote: the bytes had another encoding.
  if (!text.isWellFormed() || /[\p{Cc}\u2028\u2029\uFFFD]/u.test(text))
    throw new Error(`expected a ${what} of printable characters in one line, found ${shownText(text)}`)
  if (text.length > longest) throw new Error(`the ${what} has ${text.length} characters`)
  return text
}

/** A text in a message, at most 100 characters of it; what a terminal could act on, and lone surrogates, as escapes of JSON. */
export function shownText(text: string): string {
  const escape = (found: string): string => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(text.slice(0, 100)).replace(/[\p{Cc}\u2028\u2029\uFFFD]/gu, escape)
}

/** As {@link nameIn}; null where there is none. */
export function versionIn(value: JsonValue | undefined): string | null {
  return value === undefined || value === null || value === '' ? null : nameIn(value, 'version')
}

function kindOf(value: JsonValue): string {
  if (value === null) return 'null'
  return Array.isArray(value)
    ? 'a list'
    : typeof value === 'string'
      ? 'an empty text'
      : `a value of type ${typeof value}`
}
