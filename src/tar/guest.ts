import { nameOf } from './names.ts'
import { ambiguous, quote, type Place } from './refusals.ts'
import type { Extensions, MadeEntry } from './entry.ts'
import type { RawHeader } from './header.ts'
import type { PaxRecords } from './pax.ts'

/*
 * Confidential Containers guests unpack layers with image-rs, which reads them with tokio-tar: krata-tokio-tar 0.4.2 (guest-components v0.10,
 * v0.11), astral-tokio-tar 0.5.1 (v0.12 to v0.15), 0.5.6 (v0.16 to v0.18), 0.6.0 to 0.6.2 (v0.19 to v0.21), 0.6.4 (main of August 2026). What one of
 * these reads otherwise than Go's archive/tar is refused here; what it only refuses needs no rule.
 */

/** Smallest number that a header's field has no room for: twelve octal digits with their NUL (POSIX ustar). */
const firstLargeSize = 8 ** 11
/** Smallest owner that writers put into a pax record: libarchive from 2¹⁸ on, Go and GNU tar from 8⁷ on. */
const firstLargeOwner = 2 ** 18

/** Checks the fields of a header block. @throws VerificationError `archive-ambiguous` where guests read them otherwise than Go */
export function checkGuestHeader(block: Buffer, raw: RawHeader, place: Place): void {
  const why = headerRefusal(block, raw)
  if (why !== null) throw ambiguous(place, nameOf(raw.name), why, 'Write the archive again with a current tar program.')
}

function headerRefusal(block: Buffer, { form, flag, prefixed }: RawHeader): string | null {
  const isExtension = flag === 'x' || flag === 'L' || flag === 'K'
  if (form === 'v7' && isExtension)
    return `is an extension header (type ${flag}) without a magic: Go applies it, guests make an entry of it`
  if (
    (form === 'ustar' || form === 'star') &&
    (isExtension || prefixed) &&
    !(block[263] === 0x30 && block[264] === 0x30)
  )
    return 'has a ustar header of an unknown version: Go reads its prefix and extensions, guests do not'
  if (form === 'gnu' && prefixed)
    return 'has a prefix in a header of the GNU form: Go puts it before the name, guests do not'
  if (form === 'star' && prefixed && !block.subarray(345, 476).includes(0))
    return 'has a prefix that ends without a NUL in a star header: Go ends it before the times, guests read on'
  return isExtension || flag === 'g' || isOctal(block, 100, 108)
    ? null
    : 'has a mode that guests do not find: Go reads it, they leave that of a new file'
}

/** Whether a field that Go reads begins with an octal digit: tokio-tar stops at the first NUL and takes no base-256 there. */
function isOctal(block: Buffer, start: number, end: number): boolean {
  let at = start
  while (at < end && block[at] === 0x20) at++
  const byte = block[at] ?? 0
  return at < end && byte >= 0x30 && byte <= 0x37
}

/**
 * Checks the records of a pax header. Guests up to v0.21 take the first of two records and an empty path as a name; they split records at line
 * breaks, end at an empty line, and up to v0.15 pass over what is broken then.
 */
export function checkGuestRecords(bytes: Buffer, records: PaxRecords, place: Place, name: string): void {
  const remedy = 'Write each pax record once, with a value and without line breaks in it.'
  const lines = areLines(bytes, records) ? records : recordsByLines(bytes)
  for (const key of ['path', 'linkpath']) {
    const [ours, theirs] = [records.get(key), lines.get(key)]
    if (ours === '') throw ambiguous(place, name, `has an empty pax ${key}: Go takes the header's, guests none`, remedy)
    if (ours === theirs) continue
    const shown = [ours, theirs].map((value) =>
      value === undefined ? 'none' : quote(nameOf(Buffer.from(value, 'latin1'))),
    )
    const why = `has a pax ${key} that readers find in two ways: ${shown[0]} for Go, ${shown[1]} for guests`
    throw ambiguous(place, name, why, remedy)
  }
  for (const [key, value] of lines) {
    if (!key.startsWith('SCHILY.xattr.') || records.get(key) === value) continue
    const why = `has a pax record with line breaks in which guests find another attribute: ${quote(key)}`
    throw ambiguous(place, name, why, remedy)
  }
}

/** Whether each record is a line of its own, and no key stands twice: then all versions find the same. */
function areLines(bytes: Buffer, records: PaxRecords): boolean {
  let count = 0
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) count++
  return count === records.size
}

/** The first path and linkpath and the last of each attribute, as tokio-tar before 0.6.3 finds them. */
function recordsByLines(bytes: Buffer): PaxRecords {
  const found: PaxRecords = new Map()
  for (const line of bytes.toString('latin1').split('\n')) {
    if (line === '') break
    const space = line.indexOf(' ')
    const equals = line.indexOf('=', space)
    const digits = line.slice(0, Math.max(space, 0))
    if (equals === -1 || !/^\+?\d+$/.test(digits) || Number(digits) !== line.length + 1) continue
    const key = line.slice(space + 1, equals)
    if (!found.has(key) || key.startsWith('SCHILY.')) found.set(key, line.slice(equals + 1))
  }
  return found
}

/** Checks a GNU long name or link, or a pax header, in front of an entry. @param held what came before it */
export function checkGuestExtension(raw: RawHeader, bytes: Buffer, held: Extensions, place: Place): void {
  const name = nameOf(raw.name)
  if (raw.flag !== 'x' && (bytes[0] ?? 0) === 0) {
    const why = `is a long name (type ${raw.flag}) without a name: Go takes the header's, guests none`
    throw ambiguous(place, name, why, 'Write the entry without its long name.')
  }
  if (held.pax?.has('size') === true) {
    const why = 'stands between an entry and its pax size: Go applies the size to the entry, guests to this header'
    throw ambiguous(place, name, why, 'Write the archive in one format: pax or GNU.')
  }
}

/** Checks an entry. @throws VerificationError `archive-ambiguous` where guests read it otherwise than Go */
export function checkGuestEntry(raw: RawHeader, records: PaxRecords | null, entry: MadeEntry, place: Place): void {
  const { name, header } = entry
  const why = nameRefusal(raw, entry) ?? sparseRefusal(entry)
  if (why !== null) throw ambiguous(place, name, why[0], why[1])
  const size = records?.get('size') ?? ''
  if (header.type !== 'file' && (raw.size !== 0 || size !== '')) {
    const what =
      raw.size === 0
        ? `has the type ${header.type} and the pax size ${size}: Go ignores that, some guests give it to the entries behind`
        : `has the type ${header.type} and a size of ${raw.size} bytes: Go skips none, guests skip them with the entries in them`
    throw ambiguous(place, name, what, 'Write size 0 and no pax size for everything that is not a file.')
  }
  if (records === null) return
  if (header.type === 'file') checkNumber({ key: 'size', field: raw.size, least: firstLargeSize }, records, name, place)
  checkNumber({ key: 'uid', field: raw.uid, least: firstLargeOwner }, records, name, place)
  checkNumber({ key: 'gid', field: raw.gid, least: firstLargeOwner }, records, name, place)
}

function nameRefusal({ flag, form }: RawHeader, { header: { type }, name }: MadeEntry): [string, string] | null {
  if (name.includes('..') && /(?:^|\/)\.\.(?:\/|$)/.test(name))
    return ['has .. in its name: Go resolves it, guests skip the entry', 'Write the archive with plain paths.']
  if (!name.endsWith('/')) return null
  if (flag === '\0' && type === 'dir' && form !== 'v7' && form !== 'gnu')
    return ['is a folder by its name only: Go makes a folder of it, guests a file', 'Write folders with type flag 5.']
  if (type === 'char' || type === 'block' || type === 'fifo')
    return [`has the type ${type} and the name of a folder: guests make a folder of it`, 'Write it without the slash.']
  return null
}

/** Guests expand no sparse files in pax form. GNU tar and libarchive give these a folder of its own, where no reader looks for the file. */
function sparseRefusal({ sparse, name, plainName }: MadeEntry): [string, string] | null {
  const remedy = 'Write the archive without sparse files (bsdtar: --no-read-sparse).'
  if (name.includes('GNUSparseFile.') && /(?:^|\/)GNUSparseFile\.\d+(?:\/|$)/.test(name))
    return ['has a name that readers without sparse files give to one of these', 'Write the file under another name.']
  if (sparse === null) return null
  if (sparse.map !== null)
    return ['is a sparse file of form 0: Go expands it, guests unpack it as it is stored', remedy]
  if (/(?:^|\/)GNUSparseFile\.\d+\/[^/]+$/.test(plainName)) return null
  return [`is a sparse file that guests unpack under its second name ${quote(plainName)}`, remedy]
}

/**
 * Guests up to v0.15 ignore the pax numbers; those of v0.16 to v0.19 apply them to the entries behind, too. Writers need such a record only
 * for what the field has no room for, and write 0 or the number itself there.
 */
function checkNumber(
  { key, field, least }: { key: string; field: number; least: number },
  records: PaxRecords,
  name: string,
  place: Place,
): void {
  const value = records.get(key) ?? ''
  if (value === '' || (Number(value) >= least && (field === 0 || field === Number(value)))) return
  const why = `has the ${key} ${value} in pax and ${field} in its header: Go takes the pax record, some guests the header's, others apply the record to what follows, too`
  throw ambiguous(place, name, why, `Write the ${key} into the header, and a pax record only where it has no room.`)
}
