import { execFileSync } from 'node:child_process'
import { appendFileSync, linkSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTar } from '../../src/tar/read.ts'
import { headerBytes, writeTar } from '../../src/tar/write.ts'
import type { TarHeader } from '../../src/image/types.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { archive, block, gnuLong, member, pax } from '../../testkit/raw-tar.ts'
import { bytesOf, entry, once, pieces, tar } from './make-image.ts'

async function read(bytes: Buffer, size = bytes.length, guests = true): Promise<{ header: TarHeader; text: string }[]> {
  const found: { header: TarHeader; text: string }[] = []
  for await (const { header, body } of readTar(pieces(bytes, size), 'test.tar', { guests })) {
    found.push({ header, text: (await bytesOf(body)).toString() })
  }
  return found
}

const head = (path: string): Buffer => headerBytes(entry({ path }).header)
/** A right sum, in the form that sizes have. */
function base256Sum(bytes: Buffer): Buffer {
  const sum = parseInt(bytes.toString('latin1', 148, 154), 8)
  const copy = Buffer.from(bytes).fill(0, 148, 156)
  copy[148] = 0x80
  copy.writeUInt32BE(sum, 152)
  return copy
}
const named = (name: string): Buffer => block({ name })

test('what is written is read again, whatever the pieces', async () => {
  const long = `${'d'.repeat(120)}/${'é'.repeat(60)}`
  const bytes = await tar([
    { path: 'a/' },
    { path: 'a/file', text: 'hello', mode: 0o4755, uid: 3_000_000, mtime: -5 },
    { path: long, text: 'x'.repeat(1500), xattrs: { 'security.capability': '\x01\0\0\x02\xff' } },
    { path: 'a/link', link: `../${'t'.repeat(150)}` },
    { path: 'a/hard', type: 'hardlink', link: 'a/file' },
    { path: 'a/null', type: 'char', dev: [1, 3] },
  ])
  expect(bytes.length % 512).toBe(0)
  const whole = await read(bytes)
  expect(whole.map(({ header }) => [header.path, header.type])).toEqual([
    ['a', 'dir'],
    ['a/file', 'file'],
    [long, 'file'],
    ['a/link', 'symlink'],
    ['a/hard', 'hardlink'],
    ['a/null', 'char'],
  ])
  expect(whole[1]).toMatchObject({ text: 'hello', header: { mode: 0o4755, uid: 3_000_000, mtime: -5 } })
  expect(whole[2]?.header.xattrs).toEqual({ 'security.capability': '\x01\0\0\x02\xff' })
  expect(whole[3]?.header.link).toHaveLength(153)
  expect(whole[5]?.header).toMatchObject({ devMajor: 1, devMinor: 3 })
  for (const size of [1, 7, 511, 513]) expect(await read(bytes, size)).toEqual(whole)
})

test('a body that is not read is skipped', async () => {
  const names: string[] = []
  const bytes = await tar([{ path: 'a', text: 'x'.repeat(2000) }, { path: 'b' }])
  for await (const { header } of readTar(pieces(bytes, 100), 'test')) names.push(header.path)
  expect(names).toEqual(['a', 'b'])
})

test.each([
  ['./a//b/./c', 'a/b/c'],
  ['/etc/passwd', 'etc/passwd'],
  ['//x/', 'x'],
])('the name %s is %s', async (name, path) => {
  const flag = name.endsWith('/') ? '5' : '0'
  expect((await read(archive(block({ name, flag }))))[0]?.header.path).toBe(path)
})

test.each(['/../x', '../x', 'a/../../x', '..', './../x'])('the name %s is refused', async (name) => {
  await expect(read(archive(named(name)))).rejects.toMatchObject({ code: 'path-escape' })
})

test('a hard link that leaves the root is refused', async () => {
  const bytes = block({ flag: '1', link: '../../etc/shadow' })
  await expect(read(archive(bytes))).rejects.toMatchObject({ code: 'path-escape' })
})

test('a wrong checksum is shown beside the right one', async () => {
  const right = block({ name: 'a' })
  const sum = right.toString('latin1', 148, 154).replace(/^0+/, '')
  const wrong = Buffer.from(right)
  wrong.write('0000001\0', 148, 'latin1')
  await expect(read(archive(wrong))).rejects.toThrow(
    `expected the octal checksum ${sum}, found 1, in the header of the entry "a"`,
  )
})

test.each<[string, Buffer]>([
  ['a flipped header bit', archive(Buffer.from(head('a')).fill(1, 0, 1))],
  ['a checksum in base-256', archive(base256Sum(head('a')))],
  ['no name', archive(block({ name: '' }))],
  ['a NUL in a pax path', archive(pax([['path', 'a\0b']]), head('a'))],
  ['a NUL in a pax linkpath of a file', archive(pax([['linkpath', 'a\0b']]), head('a'))],
  ['a NUL in a pax key', archive(pax([['a\0b', 'c']]), head('a'))],
  ['an overlong name', archive(pax([['path', 'a/'.repeat(2500).concat('a')]]), head('a'))],
  ['a part of a name longer than 255 bytes', archive(pax([['path', `d/${'a'.repeat(256)}/x`]]), head('a'))],
  ['a symbolic link longer than PATH_MAX', archive(pax([['linkpath', 'a'.repeat(4096)]]), block({ flag: '2' }))],
  ['a symbolic link without target', archive(block({ flag: '2' }))],
  ['a broken pax length', archive(member({ flag: 'x' }, '99 path=a\n'), head('a'))],
  ['a pax length with a sign', archive(member({ flag: 'x' }, '+9 path=a\n'), head('a'))],
  ['a pax record without newline', archive(member({ flag: 'x' }, '9 path=ab'), head('a'))],
  ['a pax size that is no number', archive(pax([['size', '1e3']]), head('a'))],
  ['a pax size of a folder that is no number', archive(pax([['size', 'x']]), block({ flag: '5' }))],
  ['a pax access time that is no number', archive(pax([['atime', 'x']]), head('a'))],
  ['a negative pax size', archive(pax([['size', '-1']]), head('a'))],
  ['more after an end mark of one block', archive(Buffer.alloc(512), head('a'))],
  ['a huge extension', archive(block({ flag: 'x', size: 2 ** 32 }))],
  ['extensions of nothing', pax([['path', 'a']])],
  ['extensions of nothing, with an end mark', archive(gnuLong('L', 'a'))],
  ['a cut header', head('a').subarray(0, 300)],
  ['a cut end mark', Buffer.concat([head('a'), Buffer.alloc(700)])],
  ['a negative size', archive(block({ patch: { 124: Buffer.alloc(12, 0xff) } }))],
  ['a size past 2⁵³', archive(block({ patch: { 124: Buffer.from('80000000ffffffffffffffff', 'hex') } }))],
  ['a file past 8 TiB', archive(pax([['size', String(2 ** 43 + 1)]]), head('a'))],
  ['digits that are not octal', archive(block({ patch: { 124: '00000000009\0' } }))],
  ['a bad device number of a file', archive(block({ patch: { 329: '0000009\0' } }))],
  ['a negative owner', archive(block({ patch: { 108: Buffer.alloc(8, 0xff) } }))],
])('%s is refused', async (_why, bytes) => {
  await expect(read(bytes)).rejects.toMatchObject({ code: 'format-invalid' })
})

test.each([1, 500, 512, 1200])('errors of what is cut short name the entry: content of %d bytes', async (size) => {
  const bytes = archive(member({ name: 'd/a' }, 'x'.repeat(1500))).subarray(0, 512 + size)
  await expect(read(bytes, 100)).rejects.toMatchObject({
    message: expect.stringMatching(
      new RegExp(`is cut short after ${bytes.length} bytes: "d/a" needs its content up to byte 2012$`),
    ),
  })
})

test('errors of what is cut short behind content name no entry', async () => {
  const bytes = archive(member({ name: 'a' }, 'x'.repeat(1500)), head('b')).subarray(0, 2048 + 300)
  await expect(read(bytes, 100)).rejects.toMatchObject({
    message: expect.stringMatching(/is cut short after 2348 bytes$/),
  })
})

test('a broken header names its entry', async () => {
  const bytes = archive(block({ name: 'd/a', patch: { 124: '00000000009\0' } }))
  await expect(read(bytes)).rejects.toMatchObject({
    message: expect.stringContaining('bad size, of the entry "d/a" (at byte 0)'),
  })
})

test('every truncation inside content or a header is refused', async () => {
  const bytes = await tar([{ path: 'a'.repeat(200), text: 'x'.repeat(700) }])
  const last = bytes.length - 1024
  const contentEnd = last - (1024 - 700)
  for (let size = 1; size < contentEnd; size += 61) {
    if (size % 512 === 0) continue
    await expect(read(bytes.subarray(0, size), 100)).rejects.toMatchObject({ code: 'format-invalid' })
  }
  // An archive without its end marks is whole, and without the filler of its last file, as for all engines.
  for (const size of [contentEnd, contentEnd + 100, last, last + 512])
    expect(await read(bytes.subarray(0, size), 100)).toHaveLength(1)
})

test('random damage never hangs nor throws anything but a refusal', async () => {
  const bytes = await tar([
    { path: 'a/b', text: 'hello' },
    { path: 'ü'.repeat(80), text: 'x' },
  ])
  for (let i = 0; i < bytes.length; i += 3) {
    const damaged = Buffer.from(bytes)
    damaged[i] = (damaged[i] as number) ^ (1 << (i % 8))
    await read(damaged).catch((error: unknown) => {
      expect(error).toMatchObject({ name: 'VerificationError' })
    })
  }
})

test('a body of another length than announced is a defect', async () => {
  const one = { header: { ...entry({ path: 'a', text: 'abc' }).header, size: 4 }, body: once(Buffer.from('abc')) }
  await expect(bytesOf(writeTar([one]))).rejects.toMatchObject({ code: 'internal' })
})

withPeers(['tar'], 'archives of GNU tar in its formats are read alike, and ours are read by it', async () => {
  const dir = scratch('tar')
  const long = join('deep'.repeat(30), 'name'.repeat(30))
  mkdirSync(join(dir, 'in', 'deep'.repeat(30)), { recursive: true })
  writeFileSync(join(dir, 'in', long), 'long')
  writeFileSync(join(dir, 'in', 'grün'), 'green')
  linkSync(join(dir, 'in', long), join(dir, 'in', 'z-hard'))
  symlinkSync('q'.repeat(180), join(dir, 'in', 'sym'))
  const run = (...args: string[]): Buffer => execFileSync(peer('tar'), args, { cwd: dir })
  const lists: string[][] = []
  for (const format of ['gnu', 'pax', 'oldgnu', 'posix']) {
    run('-C', 'in', `--format=${format}`, '--sort=name', '-cf', `${format}.tar`, '.')
    const found = await read(readFileSync(join(dir, `${format}.tar`)), 1000)
    lists.push(found.map(({ header, text }) => `${header.type} ${header.path} ${header.link} ${text}`))
  }
  expect(lists[0]).toHaveLength(6)
  for (const list of lists) expect(list).toEqual(lists[0])
  expect(lists[0]).toContain(`hardlink z-hard ${long} `)

  const names = ['a/b', `${'p'.repeat(150)}/${'n'.repeat(90)}`, 'ü'.repeat(100)]
  writeFileSync(join(dir, 'ours.tar'), await tar(names.map((path) => ({ path, text: path }))))
  expect(run('--quoting-style=literal', '-tf', 'ours.tar').toString().split('\n').slice(0, -1)).toEqual(names)

  writeFileSync(join(dir, 'in', 'hole'), 'begin')
  truncateSync(join(dir, 'in', 'hole'), 1 << 20)
  appendFileSync(join(dir, 'in', 'hole'), 'end')
  const text = readFileSync(join(dir, 'in', 'hole'), 'latin1')
  for (const version of ['0.0', '0.1', '1.0']) {
    run('-C', 'in', '--format=pax', `--sparse-version=${version}`, '--sparse', '-cf', 'sparse.tar', 'hole')
    // Confidential guests expand none of them; GNU tar's own form is the last.
    const [found] = await read(readFileSync(join(dir, 'sparse.tar')), undefined, version === '1.0')
    expect(found?.header).toMatchObject({ path: 'hole', size: text.length })
    expect(found?.text === text).toBe(true)
  }
  run('-C', 'in', '--format=gnu', '--sparse', '-cf', 'sparse.tar', 'hole')
  await expect(read(readFileSync(join(dir, 'sparse.tar')))).rejects.toMatchObject({ code: 'archive-ambiguous' })
})
