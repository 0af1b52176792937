import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nameOf } from '../../../tar/names.ts'
import { debugfs } from './debugfs.ts'
import { readExtXattrs } from './ext-xattrs.ts'
import { damaged, requireFew, requireRoom } from './refusals.ts'
import { diskLimits, type DiskContents, type DiskEntry, type DiskPlace } from './types.ts'

const rootInode = '2'
/** Folders that one run of debugfs lists. */
const batch = 20_000
/** Bytes from which on a link has a block of its own (ext4's i_block). */
const shortLink = 60

/** A line of `ls -p`: `/INODE/MODE/UID/GID/NAME/SIZE/`. */
interface Line {
  inode: string
  mode: number
  uid: number
  gid: number
  name: string
  size: number
}

/**
 * Reads ext2, ext3 or ext4 by `debugfs`, which neither mounts nor follows anything: folders are listed level by level by inode, contents are
 * written to files named by inode. So no name of the image is ever a path of this machine.
 *
 * @throws VerificationError `format-invalid`, InputError `unsupported`
 */
export async function readExt(place: DiskPlace): Promise<DiskContents> {
  const entries: (DiskEntry & { inode: string })[] = []
  const seen = new Set([rootInode])
  let level = [{ path: '', inode: rootInode }]
  while (level.length > 0) {
    const next: typeof level = []
    for (let at = 0; at < level.length; at += batch) {
      const folders = level.slice(at, at + batch)
      const listings = await listAll(
        folders.map(({ inode }) => inode),
        place,
      )
      for (const [index, { path, inode }] of folders.entries()) {
        for (const line of linesOf(listings[index] ?? '', inode)) {
          const entry = entryOf(line, path)
          entries.push(entry)
          requireFew(entries.length)
          if (entry.type !== 'dir') continue
          if (seen.has(line.inode)) throw damaged(`the folder "${entry.path}" has two places`)
          seen.add(line.inode)
          next.push({ path: entry.path, inode: line.inode })
        }
      }
    }
    level = next
  }
  await readContents(entries, place)
  const gaps = await readExtXattrs(entries, place)
  return { entries: entries.map(({ inode: _inode, ...entry }) => entry), gaps }
}

async function listAll(inodes: readonly string[], place: DiskPlace): Promise<string[]> {
  const outputs = await debugfs(
    inodes.map((inode) => `ls -p <${inode}>`),
    place,
  )
  return outputs.map((bytes) => bytes.toString('latin1'))
}

function linesOf(text: string, folder: string): Line[] {
  const lines = text.split('\n').filter((line) => line !== '')
  const found = lines.map((line): Line => {
    const match = /^\/(\d+)\/([0-7]{6})\/(\d+)\/(\d+)\/([^/]*)\/(\d*)\/$/.exec(line)
    if (match === null) throw damaged('a name of it holds a line feed or a slash')
    const [, inode = '', mode = '', uid = '', gid = '', name = '', size = ''] = match
    return {
      inode,
      mode: Number.parseInt(mode, 8),
      uid: Number(uid),
      gid: Number(gid),
      name: nameOf(Buffer.from(name, 'latin1')),
      size: Number(size),
    }
  })
  const [self, parent, ...rest] = found
  if (self?.name !== '.' || self.inode !== folder || parent?.name !== '..')
    throw damaged('a folder of it does not begin with itself and its parent')
  const used = rest.filter(({ inode }) => inode !== '0')
  if (
    new Set(used.map(({ name }) => name)).size !== used.length ||
    used.some(({ name }) => name === '.' || name === '..')
  )
    throw damaged('a folder of it holds a name twice')
  return used
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

function entryOf(line: Line, folder: string): DiskEntry & { inode: string } {
  const { inode, mode, uid, gid, name } = line
  const type = types[mode >> 12]
  if (type === undefined) throw damaged(`inode ${inode} is of no known type`)
  const path = folder === '' ? name : `${folder}/${name}`
  const size = type === 'file' || type === 'symlink' ? line.size : 0
  const nothing = { link: '', devMajor: 0, devMinor: 0, xattrs: {}, content: null }
  return { path, type, mode: mode & 0o7777, uid, gid, size, ...nothing, inode }
}

async function readContents(entries: (DiskEntry & { inode: string })[], place: DiskPlace): Promise<void> {
  const byInode = Map.groupBy(entries, ({ inode }) => inode)
  const firsts = [...byInode.values()].flatMap(([first]) => (first === undefined ? [] : [first]))
  requireRoom(
    firsts.reduce((sum, { size }) => sum + size, 0),
    place.mostBytes,
  )
  const links = firsts.filter(({ type }) => type === 'symlink')
  if (links.some(({ size }) => size > diskLimits.link))
    throw damaged('a symbolic link of it is longer than a path can be')
  // A short link stands in its inode, and debugfs would take it for the numbers of blocks.
  const short = links.filter(({ size }) => size < shortLink)
  const dumped = firsts.filter(({ type, size }) => type === 'file' || (type === 'symlink' && size >= shortLink))
  await debugfs(
    dumped.map(({ inode }) => `dump <${inode}> ${place.inside.out}/${inode}`),
    place,
  )
  for (const { inode, type, size, path } of dumped) {
    const file = join(place.out, inode)
    const stat = await lstat(file).catch(() => null)
    if (stat?.isFile() !== true || stat.size !== size) throw damaged(`"${path}" could not be read as a whole`)
    const link = type === 'symlink' ? nameOf(await readFile(file)) : ''
    for (const entry of byInode.get(inode) ?? [])
      Object.assign(entry, type === 'symlink' ? { link, size: 0 } : { content: { file, offset: 0 } })
  }
  const linkStats = await debugfs(
    short.map(({ inode }) => `stat <${inode}>`),
    place,
  )
  for (const [index, { inode, path, size }] of short.entries()) {
    const link = shortTarget(linkStats[index] ?? Buffer.alloc(0), size)
    if (link === null) throw damaged(`the link "${path}" has no target`)
    for (const entry of byInode.get(inode) ?? []) Object.assign(entry, { link, size: 0 })
  }
  const devices = firsts.filter(({ type }) => type === 'char' || type === 'block')
  const stats = await debugfs(
    devices.map(({ inode }) => `stat <${inode}>`),
    place,
  )
  for (const [index, { inode, path }] of devices.entries()) {
    const match = /Device major\/minor number: (\d+):(\d+)/.exec(stats[index]?.toString('latin1') ?? '')
    if (match === null) throw damaged(`the device "${path}" has no number`)
    for (const entry of byInode.get(inode) ?? [])
      Object.assign(entry, { devMajor: Number(match[1]), devMinor: Number(match[2]) })
  }
}

/** Target of a short link as `stat` shows it: as many bytes as the inode says, in quotes. */
function shortTarget(shown: Buffer, size: number): string | null {
  const mark = Buffer.from('Fast link dest: "')
  const at = shown.indexOf(mark)
  const start = at + mark.length
  if (at === -1 || size === 0 || shown.toString('latin1', start + size, start + size + 2) !== '"\n') return null
  return nameOf(shown.subarray(start, start + size))
}
