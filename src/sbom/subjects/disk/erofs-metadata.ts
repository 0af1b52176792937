import { nameOf } from '../../../tar/names.ts'
import { inventoryXattrs } from '../../../image/xattrs.ts'
import type { Gap } from '../../model.ts'
import { erofsXattrs, type XattrRoom } from './erofs-xattrs.ts'
import { exactly } from './exactly.ts'
import type { ReadAt } from './partitions.ts'
import { damaged, requireFew } from './refusals.ts'
import { diskLimits, type DiskContents, type DiskEntry } from './types.ts'

const superOffset = 1024
const inodeUnit = 32
const direntBytes = 12
/** Bytes of one folder's own data, and how deep folders may lie. */
const limits = { folder: 64 << 20, depth: 1024 } as const
/** Incompatible features (erofs_fs.h) that change how metadata is found: 48-bit addresses, metadata compression and boxes. */
const foreignFeatures = ~0x1ff

/** Layouts of an inode's data. */
const plain = 0
const inline = 2

interface Super {
  read: ReadAt
  block: number
  metadata: number
  /** Where extended attributes of several inodes begin. */
  shared: number
  room: XattrRoom
}

interface Inode {
  nid: bigint
  mode: number
  uid: number
  gid: number
  size: number
  /** Raw block address of the data, or the number of a device. */
  union: number
  layout: number
  /** Where the extended attributes begin, and how many bytes they have. */
  xattrs: { at: number; size: number }
  /** Where data that lies behind the inode begins. */
  tail: number
}

/**
 * Names, modes, owners and links of an erofs image, as its own structures have them (Linux, fs/erofs/erofs_fs.h). `fsck.erofs` gives the
 * contents, but neither all modes nor devices. Sizes are of the image: nothing is believed beyond its own bytes.
 *
 * @param read from the start of the file system
 * @throws VerificationError `format-invalid`
 */
export async function erofsEntries(read: ReadAt): Promise<DiskContents> {
  const header = await exactly(read, superOffset, 128)
  if (header.readUInt32LE(0) !== 0xe0f5e1e2) throw damaged('it has no superblock of erofs')
  const bits = header[12] ?? 0
  if (bits < 9 || bits > 16) throw damaged(`its blocks have 2^${bits} bytes`)
  if ((header.readUInt32LE(80) & foreignFeatures) !== 0) throw damaged('it uses features of a newer erofs')
  const block = 2 ** bits
  const fs: Super = {
    read,
    block,
    metadata: header.readUInt32LE(40) * block,
    shared: header.readUInt32LE(44) * block,
    room: { xattrs: diskLimits.xattrs },
  }
  const entries: DiskEntry[] = []
  const gaps: Gap[] = []
  const seen = new Set<bigint>()
  let paths = 0
  const folders = [{ path: '', depth: 0, nid: BigInt(header.readUInt16LE(14)) }]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (seen.has(folder.nid)) throw damaged(`the folder "${folder.path}" has two places`)
    if (folder.depth > limits.depth)
      throw damaged(`"${folder.path.slice(0, 80)}…" lies deeper than ${limits.depth} folders`)
    seen.add(folder.nid)
    const inode = await readInode(fs, folder.nid)
    if (inode.mode >> 12 !== 0o4) throw damaged(`"${folder.path}" is not a folder`)
    for (const { name, nid } of await readFolder(fs, inode)) {
      const path = folder.path === '' ? name : `${folder.path}/${name}`
      const inode = await readInode(fs, nid)
      paths += path.length
      if (paths > diskLimits.paths) throw damaged(`its paths have more than ${diskLimits.paths} characters together`)
      const xattrs = await erofsXattrs(fs, inode)
      if (xattrs === null) gaps.push(foreignPrefix(path))
      const entry = { ...(await entryOf(fs, inode, path)), xattrs: inventoryXattrs(xattrs ?? {}) ?? {} }
      entries.push(entry)
      requireFew(entries.length)
      if (entry.type === 'dir') folders.push({ path, depth: folder.depth + 1, nid })
    }
  }
  return { entries, gaps }
}

function foreignPrefix(path: string): Gap {
  const why = "an extended attribute has a prefix of the image's own (mkfs.erofs --xattr-prefix)"
  return { path, kind: 'xattrs', reason: 'unsupported', why }
}

async function readInode({ read, metadata }: Super, nid: bigint): Promise<Inode> {
  if (nid > 1n << 40n) throw damaged(`it has an inode ${nid}`)
  const at = metadata + Number(nid) * inodeUnit
  const bytes = await exactly(read, at, 64)
  const format = bytes.readUInt16LE(0)
  const extended = (format & 1) === 1
  const layout = (format >> 1) & 7
  const size = extended ? Number(bytes.readBigUInt64LE(8)) : bytes.readUInt32LE(8)
  if (!Number.isSafeInteger(size)) throw damaged(`inode ${nid} has no size that can be`)
  const words = bytes.readUInt16LE(2)
  // The xattr area: a header of 12 bytes and so many words, or nothing.
  const xattrs = { at: at + (extended ? 64 : 32), size: words === 0 ? 0 : 12 + (words - 1) * 4 }
  return {
    nid,
    mode: bytes.readUInt16LE(4),
    uid: extended ? bytes.readUInt32LE(24) : bytes.readUInt16LE(24),
    gid: extended ? bytes.readUInt32LE(28) : bytes.readUInt16LE(26),
    size,
    union: bytes.readUInt32LE(16),
    layout,
    xattrs,
    tail: xattrs.at + xattrs.size,
  }
}

/** Data that is neither compressed nor in chunks: folders and links. In the inline layout the last, partial block lies behind the inode. */
async function readData({ read, block }: Super, { nid, size, layout, union, tail }: Inode): Promise<Buffer> {
  if (layout !== plain && layout !== inline)
    throw damaged(`the data of inode ${nid} is compressed, though it is a folder or link`)
  const behind = layout === inline ? size % block : 0
  const ahead = size - behind
  const parts = [
    ...(ahead > 0 ? [await exactly(read, union * block, ahead)] : []),
    ...(behind > 0 ? [await exactly(read, tail, behind)] : []),
  ]
  return Buffer.concat(parts)
}

async function readFolder(fs: Super, inode: Inode): Promise<{ name: string; nid: bigint }[]> {
  if (inode.size > limits.folder) throw damaged(`a folder of it has ${inode.size} bytes`)
  const data = await readData(fs, inode)
  const found: { name: string; nid: bigint }[] = []
  for (let at = 0; at < data.length; at += fs.block) found.push(...readBlock(data.subarray(at, at + fs.block)))
  const names = new Set(found.map(({ name }) => name))
  if (names.size !== found.length) throw damaged('a folder of it holds a name twice')
  return found.filter(({ name }) => name !== '.' && name !== '..')
}

/** Entries of one block of a folder: fixed parts first, then the names, each up to the next one's begin. */
function readBlock(block: Buffer): { name: string; nid: bigint }[] {
  const first = block.length < direntBytes ? 0 : block.readUInt16LE(8)
  const count = first / direntBytes
  if (!Number.isInteger(count) || count < 1 || first > block.length) throw damaged('a folder of it cannot be read')
  return Array.from({ length: count }, (_, i) => {
    const start = block.readUInt16LE(i * direntBytes + 8)
    const end = i + 1 < count ? block.readUInt16LE((i + 1) * direntBytes + 8) : block.length
    if (start < first || end < start || end > block.length) throw damaged('a folder of it cannot be read')
    const padded = block.subarray(start, end)
    const nul = padded.indexOf(0)
    const raw = nul === -1 ? padded : padded.subarray(0, nul)
    if (raw.length === 0 || raw.length > diskLimits.name || raw.includes(0x2f))
      throw damaged(`a folder of it holds a name that is empty, has a slash or more than ${diskLimits.name} bytes`)
    return { name: nameOf(raw), nid: block.readBigUInt64LE(i * direntBytes) }
  })
}

const types: Readonly<Record<number, DiskEntry['type']>> = {
  0o1: 'fifo',
  0o2: 'char',
  0o4: 'dir',
  0o6: 'block',
  0o10: 'file',
  0o12: 'symlink',
  0o14: 'socket',
}

async function entryOf(fs: Super, inode: Inode, path: string): Promise<DiskEntry> {
  const type = types[inode.mode >> 12]
  if (type === undefined) throw damaged(`"${path}" is of no known type`)
  const { uid, gid, union } = inode
  const device = type === 'char' || type === 'block'
  if (type === 'symlink' && inode.size > diskLimits.link)
    throw damaged(`the link "${path}" is longer than a path can be`)
  return {
    ...{ path, type, mode: inode.mode & 0o7777, uid, gid, xattrs: {}, content: null },
    size: type === 'file' ? inode.size : 0,
    link: type === 'symlink' ? nameOf(await readData(fs, inode)) : '',
    // The kernel's new_encode_dev.
    devMajor: device ? (union >>> 8) & 0xfff : 0,
    devMinor: device ? (union & 0xff) | ((union >>> 12) & 0xfff00) : 0,
  }
}
