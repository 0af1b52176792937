import { VerificationError } from '../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import { fromBase64 } from '../encoding/base64.ts'

/** Stamps that one bundle holds at most, and characters of each: a stamp has 500 to 8000 bytes. */
const limits = { stamps: 8, characters: 90_000 } as const

/**
 * RFC 3161 time stamps of a bundle (`timestampVerificationData`), in DER: none of them is read, let alone believed.
 *
 * @throws VerificationError `format-invalid`
 */
export function stampsOf(material: JsonObject): Buffer[] {
  const data = material['timestampVerificationData']
  if (data === undefined || data === null) return []
  if (!isObject(data)) throw refuse('has time stamps that are not an object')
  const list = data['rfc3161Timestamps']
  if (list === undefined || list === null) return []
  if (!Array.isArray(list)) throw refuse('has time stamps that are not a list')
  if (list.length > limits.stamps) throw refuse(`has more than ${limits.stamps} time stamps`)
  return list.map(stampOf)
}

function stampOf(value: JsonValue): Buffer {
  const text = isObject(value) ? value['signedTimestamp'] : undefined
  if (typeof text !== 'string' || text.length > limits.characters) throw refuse('has a time stamp that is not one')
  return fromBase64(text, 'time stamp')
}

function refuse(why: string): VerificationError {
  return new VerificationError('format-invalid', `the bundle ${why}`, { subject: 'bundle' })
}
