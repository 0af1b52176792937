import { VerificationError } from '../../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { HardwareTechnology } from '../../base/technology.ts'
import type { Prediction } from '../predict/prediction.ts'

/** Values of one technology as somebody published them. */
export type Published = Prediction & { readonly technology: HardwareTechnology }

/** Number of hexadecimal digits of a SHA-384 and of a SHA-256. */
const digits = { registers: 96, digest: 64 } as const

export function refusal(subject: string, why: string, remedy: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject, remedy })
}

const asPublished = 'Give the file as its publisher wrote it.'

export function memberObject(value: JsonObject, name: string, subject: string): JsonObject {
  const found = value[name]
  if (isObject(found)) return found
  throw refusal(subject, `has no object "${name}"`, asPublished)
}

export function memberText(value: JsonObject, name: string, subject: string): string {
  const found = value[name]
  if (typeof found === 'string' && found.length > 0 && found.length <= 256) return found
  throw refusal(subject, `has no text "${name}" of 1 to 256 characters`, asPublished)
}

/** A positive number of processors, MiB or disks. */
export function memberCount(value: JsonObject, name: string, subject: string, least = 1): number {
  const found = value[name]
  if (typeof found === 'number' && Number.isSafeInteger(found) && found >= least) return found
  throw refusal(subject, `has no whole number "${name}" of ${least} or more`, asPublished)
}

/**
 * A register of 48 bytes in lower case: a machine never reports capitals.
 *
 * @throws VerificationError `format-invalid` for another length, and for zeros: a register that nothing was measured into pins nothing
 */
export function register(value: JsonValue | undefined, name: string, subject: string): string {
  const text = hexText(value, digits.registers, name, subject)
  if (!/^0+$/.test(text)) return text
  throw refusal(subject, `gives only zeros for "${name}"`, 'Nothing was measured there: such a value pins nothing.')
}

/** `sha256:` and the digest of a published file. */
export function fileDigest(value: JsonValue | undefined, name: string, subject: string): string {
  return `sha256:${hexText(value, digits.digest, name, subject)}`
}

function hexText(value: JsonValue | undefined, length: number, name: string, subject: string): string {
  if (typeof value === 'string' && value.length === length && /^[0-9a-fA-F]+$/.test(value)) return value.toLowerCase()
  throw refusal(subject, `does not give ${length} hex digits for "${name}"`, asPublished)
}
