import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { erofsEntries } from '../../../src/sbom/subjects/disk/erofs-metadata.ts'
import { erofsXattrs } from '../../../src/sbom/subjects/disk/erofs-xattrs.ts'
import { readExt } from '../../../src/sbom/subjects/disk/ext.ts'
import { findFileSystem } from '../../../src/sbom/subjects/disk/filesystem.ts'
import { choosePartition, readPartitions, type ReadAt } from '../../../src/sbom/subjects/disk/partitions.ts'
import { readSquashfs } from '../../../src/sbom/subjects/disk/squashfs.ts'
import { diskTree } from '../../../src/sbom/subjects/disk/tree.ts'
import type { DiskContents, DiskEntry, DiskPlace, RunTool } from '../../../src/sbom/subjects/disk/types.ts'
import { scratch } from '../../../testkit/ports.ts'
import { gptImage } from './disk-images.ts'
import { run } from './run.ts'

function reading(bytes: Buffer): ReadAt {
  return (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length))
}

const root = '4f68bce3-e8cd-4db1-96e7-fbcaf984b709'
const linux = '0fc63daf-8483-4772-8e79-3d69d8477de4'

describe('a partition table', () => {
  test('gives the root before any other Linux partition', async () => {
    const bytes = gptImage([
      { type: linux, content: Buffer.alloc(512) },
      { type: root, content: Buffer.alloc(1024), name: 'root' },
    ])
    const partitions = (await readPartitions(reading(bytes), bytes.length)) ?? []
    expect(partitions).toMatchObject([
      { number: 1, offset: 2048 * 512, size: 512 },
      { number: 2, offset: 2049 * 512, size: 1024, name: 'root', type: root },
    ])
    expect(choosePartition(partitions, null).number).toBe(2)
    expect(choosePartition(partitions, 1).number).toBe(1)
    expect(() => choosePartition(partitions, 3)).toThrow('no partition 3')
    const [first] = partitions
    const two = [first, first].flatMap((one) => (one === undefined ? [] : [one]))
    expect(() => choosePartition(two, null)).toThrow('no single root')
  })

  test.each<[string, (bytes: Buffer) => void]>([
    ['that lies behind its end', (bytes) => bytes.writeBigUInt64LE(1n << 40n, 1024 + 40)],
    ['with its end before its begin', (bytes) => bytes.writeBigUInt64LE(1n, 1024 + 40)],
    ['of absurdly many entries', (bytes) => bytes.writeUInt32LE(0xffffffff, 512 + 80)],
    ['of absurdly large entries', (bytes) => bytes.writeUInt32LE(0x7fffffff, 512 + 84)],
    ['whose table lies nowhere', (bytes) => bytes.writeBigUInt64LE(1n << 50n, 512 + 72)],
  ])('%s is refused', async (_what, change) => {
    const bytes = gptImage([{ type: root, content: Buffer.alloc(512) }])
    change(bytes)
    await expect(readPartitions(reading(bytes), bytes.length)).rejects.toMatchObject({ code: 'format-invalid' })
  })

  test('is not seen where there is none', async () => {
    expect(await readPartitions(reading(Buffer.alloc(4096)), 4096)).toBeNull()
    expect(await readPartitions(reading(Buffer.alloc(10)), 10)).toBeNull()
  })
})

test.each([
  ['xfs', 0, 'XFSB'],
  ['LUKS', 0, 'LUKS\u00ba\u00be'],
  ['qcow2', 0, 'QFI\u00fb'],
])('%s is named, not guessed at', async (name, at, magic) => {
  const bytes = Buffer.alloc(70_000)
  bytes.write(magic, at, 'latin1')
  await expect(findFileSystem(reading(bytes), 0)).rejects.toMatchObject({
    code: 'unsupported',
    message: expect.stringContaining(name),
  })
  const file = join(scratch('disk'), 'x.img')
  writeFileSync(file, bytes)
  await expect(run({ subject: `disk:${file}` })).rejects.toMatchObject({ code: 'unsupported' })
})

function placeOf(tool: RunTool, out = scratch('out')): DiskPlace {
  return { run: tool, inside: { image: '/i', out: '/o' }, image: '/i', out, offset: 0, mostBytes: 1000 }
}

describe('what debugfs says', () => {
  const self = '/2/040755/0/0/.//\n/2/040755/0/0/..//\n'
  const saying = (listing: string, stderr = ''): Promise<DiskContents> =>
    readExt(placeOf(async () => ({ code: 0, stdout: Buffer.from(`debugfs: ls -p <2>\n${listing}\n`), stderr })))

  test.each<[string, string, string]>([
    ['a complaint', self, 'ls: Corrupt extent header'],
    ['a folder without itself', '/5/100644/0/0/x/1/\n', ''],
    ['a name with a line feed', `${self}/5/100644/0/0/a\nb/1/\n`, ''],
    ['a name twice', `${self}/5/100644/0/0/a/1/\n/6/100644/0/0/a/1/\n`, ''],
    ['a folder that holds itself', `${self}/2/040755/0/0/loop//\n`, ''],
    ['an inode of no type', `${self}/5/070644/0/0/a/1/\n`, ''],
  ])('%s is refused', async (_what, listing, stderr) => {
    await expect(saying(listing, stderr)).rejects.toMatchObject({ code: 'format-invalid' })
  })

  test('sizes that do not fit this machine end before anything is written', async () => {
    await expect(saying(`${self}/5/100644/0/0/a/99999999999999/\n`)).rejects.toMatchObject({
      code: 'unsupported',
      remedy: expect.stringContaining('TMPDIR'),
    })
  })
})

test('a file system whose hard links stand for more bytes than are read is refused', () => {
  const size = 2 ** 30
  const numbers = { mode: 0o644, uid: 0, gid: 0, size, devMajor: 0, devMinor: 0 }
  const content = { file: '/none', offset: 0 }
  const entries = Array.from({ length: 257 }, (_, i): DiskEntry => {
    return { path: `name${i}`, type: 'file', ...numbers, link: '', xattrs: {}, content }
  })
  expect(() => diskTree({ entries: entries.slice(1), gaps: [] })).not.toThrow()
  expect(() => diskTree({ entries, gaps: [] })).toThrow('its files have 275951648768 bytes under all their names')
})

describe('what unsquashfs writes', () => {
  const end = '#\n# START OF DATA - DO NOT MODIFY\n#\n'
  /** @param table where the superblock says that attributes are */
  const writing = async (text: string, table = 0xffffffffffffffffn): Promise<DiskContents> => {
    const out = scratch('out')
    writeFileSync(join(out, 'tree'), text)
    const superblock = Buffer.alloc(96)
    superblock.writeBigUInt64LE(table, 56)
    writeFileSync(join(out, 'image'), superblock)
    const place = placeOf(async () => ({ code: 0, stdout: Buffer.alloc(0), stderr: '' }), out)
    return readSquashfs({ ...place, image: join(out, 'image') })
  }

  test('is read with escaped names, links and owners', async () => {
    const text = `/ D 1 755 0 0\na\\ b R 1 4755 1 2 3 0\nh L a\\ b\nl S 1 777 0 0 to a place\np I 1 644 0 0 f\n${end}abc`
    const { entries, gaps } = await writing(text)
    expect(gaps).toEqual([])
    expect(entries).toMatchObject([
      { path: 'a b', type: 'file', mode: 0o4755, uid: 1, gid: 2, size: 3 },
      { path: 'h', type: 'file', size: 3 },
      { path: 'l', type: 'symlink', link: 'to a place' },
      { path: 'p', type: 'fifo' },
    ])
  })

  test('is read with attributes, printable and not, also of a hard link', async () => {
    const lines = [
      '/ D 1 755 0 0',
      'a\\ b R 1 644 0 0 0 0',
      'a\\ b x user.text=a\\ b=c',
      'a\\ b x security.capability=0t\\001\\000A',
      'h L a\\ b',
    ]
    const { entries, gaps } = await writing(`${lines.join('\n')}\n${end}`, 100n)
    const xattrs = { 'user.text': Buffer.from('a\\ b=c').toString('hex'), 'security.capability': '010041' }
    expect(entries).toMatchObject([
      { path: 'a b', xattrs },
      { path: 'h', xattrs },
    ])
    expect(gaps).toEqual([])
  })

  test('is read in linear time, however many attributes one file has', async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `a x user.${i}=v`)
    const start = process.cpuUsage()
    const { entries } = await writing(`a R 1 644 0 0 0 0\n${lines.join('\n')}\n${end}`, 100n)
    expect(Object.keys(entries[0]?.xattrs ?? {})).toHaveLength(lines.length)
    // A second attribute of a name cannot be told from the first: the last one counts.
    expect((await writing(`a R 1 644 0 0 0 0\na x user.a=1\na x user.a=2\n${end}`)).entries).toMatchObject([
      { xattrs: { 'user.a': '32' } },
    ])
    expect(process.cpuUsage(start).user).toBeLessThan(5_000_000)
  })

  test('has a gap where the image has attributes and an older unsquashfs shows none', async () => {
    const { gaps } = await writing(`a R 1 644 0 0 0 0\n${end}`, 100n)
    expect(gaps).toMatchObject([
      { path: '.', kind: 'xattrs', reason: 'unsupported', why: expect.stringContaining('4.6') },
    ])
  })

  test.each<[string, string]>([
    ['no end of its list', 'a R 1 644 0 0 1 0\n'],
    ['less data than it lists', `a R 1 644 0 0 5 0\n${end}abc`],
    ['more data than it lists', `a R 1 644 0 0 1 0\n${end}abc`],
    ['contents that overlap', `a R 1 644 0 0 2 0\nb R 1 644 0 0 2 1\n${end}abcd`],
    ['a name twice', `a D 1 755 0 0\na D 1 755 0 0\n${end}`],
    ['half of a name', `a\nb R 1 644 0 0 1 0\n${end}x`],
    ['a link to nothing', `a L b\n${end}`],
    ['an unknown type', `a X 1 644 0 0\n${end}`],
  ])('%s is refused', async (_what, text) => {
    await expect(writing(text)).rejects.toMatchObject({ code: 'format-invalid' })
  })
})

test.each<[string, (bytes: Buffer) => void]>([
  ['blocks of 2^200 bytes', (bytes) => (bytes[1024 + 12] = 200)],
  ['a newer format', (bytes) => bytes.writeUInt32LE(0xffffffff, 1024 + 80)],
  ['a root behind its end', (bytes) => bytes.writeUInt16LE(0xffff, 1024 + 14)],
  ['a root that is not a folder', () => {}],
])('an erofs image with %s is refused', async (_what, change) => {
  const bytes = Buffer.alloc(8192)
  bytes.writeUInt32LE(0xe0f5e1e2, 1024)
  bytes[1024 + 12] = 12
  bytes.writeUInt16LE(64, 1024 + 14)
  change(bytes)
  await expect(erofsEntries(reading(bytes))).rejects.toMatchObject({ code: 'format-invalid' })
})

/** An erofs image whose root holds one file, with a name of so many bytes and attributes that several inodes share. */
function smallErofs(name: number, attributes = 0): Buffer {
  const bytes = Buffer.alloc(3 * 4096)
  bytes.writeUInt32LE(0xe0f5e1e2, 1024)
  bytes[1024 + 12] = 12
  bytes.writeUInt16LE(1, 1024 + 14)
  bytes.writeUInt32LE(2, 1024 + 44)
  // The root, and its only block: the fixed part of one entry, then its name.
  bytes.writeUInt16LE(0o40755, 32 + 4)
  bytes.writeUInt32LE(12 + name, 32 + 8)
  bytes.writeUInt32LE(1, 32 + 16)
  bytes.writeBigUInt64LE(2n, 4096)
  bytes.writeUInt16LE(12, 4096 + 8)
  bytes.fill('n', 4096 + 12, 4096 + 12 + name)
  // The file: an area with the numbers of shared attributes, all of another name.
  bytes.writeUInt16LE(attributes === 0 ? 0 : 1 + attributes, 64 + 2)
  bytes.writeUInt16LE(0o100644, 64 + 4)
  bytes[64 + 32 + 4] = attributes
  for (let i = 0; i < attributes; i++) {
    bytes.writeUInt32LE(i * 4, 64 + 44 + i * 4)
    const at = 2 * 4096 + i * 16
    bytes.set([2, 1, 1, 0], at)
    bytes.write(`a${i}v`, at + 4, 'latin1')
  }
  return bytes
}

test('erofs: a name has at most 255 bytes', async () => {
  const { entries } = await erofsEntries(reading(smallErofs(255)))
  expect(entries).toMatchObject([{ path: 'n'.repeat(255), type: 'file', mode: 0o644 }])
  await expect(erofsEntries(reading(smallErofs(256)))).rejects.toThrow('has a slash or more than 255 bytes')
})

test('erofs: attributes that inodes share count for each of them', async () => {
  const bytes = smallErofs(1, 3)
  const { entries } = await erofsEntries(reading(bytes))
  expect(entries).toMatchObject([{ xattrs: { 'user.a0': '76', 'user.a1': '76', 'user.a2': '76' } }])
  const fs = { read: reading(bytes), shared: 2 * 4096 }
  const inode = { xattrs: { at: 64 + 32, size: 12 + 3 * 4 } }
  const room = { xattrs: 1000 }
  await erofsXattrs({ ...fs, room }, inode)
  expect(room.xattrs).toBe(1000 - 3 * (100 + 7 + 1))
  await erofsXattrs({ ...fs, room }, inode)
  await erofsXattrs({ ...fs, room }, inode)
  await expect(erofsXattrs({ ...fs, room }, inode)).rejects.toThrow('its extended attributes have more than')
})
