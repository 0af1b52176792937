import { VerificationError } from '../../../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../../../base/json.ts'

/** One report or quote inside a file of another program, with what that program put beside it. */
export interface Part {
  /** Where it stands, for messages: `quote`, `configfs-tsm`. */
  name: string
  /** Report or quote as the hardware made it, or JSON in the form of CoCo's attesters. */
  evidence: Buffer | JsonObject
  /** The host's certificate table (`auxblob`). */
  table?: Buffer | null
  /** DER. */
  certificates?: Buffer[]
  /** CCEL that leads to the registers of a TD. */
  eventLog?: Buffer | null
  notes?: string[]
}

const limit = 16 << 20

/**
 * Bytes as programs write them into JSON: hex with or without `0x`, base64 in both alphabets with or without padding, or a list of numbers.
 *
 * @throws VerificationError `format-invalid` for anything else
 */
export function bytesIn(value: JsonValue | undefined, subject: string): Buffer {
  if (Array.isArray(value)) return fromNumbers(value, subject)
  if (typeof value !== 'string' || value.length > limit) throw refuse(subject, 'holds no bytes')
  const text = value.trim()
  const digits = text.replace(/^0[xX]/, '')
  if (digits.length > 0 && /^([\da-fA-F]{2})+$/.test(digits)) return Buffer.from(digits, 'hex')
  const unpadded = text.replace(/={1,2}$/, '')
  for (const form of ['base64', 'base64url'] as const) {
    const bytes = Buffer.from(unpadded, form)
    if (bytes.length > 0 && bytes.toString(form).replace(/=+$/, '') === unpadded) return bytes
  }
  throw refuse(subject, 'is neither hex nor base64')
}

/** @throws VerificationError `format-invalid` unless each is an integer from 0 to 255 */
export function fromNumbers(list: readonly JsonValue[], subject: string): Buffer {
  const bytes = list.filter(isByte)
  if (list.length === 0 || list.length > limit || bytes.length !== list.length)
    throw refuse(subject, 'is not a list of bytes')
  return Buffer.from(bytes)
}

function isByte(value: JsonValue): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255
}

/** A member that must be an object. @throws VerificationError `format-invalid` */
export function objectIn(value: JsonObject, name: string): JsonObject {
  const member = value[name]
  if (!isObject(member)) throw refuse(name, 'is not an object')
  return member
}

export function refuse(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject })
}
