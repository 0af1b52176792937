import { VerificationError } from '../base/errors.ts'

/** Records of a pax extended header; values are raw bytes as latin1. An empty value takes an earlier record back. */
export type PaxRecords = Map<string, string>

/** Reads `LEN KEY=VALUE\n` records (POSIX.1-2001, pax). @throws VerificationError `format-invalid` */
export function parsePax(bytes: Buffer, subject: string): PaxRecords {
  const records: PaxRecords = new Map()
  const bad = (): VerificationError =>
    new VerificationError('format-invalid', `${subject} holds a broken pax header`, { subject })
  let at = 0
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at)
    const digits = space === -1 ? '' : bytes.toString('latin1', at, space)
    if (!/^[1-9][0-9]{0,9}$/.test(digits)) throw bad()
    const end = at + Number(digits)
    if (end > bytes.length || end <= space + 1 || bytes[end - 1] !== 0x0a) throw bad()
    const record = bytes.toString('latin1', space + 1, end - 1)
    const equals = record.indexOf('=')
    if (equals < 1) throw bad()
    records.set(record.slice(0, equals), record.slice(equals + 1))
    at = end
  }
  return records
}

/** A pax decimal: whole part, rounded down; null where it is none. */
export function paxInteger(value: string, fraction: boolean): number | null {
  const match = (fraction ? /^(-?)(\d{1,15})(\.\d*)?$/ : /^()(\d{1,16})$/).exec(value)
  if (match === null) return null
  const whole = Number(match[2])
  if (!Number.isSafeInteger(whole)) return null
  const down = match[1] === '-' && /[1-9]/.test(match[3] ?? '') ? 1 : 0
  return match[1] === '-' ? -whole - down || 0 : whole
}

/** Extended attributes in SCHILY form, and in libarchive's (base64 value, percent-encoded name) where only that is there. */
export function paxXattrs(records: PaxRecords, subject: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [key, value] of records) {
    if (key.startsWith('LIBARCHIVE.xattr.')) {
      const name = unescapeName(key.slice(17), subject)
      if (!records.has(`SCHILY.xattr.${name}`)) found[name] = Buffer.from(value, 'base64').toString('latin1')
    } else if (key.startsWith('SCHILY.xattr.')) found[key.slice(13)] = value
  }
  return found
}

function unescapeName(name: string, subject: string): string {
  try {
    return decodeURIComponent(name)
  } catch (cause) {
    throw new VerificationError('format-invalid', `${subject} names an extended attribute that cannot be read`, {
      subject,
      cause,
    })
  }
}
