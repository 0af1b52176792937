import { VerificationError } from '../base/errors.ts'
import { nestsDeeper, type JsonValue } from '../base/json.ts'

/**
 * RFC 8785 (JCS) bytes of a JSON value. Sealwright's own formats hold integers only (TRUST, opening), so other numbers
 * are refused instead of being formatted. `undefined` members are left out, as `JSON.stringify` does.
 */
export function jcs(value: unknown): Buffer {
  return Buffer.from(jcsText(value), 'utf8')
}

/** {@link jcs} as text. */
export function jcsText(value: unknown): string {
  const text = write(value)
  if (text !== null) return text
  throw locate(value, '$') ?? new Error('a value without canonical form was not found again')
}

/** Null for what has no canonical form: where that is, is looked for only then. */
function write(value: unknown): string | null {
  if (faultOf(value) !== null) return null
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : String(value)
  let text = ''
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) {
      const part = write(item)
      if (part === null) return null
      text += text === '' ? part : `,${part}`
    }
    return `[${text}]`
  }
  // Sorting by UTF-16 code units is what JavaScript's default string order does (RFC 8785 §3.2.3).
  for (const key of Object.keys(value as object).sort()) {
    const member = (value as Record<string, unknown>)[key]
    if (member === undefined) continue
    const part = write(member)
    if (part === null || !key.isWellFormed()) return null
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${part}`
  }
  return `{${text}}`
}

/** Why a value itself, without its members, has no canonical form. */
function faultOf(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? null : 'holds a lone surrogate'
    case 'number':
      return Number.isSafeInteger(value) ? null : 'is not a safe integer'
    case 'boolean':
    case 'object':
      return null
    default:
      return `is a ${typeof value}`
  }
}

function locate(value: unknown, path: string): VerificationError | null {
  const fault = faultOf(value)
  if (fault !== null) return refuse(path, fault)
  if (typeof value !== 'object' || value === null) return null
  if (Array.isArray(value)) {
    for (const [i, item] of (value as unknown[]).entries()) {
      const found = locate(item, `${path}[${i}]`)
      if (found !== null) return found
    }
    return null
  }
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    const found = locate(key, `${path} member name`) ?? locate(member, `${path}.${key}`)
    if (found !== null) return found
  }
  return null
}

/** Of stored bytes: ours have a dozen. */
const mostLevels = 256

/**
 * Reads stored bytes that must be their own JCS form: duplicate members, other spacing and non-integer numbers are
 * refused because the bytes then differ from what we would write.
 *
 * @throws VerificationError `format-invalid`
 */
export function parseJcs(bytes: Uint8Array, subject: string): JsonValue {
  let value: JsonValue
  if (nestsDeeper(bytes, mostLevels))
    throw new VerificationError('format-invalid', `${subject} nests deeper than ${mostLevels} levels`, { subject })
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
