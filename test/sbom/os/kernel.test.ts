import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { Short } from '../../image/make-image.ts'
import { catalogue as catalogueOfAll, named } from './fixture.ts'

/** What this cataloger makes of them: others look at ELF objects as well. */
async function catalogue(files: Short[]): Promise<Awaited<ReturnType<typeof catalogueOfAll>>> {
  const found = await catalogueOfAll(files)
  return {
    ...found,
    packages: found.packages.filter(({ cataloger }) => cataloger === 'linux-kernel'),
    gaps: found.gaps.filter(({ kind }) => kind === 'linux-kernel'),
  }
}

function bzImage(release: string): Buffer {
  const image = Buffer.alloc(0x4000)
  image.write('HdrS', 0x202, 'latin1')
  image.writeUInt16LE(0x3000, 0x20e)
  image.write(`${release} (builder@host) #1 SMP\0`, 0x3200, 'latin1')
  return image
}

/** An ELF object with one section of this content, and the table of names. */
function module(info: Record<string, string>, { wide = true, big = false, section = '.modinfo' } = {}): Buffer {
  const content = Buffer.from(
    Object.entries(info)
      .map(([name, value]) => `${name}=${value}\0`)
      .join(''),
  )
  const names = Buffer.from(`\0${section}\0.shstrtab\0`)
  const size = wide ? 64 : 40
  const head = Buffer.alloc(64)
  const put = (bytes: Buffer, value: number, at: number, width: number): void => {
    const low = width === 8 ? 4 : width
    const from = width === 8 && big ? at + 4 : at
    if (big) bytes.writeUIntBE(value, from, low)
    else bytes.writeUIntLE(value, from, low)
  }
  head.write('\x7fELF', 0, 'latin1')
  head.writeUInt8(wide ? 2 : 1, 4)
  head.writeUInt8(big ? 2 : 1, 5)
  const table = 64 + content.length + names.length
  put(head, table, wide ? 40 : 32, wide ? 8 : 4)
  put(head, size, wide ? 58 : 46, 2)
  put(head, 3, wide ? 60 : 48, 2)
  put(head, 2, wide ? 62 : 50, 2)
  const sections = Buffer.alloc(3 * size)
  const entry = (index: number, name: number, start: number, length: number): void => {
    put(sections, name, index * size, 4)
    put(sections, start, index * size + (wide ? 24 : 16), wide ? 8 : 4)
    put(sections, length, index * size + (wide ? 32 : 20), wide ? 8 : 4)
  }
  entry(1, 1, 64, content.length)
  entry(2, 2 + section.length, 64 + content.length, names.length)
  return Buffer.concat([head, content, names, sections])
}

const info = { name: 'zfs', version: '2.1', license: 'CDDL', vermagic: '6.1.0-1-amd64 SMP mod_unload', depends: 'spl' }
const folder = 'usr/lib/modules/6.1.0-1-amd64/kernel/fs'
const image = (...files: Short[]): Short[] => [
  { path: 'boot/vmlinuz-6.1.0-1-amd64', text: bzImage('6.1.0-1-amd64') },
  ...files,
]

test('a kernel with its release, and modules that depend on it', async () => {
  const found = await catalogue(
    image(
      { path: `${folder}/zfs.ko`, text: module(info) },
      { path: `${folder}/a-b.ko.gz`, text: gzipSync(module({ license: 'GPL', vermagic: '6.1.0-1-amd64 SMP' })) },
      {
        path: `${folder}/c.ko.zst`,
        text: zstdCompressSync(module({ name: 'c', vermagic: '5.0 SMP' }, { wide: false, big: true })),
      },
      { path: `${folder}/d.ko.xz`, text: 'packed' },
      { path: 'boot/vmlinuz-rescue', text: 'no kernel' },
    ),
  )
  expect(named(found)).toEqual([
    'kernel-module a_b@',
    'kernel-module c@',
    'kernel-module d@',
    'linux-kernel linux-kernel@6.1.0-1-amd64',
    'kernel-module zfs@2.1',
  ])
  const kernel = 'pkg:generic/linux-kernel@6.1.0-1-amd64'
  expect(found.packages.map(({ dependsOn }) => dependsOn)).toEqual([[kernel], [], [kernel], [], [kernel]])
  expect(found.packages[2]?.properties).toEqual([
    ['kernel-module:kernel', '6.1.0-1-amd64'],
    ['kernel-module:unread', 'xz'],
  ])
  expect(found.packages[4]).toMatchObject({ purl: 'pkg:generic/zfs@2.1', licence: null, licenceText: 'CDDL' })
  expect(found.gaps).toEqual([])
})

test('a kernel of ARM64, whose head has no release, is listed without', async () => {
  const text = Buffer.alloc(4096)
  text.write('ARM\x64', 56, 'latin1')
  expect(named(await catalogue([{ path: 'boot/Image', text }]))).toEqual(['linux-kernel linux-kernel@'])
})

test('packed kernels are listed without a release; packed files of other names are not kernels', async () => {
  const gzip = gzipSync('an image')
  const zboot = Buffer.from('MZ\0\0zimg and more', 'latin1')
  const listed = async (path: string, text: Buffer): Promise<string[]> => named(await catalogue([{ path, text }]))
  for (const [path, text] of [
    ['boot/vmlinuz-6.8.0-arm64', gzip],
    ['boot/vmlinuz-6.8.0-fedora', zboot],
  ] as const)
    expect(await listed(path, text)).toEqual(['linux-kernel linux-kernel@'])
  expect(await listed('boot/kernel-notes', gzip)).toEqual([])
  expect(await listed('boot/vmlinuz-x', Buffer.from('MZ'))).toEqual([])
})

test.each([
  ['no ELF object', { path: `${folder}/x.ko`, text: 'text' }],
  ['no facts', { path: `${folder}/x.ko`, text: module(info, { section: '.other' }) }],
  ['a table behind the end', { path: `${folder}/x.ko`, text: module(info).subarray(0, -60) }],
  ['a packed module that is cut', { path: `${folder}/x.ko.gz`, text: gzipSync(module(info)).subarray(0, 40) }],
  ['a packed module of another kind', { path: `${folder}/x.ko.zst`, text: 'text' }],
  ['a release outside of the head', { path: 'boot/bzImage', text: bzImage('6').subarray(0, 0x3000) }],
] as [string, Short][])('%s is a gap', async (_, bad) => {
  const found = await catalogue(image(bad))
  expect(named(found)).toEqual(['linux-kernel linux-kernel@6.1.0-1-amd64'])
  expect(found.gaps).toMatchObject([{ path: bad.path, kind: 'linux-kernel', reason: 'unreadable' }])
})

test('a changed byte of a module gives an error or a description', async () => {
  const whole = module(info)
  for (let at = 0; at < whole.length; at += 7) {
    const text = Buffer.from(whole)
    text[at] = 255
    const found = await catalogue([{ path: `${folder}/zfs.ko`, text }])
    expect(found.packages.length + found.gaps.length).toBe(1)
  }
})
