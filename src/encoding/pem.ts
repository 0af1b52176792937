import { VerificationError } from '../base/errors.ts'
import { fromBase64 } from './base64.ts'

export interface PemBlock {
  /** Text between `-----BEGIN ` and `-----`. */
  label: string
  bytes: Buffer
}

/** Keys and chains are small: more than this is no PEM file that we want. */
const limit = 1 << 20

/**
 * All blocks of a PEM text (RFC 7468), in order. Text between blocks is ignored, as everywhere; a block that does not end, ends with
 * another label, holds headers (RFC 1421) or no strict base64 is refused.
 *
 * @throws VerificationError `format-invalid`
 */
export function readPem(text: string, subject: string): PemBlock[] {
  if (text.length > limit) throw refuse(subject, `is larger than ${limit} characters`)
  const blocks: PemBlock[] = []
  let open: { label: string; lines: string[] } | null = null
  for (const line of text.split(/\r?\n/)) {
    const edge = /^-----(BEGIN|END) ([A-Z0-9][A-Z0-9 ]*)-----\s*$/.exec(line)
    if (edge?.[2] === undefined) {
      open?.lines.push(line.trim())
    } else if (edge[1] === 'BEGIN') {
      if (open !== null) throw refuse(subject, 'has a block that does not end')
      open = { label: edge[2], lines: [] }
    } else {
      if (open?.label !== edge[2]) throw refuse(subject, 'has an end without its beginning')
      blocks.push({ label: open.label, bytes: fromBase64(open.lines.join(''), subject) })
      open = null
    }
  }
  if (open !== null) throw refuse(subject, 'has a block that does not end')
  return blocks
}

/**
 * The PEM inside percent-encoded text, as the headers of Intel's services carry it; other text as it is. No character of PEM needs an escape, so
 * that a text with one in its first label is encoded as a whole.
 *
 * @throws VerificationError `format-invalid` for a broken escape
 */
export function unescapedPem(text: string, subject: string): string {
  if (!/-----BEGIN(%20|\+)/i.test(text)) return text
  try {
    // Form encoding writes a blank as +, and a + as %2B; where blanks are %20 a + is itself.
    return decodeURIComponent(/-----BEGIN\+/.test(text) ? text.replaceAll('+', ' ') : text)
  } catch (cause) {
    throw new VerificationError('format-invalid', `${subject} is not percent-encoded PEM`, { subject, cause })
  }
}

/** One PEM block with 64 characters a line, ended by LF. */
export function writePem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes)
    .toString('base64')
    .match(/.{1,64}/g)
  return `-----BEGIN ${label}-----\n${(lines ?? []).join('\n')}\n-----END ${label}-----\n`
}

function refuse(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject })
}
