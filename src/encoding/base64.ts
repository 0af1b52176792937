import { VerificationError } from '../base/errors.ts'

const forms = {
  /** RFC 4648 §4, with padding. */
  base64: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
  /** RFC 4648 §5, without padding. */
  base64url: /^[A-Za-z0-9_-]*$/,
} as const

/** Strict decoding: a foreign character, wrong padding or leftover bits are refused, since two texts would then mean the same bytes. */
export function fromBase64(text: string, subject: string, form: keyof typeof forms = 'base64'): Buffer {
  const bytes = Buffer.from(text, form)
  if (!forms[form].test(text) || bytes.toString(form) !== text) {
    throw new VerificationError('format-invalid', `${subject} is not ${form}`, { subject })
  }
  return bytes
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

export function toBase64url(bytes: Uint8Array | string): string {
  return (typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : Buffer.from(bytes)).toString('base64url')
}

/** Strict lower-case hex of an exact length in bytes. */
export function fromHex(text: string, bytes: number, subject: string): Buffer {
  if (text.length !== bytes * 2 || !/^[0-9a-f]*$/.test(text)) {
    throw new VerificationError('format-invalid', `${subject} is not ${bytes} bytes of lower-case hex`, { subject })
  }
  return Buffer.from(text, 'hex')
}
