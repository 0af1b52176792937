import { readTar } from '../../src/tar/read.ts'
import { archive, block, gnuLong, member, padded, pax, paxRecord } from '../../testkit/raw-tar.ts'
import { bytesOf, once } from './make-image.ts'

async function lines(parts: readonly Buffer[], guests: boolean): Promise<string[]> {
  const found: string[] = []
  for await (const { header, body } of readTar(once(archive(...parts)), 'test.tar', { guests })) {
    const { type, path, link, mode, uid, gid } = header
    const text = (await bytesOf(body)).toString('latin1')
    const owner = uid + gid === 0 ? '' : `${uid}:${gid}`
    found.push(
      [type, path, link, text, mode === 0o644 ? '' : mode.toString(8), owner].filter((x) => x !== '').join(' '),
    )
  }
  return found
}
const last = member({ name: 'last' }, 'l')
const abc = padded(Buffer.from('abc'))
const inner = member({ name: 'inner' }, 'i')
const star = 'p'.repeat(131)
const raw = (name: string, ...records: Buffer[]): Buffer => member({ name, flag: 'x' }, Buffer.concat(records))
const sparse1 = (name: string, header: string): Buffer =>
  Buffer.concat([
    pax([
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', name],
      ['GNU.sparse.realsize', '4'],
    ]),
    member({ name: header }, Buffer.concat([padded(Buffer.from('1\n1\n3\n')), Buffer.from('abc')])),
  ])
const sparse0 = (minor: string): Buffer =>
  Buffer.concat([
    pax([
      ['GNU.sparse.major', '0'],
      ['GNU.sparse.minor', minor],
      ['GNU.sparse.size', '4'],
      ['GNU.sparse.numblocks', '1'],
      ['GNU.sparse.map', '1,3'],
    ]),
    member({ name: 's' }, 'abc'),
  ])

/** What, the archive, what engines read, and the entry and byte that the refusal names. */
const otherwise: [string, Buffer[], string[], string, number][] = [
  // Guests skip what a size says, with the entries in it.
  ...(
    [
      ['hardlink', '1'],
      ['symlink', '2'],
      ['char', '3'],
      ['block', '4'],
      ['dir', '5'],
      ['fifo', '6'],
    ] as const
  ).map(([type, flag]): [string, Buffer[], string[], string, number] => [
    `a size of the type ${type}`,
    [last, block({ name: 'n', flag, link: 'last', dev: [1, 1], size: 1024 }), inner],
    ['file last l', /link/.test(type) ? `${type} n last` : `${type} n`, 'file inner i'],
    'n',
    1024,
  ]),
  [
    'a pax size of a folder',
    [pax([['size', '1024']]), block({ flag: '5' }), inner],
    ['dir x', 'file inner i'],
    'x',
    1024,
  ],
  [
    'a pax size of 0 for a folder',
    [pax([['size', '0']]), block({ flag: '5' }), last],
    ['dir x', 'file last l'],
    'x',
    1024,
  ],
  [
    'a negative size of a folder',
    [block({ flag: '5', patch: { 124: Buffer.alloc(12, 0xff) } }), last],
    ['dir x', 'file last l'],
    'x',
    0,
  ],
  // Guests up to v0.15 take the header's size, those of v0.16 to v0.19 give it to what follows.
  ['a pax size and another', [pax([['size', '3']]), block({}), abc, last], ['file x abc', 'file last l'], 'x', 1024],
  [
    'a pax size that the header has',
    [pax([['size', '3']]), member({}, 'abc'), last],
    ['file x abc', 'file last l'],
    'x',
    1024,
  ],
  [
    'a pax size in front of a GNU name',
    [pax([['size', '3']]), gnuLong('L', 'long'), block({ form: 'gnu' }), abc],
    ['file long abc'],
    '././@LongLink',
    1024,
  ],
  ['a pax owner that the header has', [pax([['uid', '7']]), member({ uid: 7 }, 'a')], ['file x a 7:0'], 'x', 1024],
  ['a pax owner and another', [pax([['uid', '300000']]), member({ uid: 7 })], ['file x 300000:0'], 'x', 1024],
  ['a small pax group', [pax([['gid', '7']]), member({})], ['file x 0:7'], 'x', 1024],
  // Guests up to v0.15 take the first record.
  [
    'two paths',
    [
      pax([
        ['path', 'a'],
        ['path', 'b'],
      ]),
      last,
    ],
    ['file b l'],
    'PaxHeaders/x',
    0,
  ],
  [
    'two targets',
    [
      pax([
        ['linkpath', 'a'],
        ['linkpath', 'b'],
      ]),
      block({ flag: '2' }),
    ],
    ['symlink x b'],
    'PaxHeaders/x',
    0,
  ],
  ['an empty path', [pax([['path', '']]), last], ['file last l'], 'PaxHeaders/x', 0],
  ['an empty target', [pax([['linkpath', '']]), block({ flag: '2', link: 't' })], ['symlink x t'], 'PaxHeaders/x', 0],
  ['an empty GNU name', [gnuLong('L', ''), last], ['file last l'], '././@LongLink', 0],
  [
    'a GNU target without a byte',
    [member({ flag: 'K', form: 'gnu' }), block({ flag: '2', link: 't' })],
    ['symlink x t'],
    'x',
    0,
  ],
  // They split records at line breaks, and end at an empty line.
  ['a path in a comment', [pax([['comment', 'c\n12 path=abc']]), last], ['file last l'], 'PaxHeaders/x', 0],
  [
    'a path behind an empty line',
    [raw('Pax', paxRecord('comment', 'c\n\nd'), paxRecord('path', 'p')), last],
    ['file p l'],
    'Pax',
    0,
  ],
  ['a path with a line break', [pax([['path', 'p\nq']]), last], ['file p\nq l'], 'PaxHeaders/x', 0],
  [
    'an attribute in an attribute',
    [pax([['SCHILY.xattr.user.b', 'v\n25 SCHILY.xattr.user.a=b']]), last],
    ['file last l'],
    'PaxHeaders/x',
    0,
  ],
  // Header forms.
  ['a prefix in a GNU header', [member({ name: 'n', prefix: 'p', form: 'gnu' }, 'x')], ['file p/n x'], 'p/n', 0],
  [
    'a prefix in ustar without version',
    [member({ name: 'n', prefix: 'p', patch: { 263: '\0\0' } }, 'x')],
    ['file p/n x'],
    'p/n',
    0,
  ],
  [
    'a pax header in ustar of another version',
    [pax([['path', 'p']], { patch: { 263: '  ' } }), last],
    ['file p l'],
    'PaxHeaders/x',
    0,
  ],
  ['a pax header without magic', [pax([['path', 'p']], { form: 'v7' }), last], ['file p l'], 'PaxHeaders/x', 0],
  ['a GNU name without magic', [member({ name: 'L', flag: 'L', form: 'v7' }, 'long'), last], ['file long l'], 'L', 0],
  [
    'a prefix that fills a star header',
    [member({ name: 'n', prefix: star, form: 'star' }, 'x')],
    [`file ${star}/n x`],
    `${star}/n`,
    0,
  ],
  ['an empty mode', [member({ patch: { 100: Buffer.alloc(8) } }, 'x')], ['file x x 0'], 'x', 0],
  ['a mode of blanks', [member({ patch: { 100: '        ' } }, 'x')], ['file x x 0'], 'x', 0],
  ['a mode in base-256', [member({ patch: { 100: Buffer.from('80000000000001ed', 'hex') } })], ['file x 755'], 'x', 0],
  ['a mode behind a NUL', [member({ patch: { 100: '\x00000755' } })], ['file x 755'], 'x', 0],
  // Names.
  [
    'dots that stay inside',
    [last, member({ name: 'a/../last' }, 'other')],
    ['file last l', 'file last other'],
    'a/../last',
    1024,
  ],
  ['a folder by its name in ustar', [block({ name: 'd/', flag: '\0' })], ['dir d'], 'd/', 0],
  ['a fifo by type and a folder by name', [block({ name: 'd/', flag: '6', form: 'gnu' })], ['fifo d'], 'd/', 0],
  ['a device by type and a folder by name', [block({ name: 'd/', flag: '4', dev: [1, 1] })], ['block d'], 'd/', 0],
  // Sparse files are expanded by no guest.
  ['a sparse file of form 0.0', [sparse0('0')], ['file s \0abc'], 's', 1024],
  ['a sparse file of form 0.1', [sparse0('1')], ['file s \0abc'], 's', 1024],
  ['a sparse file that has another name', [sparse1('s', 'bin/sh')], ['file s \0abc'], 's', 1024],
  [
    'a file where guests put sparse ones',
    [member({ name: 'GNUSparseFile.0/s' }, 'x')],
    ['file GNUSparseFile.0/s x'],
    'GNUSparseFile.0/s',
    0,
  ],
  [
    'a link where guests put sparse ones',
    [block({ name: 'etc/GNUSparseFile.12', flag: '2', link: 'cron.d' })],
    ['symlink etc/GNUSparseFile.12 cron.d'],
    'etc/GNUSparseFile.12',
    0,
  ],
]

test.each(otherwise)('%s is refused in a layer and read elsewhere', async (_what, parts, expected, name, position) => {
  await expect(lines(parts, true)).rejects.toMatchObject({
    code: 'archive-ambiguous',
    subject: name,
    message: expect.stringContaining(`at byte ${position} `),
    remedy: expect.stringMatching(/^Write /),
  })
  expect(await lines(parts, false)).toEqual(expected)
})

/** What writers make, and what stands next to what is refused. */
const taken: [string, Buffer[], string[]][] = [
  [
    'sizes of 0',
    [block({ flag: '5' }), pax([['size', '']]), block({ name: 'y', flag: '5' }), last],
    ['dir x', 'dir y', 'file last l'],
  ],
  ['a large owner, 0 in the header', [pax([['uid', '3000000']]), member({}, 'a')], ['file x a 3000000:0']],
  ['an owner of libarchive', [pax([['gid', '262144']]), member({ gid: 262144 }, 'a')], ['file x a 0:262144']],
  [
    'an owner in base-256',
    [member({ form: 'gnu', patch: { 108: Buffer.from('80000000002dc6c0', 'hex') } })],
    ['file x 3000000:0'],
  ],
  ['a path twice', [raw('Pax', paxRecord('path', 'p'), paxRecord('path', 'p')), last], ['file p l']],
  ['a line break in an attribute', [pax([['SCHILY.xattr.security.capability', '\x01\n\x02']]), last], ['file last l']],
  [
    'a line break in a comment',
    [
      pax([
        ['comment', 'a\nb'],
        ['path', 'p'],
      ]),
      last,
    ],
    ['file p l'],
  ],
  ['an unknown version of a plain header', [member({ patch: { 263: '\0\0' } }, 'x')], ['file x x']],
  ['a prefix', [member({ name: 'n', prefix: 'p' }, 'x')], ['file p/n x']],
  [
    'a prefix that nearly fills a star header',
    [member({ name: 'n', prefix: star.slice(1), form: 'star' }, 'x')],
    [`file ${star.slice(1)}/n x`],
  ],
  ['a mode behind a blank', [member({ patch: { 100: ' 00755\0 ' } })], ['file x 755']],
  ['dots in names', [member({ name: './a/..b/c..' }, 'x')], ['file a/..b/c.. x']],
  ['a folder by its name in GNU form', [block({ name: 'd/', flag: '\0', form: 'gnu' })], ['dir d']],
  ['a sparse file of GNU tar', [sparse1('s', './GNUSparseFile.4711/s'), last], ['file s \0abc', 'file last l']],
  ['a sparse file of libarchive', [sparse1('etc/s', 'etc/GNUSparseFile.0/s')], ['file etc/s \0abc']],
  [
    'names like those of sparse files',
    [member({ name: 'GNUSparseFile/GNUSparseFile.x' })],
    ['file GNUSparseFile/GNUSparseFile.x'],
  ],
]

test.each(taken)('%s is taken', async (_what, parts, expected) => {
  for (const guests of [true, false]) expect(await lines(parts, guests)).toEqual(expected)
})

test('a file that is too large for its header has its size in pax only, as Go and GNU tar write it', async () => {
  for (const size of [0, 8 ** 11]) {
    const field = size === 0 ? undefined : { 124: Buffer.from('800000000000000200000000', 'hex') }
    const bytes = Buffer.concat([
      pax([['size', String(8 ** 11)]]),
      block(field === undefined ? {} : { patch: field }),
      abc,
    ])
    const entries = readTar(once(bytes), 'test.tar')[Symbol.asyncIterator]()
    const first = await entries.next()
    expect(first.done === true ? null : first.value.header).toMatchObject({ path: 'x', size: 8 ** 11 })
    await expect(entries.next()).rejects.toMatchObject({ code: 'format-invalid' })
  }
  const small = Buffer.concat([pax([['size', String(8 ** 11 - 1)]]), block({}), abc])
  await expect(readTar(once(small), 'x').next()).rejects.toMatchObject({ code: 'archive-ambiguous' })
  const other = Buffer.concat([pax([['size', String(8 ** 11)]]), member({}, 'abc')])
  await expect(readTar(once(other), 'x').next()).rejects.toMatchObject({ code: 'archive-ambiguous' })
})
