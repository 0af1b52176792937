import { inflateRaw } from './inflate.ts'
import { malformed, View } from './view.ts'

/** One entry of a zip archive, as its central directory has it. */
export interface ZipEntry {
  name: string
  /** 0 stored, 8 deflate. */
  method: number
  compressedSize: number
  size: number
  /** Of its local header, from the start of the buffer. */
  at: number
  encrypted: boolean
}

export const zipLimits = {
  /** Entries of one archive. */
  entries: 1 << 20,
  /** Longest comment behind the end record (the field has 16 bits). */
  comment: 0xffff,
} as const

const signature = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator: 0x07064b50,
} as const
const endSize = 22

/**
 * Reads the central directory of a zip archive (PKWARE APPNOTE 6.3, 4.3), with Zip64 and with bytes before the archive (executable jars).
 *
 * @param wanted which entries are kept; all others cost no memory
 * @returns null where no end record shows that this is a zip archive
 * @throws VerificationError `format-invalid`
 */
export function readZip(bytes: Buffer, wanted: (name: string) => boolean): ZipEntry[] | null {
  const end = findEnd(bytes)
  if (end === null) return null
  const view = new View(bytes, true, 'zip')
  const { count, size, offset, at } = directoryOf(view, end)
  if (count > zipLimits.entries)
    throw malformed(`zip: at most ${zipLimits.entries} entries are read, the archive has ${count}`)
  const start = at - size
  // What stands before the archive moves every offset.
  const shift = start - offset
  if (start < 0 || shift < 0) throw malformed('zip: the central directory lies outside the file')
  const directory = new View(view.slice(start, size), true, 'zip central directory')
  const entries: ZipEntry[] = []
  let position = 0
  for (let i = 0; i < count; i++) {
    if (directory.u32(position) !== signature.central)
      throw malformed(`zip: entry ${i} does not begin with its signature`)
    const nameLength = directory.u16(position + 28)
    const extraLength = directory.u16(position + 30)
    const name = directory.slice(position + 46, nameLength).toString('utf8')
    const next = position + 46 + nameLength + extraLength + directory.u16(position + 32)
    if (wanted(name)) entries.push(entryOf(directory, position, name, extraLength, shift))
    position = next
  }
  return entries
}

/** Content of an entry, at most `most` bytes. @throws VerificationError `format-invalid` where it is damaged, encrypted or larger */
export function zipContent(bytes: Buffer, entry: ZipEntry, most: number): Buffer {
  const { name, method, compressedSize, size, at, encrypted } = entry
  if (encrypted) throw malformed(`zip: ${name} is encrypted`)
  if (size > most) throw malformed(`zip: ${name} has ${size} bytes; at most ${most} bytes are read`)
  const view = new View(bytes, true, 'zip')
  if (view.u32(at) !== signature.local) throw malformed(`zip: ${name} has no local header where the directory says`)
  const packed = view.slice(at + 30 + view.u16(at + 26) + view.u16(at + 28), compressedSize)
  if (method === 0) return packed
  if (method !== 8) throw malformed(`zip: ${name} is compressed with method ${method}; 0 and 8 are read`)
  const content = inflateRaw(packed, Math.max(size, 1), `zip: ${name}`)
  if (content.length !== size) throw malformed(`zip: ${name} has ${content.length} bytes, its directory says ${size}`)
  return content
}

/** The end record stands last, but for a comment whose length it gives. */
function findEnd(bytes: Buffer): number | null {
  const mark = Buffer.from('PK\x05\x06', 'latin1')
  const lowest = Math.max(0, bytes.length - endSize - zipLimits.comment)
  for (let at = bytes.lastIndexOf(mark); at >= lowest; at = at === 0 ? -1 : bytes.lastIndexOf(mark, at - 1)) {
    if (at + endSize <= bytes.length && at + endSize + bytes.readUInt16LE(at + 20) <= bytes.length) return at
  }
  return null
}

function directoryOf(view: View, end: number): { count: number; size: number; offset: number; at: number } {
  const plain = { count: view.u16(end + 10), size: view.u32(end + 12), offset: view.u32(end + 16), at: end }
  const locator = end - 20
  if (locator < 0 || view.u32(locator) !== signature.locator) return plain
  // The record stands before its locator; the offset in it is moved by what stands before the archive.
  const at = locator - 56
  if (at < 0 || view.u32(at) !== signature.end64)
    throw malformed('zip: the Zip64 end record is not where its locator says')
  return { count: view.u64(at + 32), size: view.u64(at + 40), offset: view.u64(at + 48), at }
}

function entryOf(directory: View, at: number, name: string, extraLength: number, shift: number): ZipEntry {
  const entry = {
    name,
    method: directory.u16(at + 10),
    compressedSize: directory.u32(at + 20),
    size: directory.u32(at + 24),
    at: directory.u32(at + 42),
    encrypted: (directory.u16(at + 8) & 1) !== 0,
  }
  const extra = new View(directory.slice(at + 46 + Buffer.byteLength(name), extraLength), true, 'zip extra field')
  // Zip64 (APPNOTE 4.5.3): only the fields that do not fit stand there, in this order.
  for (let i = 0; i + 4 <= extra.length; i += 4 + extra.u16(i + 2)) {
    if (extra.u16(i) !== 1) continue
    let field = i + 4
    const take = (): number => {
      field += 8
      return extra.u64(field - 8)
    }
    if (entry.size === 0xffff_ffff) entry.size = take()
    if (entry.compressedSize === 0xffff_ffff) entry.compressedSize = take()
    if (entry.at === 0xffff_ffff) entry.at = take()
    break
  }
  return { ...entry, at: entry.at + shift }
}
