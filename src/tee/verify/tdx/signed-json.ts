import { z } from 'zod'
import { VerificationError } from '../../../base/errors.ts'
import { firstIssue } from '../../../base/first-issue.ts'
import { parseJson } from '../../../base/json.ts'

/** A JSON document of Intel's with its signature. `bytes` are the very text that was signed, cut out of what was read. */
export interface SignedText {
  bytes: Buffer
  /** r ‖ s of ECDSA P-256 over SHA-256 of the text. */
  signature: Buffer
}

const limit = 1 << 20

/** Hex of either case and an exact length: Intel mixes cases. */
export function bytesHex(size: number) {
  return z
    .string()
    .regex(new RegExp(`^[0-9a-fA-F]{${size * 2}}$`), `is not ${size} bytes of hex`)
    .transform((text) => Buffer.from(text, 'hex'))
}

/** RFC 3339 UTC in seconds, as Intel writes it. */
export const stamp = z.iso.datetime({ precision: 0 }).transform((text) => new Date(text))

/**
 * Cuts the signed text out of an answer of Intel's service: `{"tcbInfo":{…},"signature":"…"}`. Any other shape is refused, since what lies
 * outside the text is signed by nobody.
 *
 * @throws VerificationError `format-invalid`
 */
export function cutSigned(response: Uint8Array, member: 'tcbInfo' | 'enclaveIdentity', subject: string): SignedText {
  const text = asText(response, subject)
  const cut = new RegExp(
    `^\\s*\\{\\s*"${member}"\\s*:\\s*(\\{.*\\})\\s*,\\s*"signature"\\s*:\\s*"([^"]*)"\\s*\\}\\s*$`,
    's',
  ).exec(text)
  if (cut?.[1] === undefined || cut[2] === undefined) {
    throw new VerificationError('format-invalid', `${subject} is not {"${member}":{…},"signature":"…"}`, { subject })
  }
  return { bytes: Buffer.from(cut[1], 'utf8'), signature: readSignature(cut[2], subject) }
}

/** @throws VerificationError `format-invalid` unless the text is 64 bytes of hex */
export function readSignature(text: string, subject: string): Buffer {
  if (!/^[0-9a-fA-F]{128}$/.test(text)) {
    throw new VerificationError('format-invalid', `the signature of ${subject} is not 64 bytes of hex`, { subject })
  }
  return Buffer.from(text, 'hex')
}

/** Reads signed text by a schema. @throws VerificationError `format-invalid` naming the first wrong member */
export function parseSigned<T>(bytes: Uint8Array, schema: z.ZodType<T>, subject: string): T {
  const result = schema.safeParse(parseJson(asText(bytes, subject), subject))
  if (result.success) return result.data
  const { where, what } = firstIssue(result.error, 'its top')
  throw new VerificationError('format-invalid', `${subject} is not as expected at ${where}: ${what}`, {
    subject,
  })
}

/** UTF-8 that is its own text again, so that bytes and text mean the same. */
function asText(bytes: Uint8Array, subject: string): string {
  if (bytes.length > limit) {
    throw new VerificationError('format-invalid', `${subject} is larger than ${limit} bytes`, { subject })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new VerificationError('format-invalid', `${subject} is not UTF-8`, { subject, cause })
  }
}
