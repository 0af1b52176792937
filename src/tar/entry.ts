import { nameOf } from './names.ts'
import { normalisePath } from './paths.ts'
import { ambiguous, invalid, quote, type Place } from './refusals.ts'
import type { RawHeader } from './header.ts'
import { paxInteger, paxXattrs, type PaxRecords } from './pax.ts'
import { sparseForm, type SparseForm } from './sparse.ts'
import type { EntryType, TarHeader } from './types.ts'

/** What extension headers say of the entry behind them. */
export interface Extensions {
  pax: PaxRecords | null
  /** GNU's long name and link target; empty ones are none. */
  longName: Buffer | null
  longLink: Buffer | null
}

/** An entry with its extensions applied. */
export interface MadeEntry {
  header: TarHeader
  /** Bytes of content in the archive. */
  stored: number
  /** How a sparse file is stored. */
  sparse: SparseForm | null
  /** Its name as it stands in the archive, and the one that readers without sparse files see. */
  name: string
  plainName: string
}

/** Largest file: 8 TiB. */
export const fileLimit = 2 ** 43
/** Longest target of a symbolic link (PATH_MAX without its NUL), in bytes. */
const linkLimit = 4095

const types: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  '6': 'fifo',
}
const noRecords: PaxRecords = new Map()

/**
 * Applies extensions to a header as Go's archive/tar does, and refuses what other readers could take otherwise.
 *
 * @throws VerificationError `archive-ambiguous`, `path-escape`, `format-invalid`
 */
export function makeHeader(raw: RawHeader, { pax, longName, longLink }: Extensions, place: Place): MadeEntry {
  const records = pax ?? noRecords
  const bytes = chosen(records.get('path'), longName, raw.name)
  const plainName = nameOf(bytes)
  const type = typeOf(raw, plainName, place)
  const sparse = sparseOf(records, type, plainName, place)
  const name = sparse?.name === undefined ? plainName : nameOf(Buffer.from(sparse.name, 'latin1'))
  checkNames(name, sparse === null ? records.get('path') : sparse.name, longName, place)
  if (type === 'file' && name.endsWith('/')) {
    throw ambiguous(
      place,
      name,
      'has the type of a file and the name of a folder: engines make a file of it, other readers a folder',
      'Write the entry as a folder (type flag 5) or without the slash.',
    )
  }
  const number = (key: string, otherwise: number, fraction = false): number => {
    const value = records.get(key)
    if (value === undefined || value === '') return otherwise
    const parsed = paxInteger(value, fraction)
    if (parsed === null) throw invalid(place, `a pax header whose ${key} is not a number: ${quote(value)}`)
    return parsed
  }
  const stored = number('size', raw.size)
  const own = number('mtime', raw.mtime, true)
  for (const key of ['atime', 'ctime']) number(key, 0, true)
  if (type === 'file' && (raw.size < 0 || stored > fileLimit))
    throw invalid(place, `a file of ${stored} bytes: ${quote(name)}`)
  const [uid, gid] = [number('uid', raw.uid), number('gid', raw.gid)]
  if (uid < 0 || gid < 0 || uid > 0xffffffff || gid > 0xffffffff)
    throw invalid(place, `an owner out of range: ${quote(name)}`)
  const size = sparse === null ? stored : paxSize(sparse, stored, place)
  const header: TarHeader = {
    path: normalisePath(name, place.subject),
    type,
    mode: raw.mode,
    uid,
    gid,
    uname: chosen(records.get('uname'), null, raw.uname).toString(),
    gname: chosen(records.get('gname'), null, raw.gname).toString(),
    // Only files have content, whatever a header says.
    size: type === 'file' ? size : 0,
    mtime: own,
    link: linkOf(type, name, chosen(records.get('linkpath'), longLink, raw.link), place),
    devMajor: 0,
    devMinor: 0,
    xattrs: pax === null ? {} : paxXattrs(pax, place, name),
    position: place.position,
  }
  if (type === 'symlink' || type === 'hardlink') checkNames(name, records.get('linkpath'), longLink, place, 'targets')
  if (type === 'char' || type === 'block') setDevice(header, raw, place)
  return { header, stored: type === 'file' ? stored : 0, sparse, name, plainName }
}

function chosen(record: string | undefined, long: Buffer | null, field: Buffer): Buffer {
  if (long !== null && long.length > 0) return long
  return record === undefined || record === '' ? field : Buffer.from(record, 'latin1')
}

/** Go lets GNU's long name win over pax, other readers pax over GNU's. */
function checkNames(name: string, pax: string | undefined, long: Buffer | null, place: Place, what = 'names'): void {
  if (long === null || long.length === 0 || pax === undefined || pax === '' || long.toString('latin1') === pax) return
  throw ambiguous(
    place,
    name,
    `has two ${what}: ${quote(nameOf(long))} in GNU's form, ${quote(nameOf(Buffer.from(pax, 'latin1')))} in pax; readers differ in which one they take`,
    'Write the archive in one format: pax or GNU.',
  )
}

function typeOf(raw: RawHeader, name: string, place: Place): EntryType {
  if (raw.flag === 'S') {
    const why = 'is a sparse file in the old GNU form: Go expands it, engines refuse it'
    throw ambiguous(place, name, why, 'Write the archive without --sparse, or with --format=pax.')
  }
  const type = types[raw.flag]
  if (type === undefined) {
    const why = `has the unknown type ${JSON.stringify(raw.flag)}: some readers make a file of it, engines refuse it`
    throw ambiguous(place, name, why, 'Write the archive again with files, folders, links and devices only.')
  }
  // Before POSIX, a directory was a file whose name ends in a slash.
  if (raw.flag !== '\0' || !name.endsWith('/')) return type
  if (raw.size === 0) return 'dir'
  const why = `is a folder of the V7 form with ${raw.size} bytes of content: Go reads these as the next header, others skip them`
  throw ambiguous(place, name, why, 'Write folders with size 0.')
}

function sparseOf(records: PaxRecords, type: EntryType, name: string, place: Place): SparseForm | null {
  const form = records === noRecords ? null : sparseForm(records)
  if (form === null) return null
  if (form === 'broken') throw invalid(place, `a sparse file with a broken map: ${quote(name)}`)
  if (form !== 'unknown' && type === 'file') return form
  const why = 'has records of a sparse file that Go does not read as one: other readers expand it'
  throw ambiguous(place, name, why, 'Write the archive without --sparse.')
}

function paxSize(sparse: SparseForm, stored: number, place: Place): number {
  if (sparse.size === undefined) return stored
  const size = paxInteger(sparse.size, false)
  if (size === null || size > fileLimit) throw invalid(place, `a sparse file of ${quote(sparse.size)} bytes`)
  return size
}

function linkOf(type: EntryType, name: string, bytes: Buffer, place: Place): string {
  if (type !== 'symlink' && type !== 'hardlink') return ''
  const link = nameOf(bytes)
  if (link === '') throw invalid(place, `a link without a target: ${quote(name)}`)
  if (type === 'symlink') {
    if (bytes.length > linkLimit)
      throw invalid(place, `a symbolic link of more than ${linkLimit} bytes: ${quote(name)}`)
    return link
  }
  const target = normalisePath(link, place.subject)
  if (/(?:^|\/)\.\.(?:\/|$)|\/\.?$/.test(link)) {
    const why = `is a hard link to ${quote(link)}: engines differ in whether they follow symbolic links there`
    throw ambiguous(place, name, why, 'Write the target as a plain path, without .. and without a slash at its end.')
  }
  return target
}

function setDevice(header: TarHeader, raw: RawHeader, place: Place): void {
  const { devMajor, devMinor } = raw
  if (devMajor < 0 || devMinor < 0 || devMajor > 0xffffffff || devMinor > 0xffffffff)
    throw invalid(place, `a device number out of range: ${quote(header.path)}`)
  if (header.type === 'char' && devMajor === 0 && devMinor === 0) {
    const why = 'is the character device 0:0: an overlay mount takes it as deleted, other engines make a device'
    throw ambiguous(place, header.path, why, 'Write a whiteout (.wh.NAME) for what is deleted.')
  }
  Object.assign(header, { devMajor, devMinor })
}
