import { nameOf } from './names.ts'
import { ambiguous, invalid, type Place } from './refusals.ts'

/** Records of a pax extended header; values are raw bytes as latin1. An empty value leaves the header's own. */
export type PaxRecords = Map<string, string>

/**
 * Reads `LEN KEY=VALUE\n` records (POSIX.1-2001, pax). Of a key that stands twice the last value counts, as in Go. The pairs
 * `GNU.sparse.offset` and `GNU.sparse.numbytes` of GNU's sparse form 0.0 are gathered under `GNU.sparse.map`.
 *
 * @throws VerificationError `format-invalid`
 */
export function parsePax(bytes: Buffer, place: Place): PaxRecords {
  const records: PaxRecords = new Map()
  const sparse: string[] = []
  let at = 0
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at)
    const end = space === -1 || space - at > 10 ? 0 : at + lengthOf(bytes.toString('latin1', at, space))
    if (end > bytes.length || end <= space + 1 || bytes[end - 1] !== 0x0a) throw invalid(place, 'a broken pax header')
    const record = bytes.toString('latin1', space + 1, end - 1)
    const equals = record.indexOf('=')
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)]
    if (equals < 1 || (names.has(key) ? value : key).includes('\0')) throw invalid(place, 'a broken pax header')
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') {
      const turn = sparse.length % 2 === 0 ? 'GNU.sparse.offset' : 'GNU.sparse.numbytes'
      if (key !== turn || value.includes(',')) throw invalid(place, 'a broken map of a sparse file')
      sparse.push(value)
    } else records.set(key, value)
    at = end
  }
  if (sparse.length > 0) records.set('GNU.sparse.map', sparse.join(','))
  return records
}
const names: ReadonlySet<string> = new Set(['path', 'linkpath', 'uname', 'gname'])

function lengthOf(digits: string): number {
  return /^[1-9][0-9]{0,9}$/.test(digits) ? Number(digits) : 0
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

/**
 * Extended attributes: the records `SCHILY.xattr.NAME`, which engines set. What libarchive writes beside them must say the same.
 *
 * @param entry name of the entry, for errors
 * @throws VerificationError `archive-ambiguous` where engines differ, or where an attribute changes what an overlay mount shows
 */
export function paxXattrs(records: PaxRecords, place: Place, entry: string): Record<string, string> {
  const found = new Map<string, string>()
  for (const [key, value] of records) {
    if (!key.startsWith(schily)) continue
    const name = nameOf(Buffer.from(key.slice(schily.length), 'latin1'))
    if (value === '') {
      const why = `has the attribute ${name} without a value: containerd sets it, umoci and Podman do not`
      throw ambiguous(place, entry, why, 'Give it a value, or leave it out.')
    }
    if (/^(?:trusted|user)\.overlay\./.test(name)) {
      const why = `has the attribute ${name}: an overlay mount hides or moves files by it, other engines only store it`
      throw ambiguous(place, entry, why, 'Write the archive without attributes of overlay mounts.')
    }
    found.set(name, value)
  }
  for (const [key, value] of records) {
    if (key.startsWith(libarchive)) compareForms(key, value, found, { place, entry })
  }
  const xattrs: Record<string, string> = {}
  // An attribute may have any name, `__proto__` too.
  for (const [name, value] of found)
    Object.defineProperty(xattrs, name, { value, enumerable: true, configurable: true, writable: true })
  return xattrs
}
const schily = 'SCHILY.xattr.'
const libarchive = 'LIBARCHIVE.xattr.'

function compareForms(
  key: string,
  value: string,
  found: ReadonlyMap<string, string>,
  { place, entry }: { place: Place; entry: string },
): void {
  const name = nameOf(percentDecoded(key.slice(libarchive.length)))
  const other = found.get(name)
  if (other === undefined || other === Buffer.from(value, 'base64').toString('latin1')) return
  const why = `has two values of the attribute ${name}, SCHILY.xattr and LIBARCHIVE.xattr: engines take one, bsdtar the other`
  throw ambiguous(place, entry, why, 'Write the archive with one value.')
}

function percentDecoded(text: string): Buffer {
  const plain = text.replace(/%[0-9A-Fa-f]{2}/g, (code) => String.fromCharCode(parseInt(code.slice(1), 16)))
  return Buffer.from(plain, 'latin1')
}
