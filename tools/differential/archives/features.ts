import { archive, block, gnuLong, member, pax, padded, summed, type RawFields } from '../../../testkit/raw-tar.ts'
import type { Random } from '../../../testkit/random.ts'

/** Where a feature puts its entry. */
export interface Spot {
  /** Path that nothing has yet, in a folder that is there. */
  path: string
  /** A file that is there, or the path itself where there is none. */
  file: string
  random: Random
}

/** One thing that tar archives can do. */
export interface Feature {
  name: string
  /** Go, umoci and buildah read it alike, so it must be taken where it stands alone. */
  agreed: boolean
  make(spot: Spot): Buffer
  /** The entry's type in the model of the tree; none where it makes nothing that later entries could use. */
  kind?: 'file' | 'dir' | 'link'
}

const content = ({ random }: Spot): Buffer => random.bytes(random.pick([0, 1, 5, 511, 512, 513, 1500]))
const file = (spot: Spot, fields: RawFields = {}): Buffer => member({ name: spot.path, ...fields }, content(spot))
const modes = [0o644, 0o755, 0o4755, 0o2755, 0o1777, 0o600, 0o100644, 0o7777, 0] as const
const long = ({ path }: Spot): string => `${path}-${'n'.repeat(120)}`
const deep = ({ path, random }: Spot): string =>
  `${path}/${Array.from({ length: 1 + random.below(20) }, () => 'd').join('/')}`
const octets = (value: number, width: number): Buffer => {
  const bytes = Buffer.alloc(width)
  bytes.writeUInt32BE(value, width - 4)
  bytes[0] = 0x80
  return bytes
}

/** Features of which every engine has the same reading. */
const agreed: Feature[] = [
  { name: 'file', agreed: true, kind: 'file', make: (spot) => file(spot) },
  {
    name: 'file with mode and owner',
    agreed: true,
    make: (spot) => file(spot, { mode: spot.random.pick(modes), uid: spot.random.below(3), gid: spot.random.below(3) }),
  },
  {
    name: 'folder',
    agreed: true,
    kind: 'dir',
    make: ({ path, random }) =>
      block({ name: `${path}/`, flag: '5', mode: random.pick([0o755, 0o1777, 0o700, 0o2775]), uid: random.below(3) }),
  },
  {
    name: 'folder without slash',
    agreed: true,
    kind: 'dir',
    make: ({ path }) => block({ name: path, flag: '5', mode: 0o755 }),
  },
  {
    name: 'folder with a size',
    agreed: true,
    kind: 'dir',
    make: ({ path, random }) => block({ name: path, flag: '5', mode: 0o755, size: random.below(5000) }),
  },
  {
    name: 'v7 folder',
    agreed: true,
    kind: 'dir',
    make: ({ path }) => block({ name: `${path}/`, flag: '\0', form: 'v7', mode: 0o755 }),
  },
  { name: 'v7 file', agreed: true, kind: 'file', make: (spot) => file(spot, { flag: '\0', form: 'v7' }) },
  {
    name: 'symlink',
    agreed: true,
    kind: 'link',
    make: ({ path, random }) =>
      block({
        name: path,
        flag: '2',
        mode: 0o777,
        link: random.pick(['x', '../../y', '/etc/z', 'a//b/', Buffer.from([0x61, 0xff])]),
        size: random.pick([0, 9]),
      }),
  },
  {
    name: 'hard link',
    agreed: true,
    kind: 'file',
    make: ({ path, file: target, random }) =>
      target === path
        ? member({ name: path })
        : block({
            name: path,
            flag: '1',
            link: `${random.pick(['', './', '/'])}${target}`,
            size: random.pick([0, 700]),
          }),
  },
  { name: 'fifo', agreed: true, kind: 'link', make: ({ path }) => block({ name: path, flag: '6' }) },
  {
    name: 'device',
    agreed: true,
    kind: 'link',
    make: ({ path, random }) =>
      block({ name: path, flag: random.pick(['3', '4']), dev: [1 + random.below(200), random.below(200)] }),
  },
  { name: 'absolute name', agreed: true, kind: 'file', make: (spot) => file(spot, { name: `/${spot.path}` }) },
  {
    name: 'dots in a name',
    agreed: true,
    kind: 'file',
    make: (spot) => file(spot, { name: `./${spot.path.replaceAll('/', '//./')}` }),
  },
  {
    name: 'root entry',
    agreed: true,
    make: ({ random }) => block({ name: random.pick(['/', './', '.']), flag: '5', mode: 0o755 }),
  },
  {
    name: 'gnu long name',
    agreed: true,
    make: (spot) =>
      Buffer.concat([gnuLong('L', long(spot)), file(spot, { name: long(spot).slice(0, 99), form: 'gnu' })]),
  },
  {
    name: 'gnu long link',
    agreed: true,
    kind: 'link',
    make: (spot) =>
      Buffer.concat([
        gnuLong('K', long(spot)),
        block({ name: spot.path, flag: '2', mode: 0o777, form: 'gnu', link: 'short' }),
      ]),
  },
  {
    name: 'pax path',
    agreed: true,
    make: (spot) => Buffer.concat([pax([['path', long(spot)]]), file(spot, { name: 'other' })]),
  },
  {
    name: 'pax linkpath',
    agreed: true,
    kind: 'link',
    make: (spot) =>
      Buffer.concat([pax([['linkpath', long(spot)]]), block({ name: spot.path, flag: '2', mode: 0o777 })]),
  },
  {
    name: 'pax path of a GNU name',
    agreed: true,
    kind: 'file',
    make: (spot) => Buffer.concat([gnuLong('L', spot.path), pax([['path', spot.path]]), file(spot, { form: 'gnu' })]),
  },
  {
    name: 'pax size',
    agreed: true,
    kind: 'file',
    make: (spot) => {
      const data = content(spot)
      return Buffer.concat([
        pax([['size', String(data.length)]]),
        block({ name: spot.path, size: spot.random.pick([0, 77]) }),
        padded(data),
      ])
    },
  },
  {
    name: 'pax size of a folder',
    agreed: true,
    kind: 'dir',
    make: ({ path }) => Buffer.concat([pax([['size', '600']]), block({ name: path, flag: '5', mode: 0o755 })]),
  },
  {
    name: 'pax owner and times',
    agreed: true,
    make: (spot) =>
      Buffer.concat([
        pax([
          ['uid', '70000'],
          ['gid', '3000000'],
          ['mtime', '12.5'],
          ['atime', '1'],
          ['uname', 'u'],
          ['comment', 'c'],
        ]),
        file(spot),
      ]),
  },
  {
    name: 'pax key twice',
    agreed: true,
    make: (spot) =>
      Buffer.concat([
        pax([
          ['uid', '1'],
          ['uid', '2'],
        ]),
        file(spot),
      ]),
  },
  {
    name: 'pax empty values',
    agreed: true,
    kind: 'file',
    make: (spot) =>
      Buffer.concat([
        pax([
          ['path', ''],
          ['size', ''],
          ['uid', ''],
        ]),
        file(spot),
      ]),
  },
  {
    name: 'pax header twice',
    agreed: true,
    make: (spot) => {
      const one = pax([['uid', '7']])
      return Buffer.concat([one, one, file(spot)])
    },
  },
  {
    name: 'attribute',
    agreed: true,
    kind: 'file',
    make: (spot) =>
      Buffer.concat([pax([['SCHILY.xattr.user.k', spot.random.bytes(1 + spot.random.below(90))]]), file(spot)]),
  },
  {
    name: 'capability',
    agreed: true,
    kind: 'file',
    make: (spot) =>
      Buffer.concat([
        pax([['SCHILY.xattr.security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex')]]),
        file(spot),
      ]),
  },
  {
    name: 'attribute in two forms',
    agreed: true,
    kind: 'file',
    make: (spot) =>
      Buffer.concat([
        pax([
          ['SCHILY.xattr.user.k', 'v'],
          ['LIBARCHIVE.xattr.user.k', 'dg=='],
        ]),
        file(spot),
      ]),
  },
  { name: 'prefix', agreed: true, make: (spot) => file(spot, { name: 'in-prefix', prefix: spot.path }) },
  {
    name: 'star prefix',
    agreed: true,
    make: (spot) => file(spot, { name: 'in-star', prefix: spot.path, form: 'star' }),
  },
  {
    name: 'prefix in GNU form',
    agreed: true,
    make: (spot) => file(spot, { name: 'in-gnu', prefix: spot.path, form: 'gnu' }),
  },
  {
    name: 'base-256',
    agreed: true,
    make: (spot) => {
      const data = content(spot)
      return Buffer.concat([
        block({ name: spot.path, form: 'gnu', patch: { 108: octets(70_000, 8), 124: octets(data.length, 12) } }),
        padded(data),
      ])
    },
  },
  {
    name: 'numbers with blanks',
    agreed: true,
    make: (spot) => {
      const data = content(spot)
      return Buffer.concat([
        block({ name: spot.path, patch: { 124: `  ${data.length.toString(8).padStart(9, '0')} `, 100: ' 00755\0 ' } }),
        padded(data),
      ])
    },
  },
  {
    name: 'signed checksum',
    agreed: true,
    make: (spot) => signed(block({ name: Buffer.concat([Buffer.from(spot.path), Buffer.from([0xe9])]) })),
  },
  {
    name: 'name that is no UTF-8',
    agreed: true,
    make: (spot) =>
      file(spot, {
        name: Buffer.concat([
          Buffer.from(spot.path),
          spot.random.pick([Buffer.of(0xff), Buffer.of(0xc3), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('é')]),
        ]),
      }),
  },
  {
    name: 'deep path',
    agreed: true,
    make: (spot) => Buffer.concat([pax([['path', deep(spot)]]), file(spot)]),
  },
  { name: 'sparse 0.1', agreed: true, kind: 'file', make: (spot) => sparse(spot, '0.1') },
  { name: 'sparse 0.0', agreed: true, kind: 'file', make: (spot) => sparse(spot, '0.0') },
  { name: 'sparse 1.0', agreed: true, kind: 'file', make: (spot) => sparse(spot, '1.0') },
]

/** Features that are refused by us, by engines, or read otherwise by some; what follows must not be read otherwise for that. */
const odd: Feature[] = [
  { name: 'file with a slash', agreed: false, make: (spot) => file(spot, { name: `${spot.path}/` }) },
  { name: 'contiguous file', agreed: false, kind: 'file', make: (spot) => file(spot, { flag: '7' }) },
  { name: 'v7 folder with content', agreed: false, make: (spot) => file(spot, { name: `${spot.path}/`, flag: '\0' }) },
  {
    name: 'two names',
    agreed: false,
    make: (spot) => Buffer.concat([gnuLong('L', `${spot.path}-gnu`), pax([['path', `${spot.path}-pax`]]), file(spot)]),
  },
  {
    name: 'two links',
    agreed: false,
    make: ({ path }) => Buffer.concat([pax([['linkpath', 'p']]), gnuLong('K', 'g'), block({ name: path, flag: '2' })]),
  },
  {
    name: 'two pax headers',
    agreed: false,
    make: (spot) => Buffer.concat([pax([['path', `${spot.path}-1`]]), pax([['uid', '5']]), file(spot)]),
  },
  {
    name: 'two GNU names',
    agreed: false,
    make: (spot) => Buffer.concat([gnuLong('L', `${spot.path}-1`), gnuLong('L', spot.path), file(spot)]),
  },
  {
    name: 'global comment',
    agreed: false,
    make: () => pax([['comment', 'c']], { flag: 'g', name: 'pax_global_header' }),
  },
  {
    name: 'global record',
    agreed: false,
    make: ({ path, random }) =>
      pax(
        [[random.pick(['path', 'size', 'uid', 'linkpath', 'mtime', 'SCHILY.xattr.user.g']), random.pick(['7', path])]],
        { flag: 'g', name: 'global' },
      ),
  },
  {
    name: 'global between',
    agreed: false,
    make: (spot) =>
      Buffer.concat([pax([['path', `${spot.path}-x`]]), pax([['comment', 'c']], { flag: 'g' }), file(spot)]),
  },
  {
    name: 'unknown type',
    agreed: false,
    make: (spot) =>
      file(spot, {
        flag: spot.random.pick(['A', 'D', 'M', 'N', 'S', 'V', 'X', 'Z', ' ', '8']),
        form: spot.random.pick(['gnu', 'ustar', 'v7']),
      }),
  },
  {
    name: 'negative size',
    agreed: false,
    make: ({ path, random }) =>
      block({
        name: path,
        flag: random.pick(['0', '5', '2', '\0']),
        link: 'l',
        patch: { 124: Buffer.alloc(12, 0xff) },
      }),
  },
  {
    name: 'size that lies',
    agreed: false,
    make: (spot) => file(spot, { size: spot.random.pick([1, 512, 5000, 2 ** 33]) }),
  },
  {
    name: 'pax size that lies',
    agreed: false,
    make: (spot) =>
      Buffer.concat([
        pax([['size', spot.random.pick(['1', '512', '5000', '-1', '1e3', '99999999999999999999'])]]),
        file(spot),
      ]),
  },
  {
    name: 'wrong checksum',
    agreed: false,
    make: (spot) => {
      const bytes = file(spot)
      bytes[0] = (bytes[0] ?? 0) ^ 1
      return bytes
    },
  },
  { name: 'empty name', agreed: false, make: (spot) => file(spot, { name: '' }) },
  {
    name: 'broken pax',
    agreed: false,
    make: (spot) =>
      Buffer.concat([
        member(
          { flag: 'x' },
          spot.random.pick([
            '9 path=a',
            '6 a=b\n',
            '5 =b\n',
            '+6 a=b\n',
            '99 a=b\n',
            '6 a b\n',
            '16 path=a\0bcdef\n',
            '11 atime=x\n',
          ]),
        ),
        file(spot),
      ]),
  },
  {
    name: 'numbers that are none',
    agreed: false,
    make: (spot) =>
      block({
        name: spot.path,
        patch: {
          [spot.random.pick([100, 108, 116, 124, 136, 329, 337])]: spot.random.pick([
            '0000009\0',
            '1\x002345\0',
            '-000001\0',
            'abc',
            ' \0\0 \0 \0 ',
          ]),
        },
      }),
  },
  {
    name: 'sparse that does not fit',
    agreed: false,
    make: (spot) => sparse(spot, '0.1', spot.random.pick([-1, 1, 600])),
  },
  {
    name: 'unknown sparse form',
    agreed: false,
    make: (spot) =>
      Buffer.concat([
        pax([
          ['GNU.sparse.major', '1'],
          ['GNU.sparse.minor', spot.random.pick(['1', '9'])],
        ]),
        file(spot),
      ]),
  },
  {
    name: 'attribute without value',
    agreed: false,
    make: (spot) => Buffer.concat([pax([['SCHILY.xattr.user.k', '']]), file(spot)]),
  },
  {
    name: 'attribute in two values',
    agreed: false,
    make: (spot) =>
      Buffer.concat([
        pax([
          ['SCHILY.xattr.user.k', 'v'],
          ['LIBARCHIVE.xattr.user.k', 'dw=='],
        ]),
        file(spot),
      ]),
  },
  { name: 'name that leaves the root', agreed: false, make: (spot) => file(spot, { name: `../${spot.path}` }) },
  { name: 'dots that stay', agreed: false, kind: 'file', make: (spot) => file(spot, { name: `q/../${spot.path}` }) },
  {
    name: 'link to what comes later',
    agreed: false,
    make: (spot) => Buffer.concat([block({ name: `${spot.path}-l`, flag: '1', link: spot.path }), file(spot)]),
  },
  {
    name: 'link with another mode',
    agreed: false,
    make: (spot) =>
      Buffer.concat([file(spot), block({ name: `${spot.path}-l`, flag: '1', link: spot.path, mode: 0o4755 })]),
  },
  {
    name: 'link over a link',
    agreed: false,
    make: (spot) =>
      Buffer.concat([block({ name: spot.path, flag: '2', link: '.' }), file(spot, { name: `${spot.path}/over` })]),
  },
  {
    name: 'path below a file',
    agreed: false,
    make: (spot) => Buffer.concat([file(spot), file(spot, { name: `${spot.path}/below` })]),
  },
  {
    name: 'file for a folder',
    agreed: false,
    make: (spot) => Buffer.concat([file(spot, { name: `${spot.path}/x` }), file(spot)]),
  },
  {
    name: 'folder for a file',
    agreed: false,
    make: (spot) => Buffer.concat([file(spot), block({ name: spot.path, flag: '5', mode: 0o755 })]),
  },
  { name: 'path twice', agreed: false, kind: 'file', make: (spot) => Buffer.concat([file(spot), file(spot)]) },
  { name: 'device 0:0', agreed: false, make: ({ path }) => block({ name: path, flag: '3' }) },
  { name: 'end mark of one block', agreed: false, make: (spot) => Buffer.concat([Buffer.alloc(512), file(spot)]) },
  { name: 'end mark in between', agreed: false, make: (spot) => archive(file(spot)) },
  {
    name: 'whiteout',
    agreed: false,
    make: ({ file: target, random }) =>
      block({ name: target.replace(/([^/]*)$/, '.wh.$1'), flag: random.pick(['0', '0', '5', '2']), link: 'x' }),
  },
  { name: 'whiteout in a new folder', agreed: false, make: ({ path }) => block({ name: `${path}/.wh.x` }) },
  {
    name: 'opaque whiteout',
    agreed: false,
    make: ({ file: target }) => block({ name: target.replace(/[^/]*$/, '.wh..wh..opq') }),
  },
  {
    name: 'odd whiteout',
    agreed: false,
    make: ({ random }) => block({ name: random.pick(['.wh.', '.wh..', '.wh...', 'a/.wh..wh.x', '.wh.d/x']) }),
  },
]

export const features: readonly Feature[] = [...agreed, ...odd]

function sparse(spot: Spot, form: '0.0' | '0.1' | '1.0', off = 0): Buffer {
  const map: [number, number][] = []
  let size = spot.random.below(700)
  for (let n = spot.random.below(4); n > 0; n--) {
    const length = 1 + spot.random.below(700)
    map.push([size, length])
    size += length + spot.random.below(700)
  }
  const data = Buffer.concat(map.map(([, length]) => spot.random.bytes(length)))
  const body = off === 0 ? data : Buffer.concat([data, Buffer.alloc(Math.max(0, off))])
  const common: [string, string][] = [
    ['GNU.sparse.size', String(size - (off < 0 ? size : 0))],
    ['GNU.sparse.numblocks', String(map.length)],
  ]
  if (form === '1.0') {
    const head = padded(Buffer.from(`${map.length}\n${map.map(([at, length]) => `${at}\n${length}\n`).join('')}`))
    const records: [string, string][] = [
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', spot.path],
      ['GNU.sparse.realsize', String(size)],
    ]
    return Buffer.concat([pax(records), member({ name: 'GNUSparseFile.0/x' }, Buffer.concat([head, body]))])
  }
  if (form === '0.1')
    return Buffer.concat([
      pax([['GNU.sparse.major', '0'], ['GNU.sparse.minor', '1'], ...common, ['GNU.sparse.map', map.flat().join(',')]]),
      file0(spot, body),
    ])
  const pairs = map.flatMap(([at, length]): [string, string][] => [
    ['GNU.sparse.offset', String(at)],
    ['GNU.sparse.numbytes', String(length)],
  ])
  return Buffer.concat([
    pax([['GNU.sparse.major', '0'], ['GNU.sparse.minor', '0'], ...common, ...pairs]),
    file0(spot, body),
  ])
}

function file0({ path }: Spot, body: Buffer): Buffer {
  return member({ name: path }, body)
}

function signed(bytes: Buffer): Buffer {
  const right = summed(Buffer.from(bytes))
  let high = 0
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) high += (right[i] ?? 0) >> 7
  const sum = parseInt(right.toString('latin1', 148, 154), 8) - 256 * high
  right.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return right
}
