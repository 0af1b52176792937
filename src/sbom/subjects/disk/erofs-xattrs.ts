import { nameOf } from '../../../tar/names.ts'
import { exactly } from './exactly.ts'
import type { ReadAt } from './partitions.ts'
import { damaged } from './refusals.ts'
import { diskLimits } from './types.ts'

/** Prefixes that the index of a name stands for (erofs_fs.h). */
const prefixes: Readonly<Record<number, string>> = {
  1: 'user.',
  2: 'system.posix_acl_access',
  3: 'system.posix_acl_default',
  4: 'trusted.',
  6: 'security.',
}
/** Bytes of the header of an inode's area, and of an entry before its name. */
const [headerBytes, entryBytes] = [12, 4]

/** Bytes of attributes that are still read of an image: any number of inodes may point to the same ones. */
export interface XattrRoom {
  xattrs: number
}

/** What an attribute counts beside its bytes: one that is shared is a read of its own. */
const attributeCost = 100

/**
 * Extended attributes of an inode of erofs, as raw bytes in latin1: first the numbers of those that lie in the shared area, then its own.
 *
 * @returns null where a name has a prefix that only the image knows
 * @throws VerificationError `format-invalid`
 */
export async function erofsXattrs(
  { read, shared, room }: { read: ReadAt; shared: number; room: XattrRoom },
  { xattrs: { at, size } }: { xattrs: { at: number; size: number } },
): Promise<Record<string, string> | null> {
  if (size === 0) return {}
  const area = await exactly(read, at, size)
  const count = area[4] ?? 0
  const own = headerBytes + count * 4
  if (own > area.length) throw damaged('the attributes of an inode of it cannot be read')
  const found: Record<string, string> = {}
  let known = true
  const take = ({ name, value }: Entry): void => {
    room.xattrs -= attributeCost + (name?.length ?? 0) + value.length
    if (room.xattrs < 0) throw damaged(`its extended attributes have more than ${diskLimits.xattrs} bytes together`)
    if (name === null) known = false
    else if (Object.hasOwn(found, name)) throw damaged(`an inode of it has the attribute "${name}" twice`)
    else found[name] = value
  }
  for (let i = 0; i < count; i++) {
    const place = shared + area.readUInt32LE(headerBytes + i * 4) * 4
    const head = await exactly(read, place, entryBytes)
    take(entryAt(await exactly(read, place, bytesOf(head)), 0))
  }
  for (let next = own; next + entryBytes <= area.length;) {
    const head = area.subarray(next, next + entryBytes)
    // Filler at the end of the area.
    if (head.readUInt32LE() === 0) break
    if (next + bytesOf(head) > area.length) throw damaged('the attributes of an inode of it cannot be read')
    take(entryAt(area, next))
    next += Math.ceil(bytesOf(head) / 4) * 4
  }
  return known ? found : null
}

interface Entry {
  /** Null for a prefix that is not known. */
  name: string | null
  value: string
}

/** An entry: bytes of the name, index of its prefix, bytes of the value, name, value. */
function bytesOf(head: Buffer): number {
  return entryBytes + head.readUInt8(0) + head.readUInt16LE(2)
}

function entryAt(bytes: Buffer, at: number): Entry {
  const start = at + entryBytes
  const end = start + bytes.readUInt8(at)
  const prefix = prefixes[bytes.readUInt8(at + 1)]
  return {
    name: prefix === undefined ? null : `${prefix}${nameOf(bytes.subarray(start, end))}`,
    value: bytes.toString('latin1', end, end + bytes.readUInt16LE(at + 2)),
  }
}
