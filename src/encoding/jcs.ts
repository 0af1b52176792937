import { VerificationError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'

/**
 * RFC 8785 (JCS) bytes of a JSON value. Sealwright's own formats hold integers only (TRUST, opening), so other numbers
 * are refused instead of being formatted. `undefined` members are left out, as `JSON.stringify` does.
 */
export function jcs(value: unknown): Buffer {
  return Buffer.from(write(value, '$'), 'utf8')
}

function write(value: unknown, path: string): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw refuse(path, 'holds a lone surrogate')
    return JSON.stringify(value)
  }
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw refuse(path, 'is not a safe integer')
    return Object.is(value, -0) ? '0' : String(value)
  }
  if (Array.isArray(value)) return `[${value.map((item, i) => write(item, `${path}[${i}]`)).join(',')}]`
  if (typeof value === 'object') {
    // Sorting by UTF-16 code units is what JavaScript's default string order does (RFC 8785 §3.2.3).
    const members = Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return `{${members.map(([k, v]) => `${write(k, `${path} member name`)}:${write(v, `${path}.${k}`)}`).join(',')}}`
  }
  throw refuse(path, `is a ${typeof value}`)
}

/**
 * Reads stored bytes that must be their own JCS form: duplicate members, other spacing and non-integer numbers are
 * refused because the bytes then differ from what we would write.
 *
 * @throws VerificationError `format-invalid`
 */
export function parseJcs(bytes: Uint8Array, subject: string): JsonValue {
  let value: JsonValue
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) as JsonValue
  } catch (cause) {
    throw new VerificationError('format-invalid', `${subject} is not JSON`, { subject, cause })
  }
  if (!jcs(value).equals(bytes)) {
    throw new VerificationError('format-invalid', `${subject} is not in RFC 8785 form`, { subject })
  }
  return value
}

function refuse(path: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${path} ${why} and has no canonical form`, { subject: path })
}
