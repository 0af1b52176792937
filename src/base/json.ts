import { visible } from './printable.ts'
import { VerificationError, InputError, type SealwrightError } from './errors.ts'

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue }
export type JsonObject = { [key: string]: JsonValue }

/** `JSON.parse` that names what was being read. Duplicate members are not seen here: use `parseStrict` for stored formats. */
export function parseJson(text: string, subject: string, kind: 'input' | 'verification' = 'verification'): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch (cause) {
    throw invalidJson(subject, kind, cause)
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What stands at a path of members; undefined where one of them is missing, and for what every object inherits. */
export function memberAt(value: JsonValue | undefined, path: readonly string[]): JsonValue | undefined {
  let found = value
  for (const name of path) found = isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined
  return found
}

/**
 * Whether brackets of a JSON text nest deeper than a number of levels. Everything that walks a value calls itself, and a text of some
 * thousand brackets would end it by the stack.
 */
export function nestsDeeper(text: Uint8Array, levels: number): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const byte = text[at]
    if (inString) {
      if (byte === 0x5c) at++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > levels) return true
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
  return false
}

/**
 * A foreign value for a message or a comparison with text. Not `String`: of an object with a member `toString` that throws what no reader of
 * JSON would have told.
 */
export function textOf(value: JsonValue | undefined): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return Array.isArray(value) ? 'a list' : 'an object'
}

function invalidJson(subject: string, kind: 'input' | 'verification', cause: unknown): SealwrightError {
  // V8 quotes the text as it stands: a line break of it would begin a line of ours.
  const told = cause instanceof Error ? cause.message : String(cause)
  const why = visible(told.replace(/ is not valid JSON$/, ''))
  const message = `${subject} is not valid JSON: ${why}`
  return kind === 'input'
    ? new InputError('file-invalid', message, { subject, cause, remedy: 'Give a file that holds one JSON document.' })
    : new VerificationError('format-invalid', message, { subject, cause })
}
