import { readTar } from '../../src/tar/read.ts'
import type { TarHeader } from '../../src/image/types.ts'
import { archive, block, gnuLong, member, pax } from '../../testkit/raw-tar.ts'
import { bytesOf, once, pieces } from './make-image.ts'

interface Read {
  header: TarHeader
  text: string
}
async function read(bytes: Buffer, guests = true): Promise<Read[]> {
  const found: Read[] = []
  for await (const { header, body } of readTar(once(bytes), 'test.tar', { guests }))
    found.push({ header, text: (await bytesOf(body)).toString('latin1') })
  return found
}
async function lines(...parts: Buffer[]): Promise<string[]> {
  const found = await read(archive(...parts))
  return found.map(({ header: { path, type, link }, text }) =>
    [type, path, link, text].filter((x) => x !== '').join(' '),
  )
}
const last = member({ name: 'last' }, 'l')

/** One rule a row; each is refused with the entry's name and its byte in the archive. */
const refused: [string, Buffer[], string, number][] = [
  // A file by its type and a folder by its name.
  ['a file with a slash', [member({ name: 'd/' }, 'x')], 'd/', 0],
  ['a file with a slash and no content', [last, block({ name: 'd/' })], 'd/', 1024],
  ['a contiguous file with a slash', [member({ name: 'd/', flag: '7' }, 'x')], 'd/', 0],
  ['a file whose pax path ends in a slash', [pax([['path', 'p/']]), member({ name: 'd' }, 'x')], 'p/', 1024],
  ['a file whose GNU name ends in a slash', [gnuLong('L', 'p/'), member({ name: 'd', form: 'gnu' }, 'x')], 'p/', 1024],
  ['a file whose name is only a prefix', [member({ name: '', prefix: 'p' }, 'x')], 'p/', 0],
  ['a V7 folder with content', [member({ name: 'd/', flag: '\0', form: 'v7' }, 'x')], 'd/', 0],
  // Two names.
  ['a GNU name and a pax path', [gnuLong('L', 'gnu'), pax([['path', 'pax']]), last], 'gnu', 2048],
  ['a pax path and a GNU name', [pax([['path', 'pax']]), gnuLong('L', 'gnu'), last], 'gnu', 2048],
  [
    'a GNU link and a pax linkpath',
    [gnuLong('K', 'g'), pax([['linkpath', 'p']]), block({ flag: '2', link: 'l' })],
    'x',
    2048,
  ],
  [
    'a pax linkpath and a GNU link, hard',
    [pax([['linkpath', 'p']]), gnuLong('K', 'g'), block({ flag: '1', link: 'l' })],
    'x',
    2048,
  ],
  ['two pax headers', [pax([['path', 'a']]), pax([['mtime', '1']]), last], 'PaxHeaders/x', 1024],
  ['two GNU names', [gnuLong('L', 'a'), gnuLong('L', 'b'), last], '././@LongLink', 1024],
  ['two GNU links', [gnuLong('K', 'a'), gnuLong('K', 'b'), block({ flag: '2' })], '././@LongLink', 1024],
  // Global headers.
  ...['path', 'linkpath', 'size', 'uid', 'gid', 'SCHILY.xattr.user.a', 'GNU.sparse.major', 'LIBARCHIVE.xattr.a'].map(
    (key): [string, Buffer[], string, number] => [
      `a global ${key}`,
      [last, pax([[key, '1']], { flag: 'g', name: 'global' }), last],
      key === 'path' ? '1' : 'global',
      1024,
    ],
  ),
  [
    'a global header behind an extension',
    [pax([['path', 'a']]), pax([['comment', 'c']], { flag: 'g' }), last],
    'PaxHeaders/x',
    1024,
  ],
  ['a global header behind a GNU name', [gnuLong('L', 'a'), pax([], { flag: 'g' }), last], 'PaxHeaders/x', 1024],
  // Types.
  ...['S', 'M', 'V', 'D', 'N', 'X', 'A', '8', 'Z', ' '].map((flag): [string, Buffer[], string, number] => [
    `the type ${JSON.stringify(flag)}`,
    [last, member({ name: 'odd', flag, form: 'gnu' }, 'x')],
    'odd',
    1024,
  ]),
  ['the device 0:0', [block({ flag: '3' })], 'x', 0],
  // Sparse records that Go does not know.
  [
    'an unknown sparse form',
    [
      pax([
        ['GNU.sparse.major', '2'],
        ['GNU.sparse.minor', '0'],
      ]),
      last,
    ],
    'last',
    1024,
  ],
  ['a sparse name alone', [pax([['GNU.sparse.name', 'n']]), last], 'last', 1024],
  [
    'a sparse folder',
    [
      pax([
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
      ]),
      block({ flag: '5' }),
    ],
    'x',
    1024,
  ],
  // Hard links that are followed in different ways.
  ['a hard link with a slash', [last, block({ flag: '1', link: 'last/' })], 'x', 1024],
  ['a hard link with a dot', [last, block({ flag: '1', link: 'last/.' })], 'x', 1024],
  ['a hard link with dots', [last, block({ flag: '1', link: 'a/../last' })], 'x', 1024],
  // Extended attributes.
  ['an attribute without value', [pax([['SCHILY.xattr.user.a', '']]), last], 'last', 1024],
  [
    'an attribute of overlay mounts',
    [pax([['SCHILY.xattr.trusted.overlay.opaque', 'y']]), block({ flag: '5' })],
    'x',
    1024,
  ],
  ['an attribute of rootless overlay mounts', [pax([['SCHILY.xattr.user.overlay.whiteout', 'y']]), last], 'last', 1024],
  [
    'two values of an attribute',
    [
      pax([
        ['SCHILY.xattr.user.a', 'v'],
        ['LIBARCHIVE.xattr.user.a', 'dw=='],
      ]),
      last,
    ],
    'last',
    1024,
  ],
  [
    'two values, percent-encoded',
    [
      pax([
        ['LIBARCHIVE.xattr.user%2ea', 'dw=='],
        ['SCHILY.xattr.user.a', 'v'],
      ]),
      last,
    ],
    'last',
    1024,
  ],
]

test.each(refused)('%s is refused as ambiguous', async (_what, parts, name, position) => {
  await expect(read(archive(...parts))).rejects.toMatchObject({
    code: 'archive-ambiguous',
    subject: name,
    message: expect.stringContaining(`${JSON.stringify(name)} at byte ${position} `),
    remedy: expect.stringMatching(/^(?:Write|Give) /),
  })
})

/** What all engines read alike is read as they do. */
const taken: [string, Buffer[], string[]][] = [
  ['a V7 folder', [block({ name: 'd/', flag: '\0', form: 'v7' })], ['dir d']],
  ['a V7 file', [member({ name: 'f', flag: '\0', form: 'v7' }, 'x')], ['file f x']],
  ['a NUL type in GNU form with a slash', [block({ name: 'd/', flag: '\0', form: 'gnu' })], ['dir d']],
  [
    'a NUL type with a pax path that ends in a slash',
    [pax([['path', 'p/']]), block({ flag: '\0', form: 'v7' })],
    ['dir p'],
  ],
  ['a folder without a slash', [block({ name: 'd', flag: '5' })], ['dir d']],
  ['a link with a slash', [block({ name: 'l/', flag: '2', link: 't/' })], ['symlink l t/']],
  ['a contiguous file', [member({ name: 'c', flag: '7' }, 'x')], ['file c x']],
  [
    'types without content',
    ['1', '2', '5', '6'].map((flag) => block({ name: flag, flag, link: 't' })),
    ['hardlink 1 t', 'symlink 2 t', 'dir 5', 'fifo 6'],
  ],
  [
    'a size in base-256',
    [
      block({ name: 'b', patch: { 124: Buffer.from('800000000000000000000003', 'hex') } }),
      Buffer.from('abc'.padEnd(512, '\0')),
    ],
    ['file b abc'],
  ],
  ['a checksum of signed bytes', [signed(block({ name: Buffer.from([0xe9, 0xe8]) }))], ['file \0e9\0e8']],
  [
    'numbers with blanks and NULs around them',
    [block({ patch: { 124: '\0 00000001 \0' } }), Buffer.from('q'.padEnd(512, '\0'))],
    ['file x q'],
  ],
  [
    'a number that a NUL ends early',
    [block({ patch: { 124: '001\x0099999999' } }), Buffer.from('q'.padEnd(512, '\0'))],
    ['file x q'],
  ],
  [
    'the later of a key that stands twice',
    [
      pax([
        ['mtime', '1'],
        ['mtime', '2'],
        ['path', 'a'],
        ['path', 'a'],
      ]),
      block({}),
    ],
    ['file a'],
  ],
  [
    'an empty record leaves the field',
    [
      pax([
        ['uname', ''],
        ['size', ''],
        ['uid', ''],
      ]),
      last,
    ],
    ['file last l'],
  ],
  ['a GNU name in front of pax times', [gnuLong('L', 'gnu'), pax([['mtime', '5']]), last], ['file gnu l']],
  ['two equal names', [gnuLong('L', 'same'), pax([['path', 'same']]), last], ['file same l']],
  ['one extension header twice', [pax([['path', 'p']]), pax([['path', 'p']]), last], ['file p l']],
  ['a link name of a file is nothing', [gnuLong('K', 'g'), pax([['linkpath', 'p']]), last], ['file last l']],
  ['a prefix', [member({ name: 'n', prefix: 'p/q' }, 'x')], ['file p/q/n x']],
  ['a star prefix', [member({ name: 'n', prefix: 'p', form: 'star' }, 'x')], ['file p/n x']],
  ['times in a GNU header', [member({ name: 'n', prefix: '00000001750', form: 'gnu' }, 'x')], ['file n x']],
  [
    'bytes behind V7 fields',
    [member({ name: 'n', flag: '\0', form: 'v7', patch: { 345: 'junk' } }, 'x')],
    ['file n x'],
  ],
  [
    'global comments and times',
    [
      pax(
        [
          ['comment', 'c'],
          ['mtime', '7'],
          ['uname', 'u'],
        ],
        { flag: 'g' },
      ),
      last,
    ],
    ['file last l'],
  ],
  [
    'names with a root',
    [block({ name: '/', flag: '5' }), member({ name: '/app/a' }, 'a'), block({ name: 'h', flag: '1', link: '/app/a' })],
    ['dir .', 'file app/a a', 'hardlink h app/a'],
  ],
  [
    'the libarchive form of an attribute that engines ignore',
    [pax([['LIBARCHIVE.xattr.user.a', 'dg==']]), last],
    ['file last l'],
  ],
  ['a hole at the begin', [sparse1('2\n0\n0\n4\n2\n', 'ab', 8)], ['file sparse \0\0\0\0ab\0\0']],
  ['no data at all', [sparse1('0\n', '', 3)], ['file sparse \0\0\0']],
]

test.each(taken)('%s is read as engines do', async (_what, parts, expected) => {
  expect(await lines(...parts)).toEqual(expected)
})

function signed(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes).fill(0x20, 148, 156)
  let sum = 0
  for (const byte of copy) sum += byte < 128 ? byte : byte - 256
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return copy
}

/** A sparse file of form 0.1. */
function sparse(map: string, count: number, data: string, size: number): Buffer {
  const records = [
    ['GNU.sparse.major', '0'],
    ['GNU.sparse.minor', '1'],
    ['GNU.sparse.map', map],
    ['GNU.sparse.numblocks', String(count)],
    ['GNU.sparse.size', String(size)],
  ] as const
  return Buffer.concat([pax(records), member({}, data)])
}
/** One of form 1.0. */
function sparse1(map: string, data: string, size: number | string): Buffer {
  const records = [
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.name', 'sparse'],
    ['GNU.sparse.realsize', String(size)],
  ] as const
  const head = Buffer.from(map)
  return Buffer.concat([
    pax(records),
    member(
      { name: 'GNUSparseFile.7/sparse' },
      Buffer.concat([head, Buffer.alloc((512 - (head.length % 512)) % 512), Buffer.from(data)]),
    ),
  ])
}

test.each<[string, Buffer]>([
  ['a map that overlaps', sparse('4,2,5,1', 2, 'abc', 8)],
  ['a map past the end', sparse('4,8', 1, 'abcdefgh', 8)],
  ['more data than the map says', sparse('0,1', 1, 'ab', 8)],
  ['less data than the map says', sparse('0,3', 1, 'ab', 8)],
  ['a count that is wrong', sparse('0,2', 2, 'ab', 8)],
  ['a map that is no list of numbers', sparse('0,x', 1, 'ab', 8)],
  ['a size that is no number', sparse1('1\n0\n2\n', 'ab', 'x')],
  ['a map that does not end', sparse1('99\n0\n2\n', 'ab', 8)],
  ['a map whose count is no number', sparse1('x\n0\n2\n', 'ab', 8)],
  ['holes past the limit', sparse('0,2', 1, 'ab', 2 ** 33)],
])('a sparse file with %s is refused', async (_what, bytes) => {
  await expect(read(archive(bytes), false)).rejects.toMatchObject({ code: 'format-invalid' })
})

test('a sparse file of form 1.0 is read whole, and what follows it', async () => {
  expect(await lines(sparse1('2\n1\n2\n6\n1\n', 'abc', 8), last)).toEqual(['file sparse \0ab\0\0\0c\0', 'file last l'])
})

test('bytes behind the end mark are zeros: engines end there, confidential guests read on', async () => {
  for (const more of [Buffer.alloc(0), Buffer.alloc(100), Buffer.alloc(10_240), Buffer.alloc(1 << 20)])
    expect(await lines(last, more)).toEqual(['file last l'])
  for (const [more, name, position] of [
    [Buffer.from('junk'), 'junk', 2048],
    [archive(member({ name: 'second' }, 's')), 'second', 2048],
    [Buffer.concat([Buffer.alloc(1 << 17), archive(member({ name: 'late' }, 's'))]), 'late', 2048 + (1 << 17)],
    [Buffer.concat([Buffer.alloc(99), Buffer.of(7)]), '\x07', 2048 + 99],
  ] as const) {
    for (const size of [1 << 20, 100, 7]) {
      const source = pieces(Buffer.concat([archive(last), more]), size)
      const reading = async (): Promise<void> => {
        for await (const { body } of readTar(source, 'test.tar')) expect(body.left).toBe(1)
      }
      await expect(reading()).rejects.toMatchObject({
        code: 'archive-ambiguous',
        subject: name,
        message: expect.stringContaining(`at byte ${position} `),
        remedy: expect.stringMatching(/^Write /),
      })
    }
    // An archive that is no layer: no guest reads it.
    const names: string[] = []
    for await (const { header } of readTar(once(Buffer.concat([archive(last), more])), 'x', { guests: false }))
      names.push(header.path)
    expect(names).toEqual(['last'])
  }
})

test('a body is skipped alike, whatever its form', async () => {
  const names: string[] = []
  const bytes = archive(sparse1('1\n4\n2\n', 'ab', 8), sparse1('1\n0\n700\n', 'c'.repeat(700), 900), last)
  for await (const { header } of readTar(once(bytes), 'test')) names.push(header.path)
  expect(names).toEqual(['sparse', 'sparse', 'last'])
})

test('the root hears of global headers by their name', async () => {
  const heard: string[] = []
  const global = (path: string): void => void heard.push(path)
  const bytes = archive(pax([['comment', 'c']], { flag: 'g', name: '/tmp/GlobalHead.1' }), last)
  for await (const { body } of readTar(once(bytes), 'test', { global })) expect(body.left).toBe(1)
  expect(heard).toEqual(['tmp/GlobalHead.1'])
})
