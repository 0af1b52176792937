import { VerificationError } from '../base/errors.ts'

/** `base64`: RFC 4648 §4, with padding. `base64url`: RFC 4648 §5, without padding. */
export type Base64Form = 'base64' | 'base64url'

/** Strict decoding: a foreign character, wrong padding or leftover bits are refused, since two texts would then mean the same bytes. */
export function fromBase64(text: string, subject: string, form: Base64Form = 'base64'): Buffer {
  const bytes = Buffer.from(text, form)
  // Writing it again is the whole check: it gives one text for some bytes, in this alphabet, with this padding.
  if (bytes.toString(form) !== text) {
    throw new VerificationError('format-invalid', `${subject} is not ${form}`, { subject })
  }
  return bytes
}

/**
 * Strict decoding where a format leaves the alphabet open (DSSE: "either standard or URL-safe"); padding may be left out of the URL-safe form.
 * A text without any of the four characters that differ belongs to both alphabets, so it may come without padding, as in the JSON form of Protocol
 * Buffers, which Sigstore bundles use.
 *
 * @throws VerificationError `format-invalid`, also for a mixture of the two alphabets
 */
export function fromEitherBase64(text: string, subject: string): Buffer {
  const isPadded = text.endsWith('=')
  if (/[+/]/.test(text) || (isPadded && text.length % 4 !== 0)) return fromBase64(text, subject)
  return fromBase64(isPadded ? text.replace(/={1,2}$/, '') : text, subject, 'base64url')
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
