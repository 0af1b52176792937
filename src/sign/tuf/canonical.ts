import { VerificationError } from '../../base/errors.ts'
import { duplicateMember } from '../../base/json-members.ts'
import { isObject, nestsDeeper, type JsonObject, type JsonValue } from '../../base/json.ts'
import { compareUtf8 } from '../../tar/paths.ts'

/** Levels of brackets: metadata with delegations has ten. */
const mostLevels = 32

/**
 * Bytes of a JSON value in the canonical form that signatures of TUF cover (OLPC "Canonical JSON"): members sorted by code point, no space, and of
 * all characters only `"` and `\` escaped. Not RFC 8785, which escapes control characters and sorts by UTF-16 units.
 *
 * @throws VerificationError `format-invalid` for a number that is not a safe integer, and for text with a lone surrogate
 */
export function canonicalJson(value: JsonValue, what: string): Buffer {
  return Buffer.from(write(value, what), 'utf8')
}

function write(value: JsonValue, what: string): string {
  if (typeof value === 'string') return quoted(value, what)
  if (typeof value === 'number') {
    // Readers of this form do not agree on fractions, on exponents and on what lies beyond 2^53.
    if (Number.isSafeInteger(value)) return String(value === 0 ? 0 : value)
    throw refuse(what, `holds the number ${value}, which has no canonical form`)
  }
  if (value === null || typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return `[${value.map((item) => write(item, what)).join(',')}]`
  const members = Object.entries(value).sort(([a], [b]) => compareUtf8(a, b))
  return `{${members.map(([name, member]) => `${quoted(name, what)}:${write(member, what)}`).join(',')}}`
}

function quoted(text: string, what: string): string {
  if (!text.isWellFormed()) throw refuse(what, 'holds a lone surrogate')
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/**
 * Reads a document whose signature covers its canonical form, so that all readers see the same members.
 *
 * @throws VerificationError `format-invalid` for anything but one JSON object in UTF-8 without duplicate members
 */
export function readSignedJson(bytes: Uint8Array, what: string): JsonObject {
  if (nestsDeeper(bytes, mostLevels)) throw refuse(what, `nests deeper than ${mostLevels} levels`)
  let text: string
  let value: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(text)
  } catch (cause) {
    throw refuse(what, 'is not JSON', cause)
  }
  if (!isObject(value)) throw refuse(what, 'is not a JSON object')
  const twice = duplicateMember(text)
  if (twice !== null) throw refuse(what, `has the member "${twice.slice(0, 64)}" twice in one object`)
  return value
}

function refuse(what: string, why: string, cause?: unknown): VerificationError {
  return new VerificationError('format-invalid', `${what} ${why}`, { subject: what, cause })
}
