import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTar } from '../../src/image/tar-read.ts'
import { headerBytes, writeTar } from '../../src/image/tar-write.ts'
import type { TarHeader } from '../../src/image/types.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { bytesOf, entry, once, tar } from './make-image.ts'

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(bytes: Buffer, size = bytes.length): Promise<{ header: TarHeader; text: string }[]> {
  const found: { header: TarHeader; text: string }[] = []
  for await (const { header, body } of readTar(pieces(bytes, size), 'test.tar')) {
    found.push({ header, text: (await bytesOf(body)).toString() })
  }
  return found
}

/** A header block with some fields overwritten and the checksum made right again. */
function patched(block: Buffer, patch: (block: Buffer) => void): Buffer {
  const bytes = Buffer.from(block)
  patch(bytes)
  bytes.write('        ', 148, 'latin1')
  let sum = 0
  for (const byte of bytes.subarray(0, 512)) sum += byte
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}
const head = (path: string): Buffer => headerBytes(entry({ path }).header)
const named = (name: string): Buffer => patched(head('x'), (block) => block.fill(0, 0, 100).write(name, 0, 'latin1'))
const end = Buffer.alloc(1024)

function pax(flag: 'x' | 'g', records: string): Buffer {
  const data = Buffer.from(records)
  const block = patched(head('pax'), (b) => {
    b.write(flag, 156, 'latin1')
    b.write(`${data.length.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
  })
  return Buffer.concat([block, data, Buffer.alloc((512 - (data.length % 512)) % 512)])
}
const record = (key: string, value: string): string => {
  const rest = ` ${key}=${value}\n`
  let length = rest.length
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return `${length}${rest}`
}

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

test('global pax headers hold until they are taken back', async () => {
  const bytes = Buffer.concat([
    pax('g', record('mtime', '77.9') + record('comment', 'git')),
    head('one'),
    pax('x', record('mtime', '-3.5')),
    head('two'),
    pax('x', record('mtime', '')),
    head('three'),
    end,
  ])
  expect((await read(bytes)).map(({ header }) => header.mtime)).toEqual([77, -4, 1000])
})

test.each([
  ['./a//b/./c', 'a/b/c'],
  ['./', '.'],
  ['a/../b', 'b'],
  ['dir/', 'dir'],
])('the name %s is %s', async (name, path) => {
  expect((await read(Buffer.concat([named(name), end])))[0]?.header.path).toBe(path)
})

test.each(['/etc/passwd', '../x', 'a/../../x', '..', './../x'])('the name %s is refused', async (name) => {
  await expect(read(Buffer.concat([named(name), end]))).rejects.toMatchObject({ code: 'path-escape' })
})

test('a hard link that leaves the root is refused', async () => {
  const bytes = headerBytes(entry({ path: 'x', type: 'hardlink', link: '../../etc/shadow' }).header)
  await expect(read(Buffer.concat([bytes, end]))).rejects.toMatchObject({ code: 'path-escape' })
})

test.each<[string, Buffer]>([
  ['a flipped header bit', Buffer.concat([patched(head('a'), () => {}).fill(1, 0, 1), end])],
  ['no name', Buffer.concat([named(''), end])],
  ['a NUL in a pax path', Buffer.concat([pax('x', record('path', 'a\0b')), head('a'), end])],
  ['a name that is not UTF-8', Buffer.concat([named('\xff\xfe'), end])],
  ['an overlong name', Buffer.concat([pax('x', record('path', 'a'.repeat(5000))), head('a'), end])],
  ['a broken pax length', Buffer.concat([pax('x', '99 path=a\n'), head('a'), end])],
  ['a pax size that is no number', Buffer.concat([pax('x', record('size', '1e3')), head('a'), end])],
  ['a sparse file in pax', Buffer.concat([pax('x', record('GNU.sparse.major', '1')), head('a'), end])],
  ['a GNU sparse file', Buffer.concat([patched(head('a'), (b) => b.write('S', 156)), end])],
  ['a multi-volume part', Buffer.concat([patched(head('a'), (b) => b.write('M', 156)), end])],
  ['more after an end mark', Buffer.concat([Buffer.alloc(512), head('a'), end])],
  [
    'a huge extension',
    Buffer.concat([patched(head('a'), (b) => b.write('x', 156) && b.write('77777777777\0', 124)), end]),
  ],
  ['extensions of nothing', pax('x', record('path', 'a'))],
  ['a cut header', head('a').subarray(0, 300)],
  ['a negative size', Buffer.concat([patched(head('a'), (b) => b.fill(0xff, 124, 136)), end])],
])('%s is refused', async (_why, bytes) => {
  await expect(read(bytes)).rejects.toMatchObject({ code: 'format-invalid' })
})

test('every truncation inside an entry is refused', async () => {
  const bytes = await tar([{ path: 'a'.repeat(200), text: 'x'.repeat(700) }])
  const last = bytes.length - 1024
  for (let size = 1; size < last; size += 61) {
    if (size % 512 === 0) continue
    await expect(read(bytes.subarray(0, size), 100)).rejects.toMatchObject({ code: 'format-invalid' })
  }
  // An archive without its end marks is whole, as for tar(1).
  expect(await read(bytes.subarray(0, last))).toHaveLength(1)
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

  writeFileSync(join(dir, 'in', 'hole'), '')
  truncateSync(join(dir, 'in', 'hole'), 1 << 20)
  for (const format of ['gnu', 'pax']) {
    run('-C', 'in', `--format=${format}`, '--sparse', '-cf', 'sparse.tar', 'hole')
    await expect(read(readFileSync(join(dir, 'sparse.tar')))).rejects.toThrow(/sparse/)
  }
})
