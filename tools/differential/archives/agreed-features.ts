import { block, gnuLong, member, pax, padded } from '../../../testkit/raw-tar.ts'
import { content, file, modes, long, deep, octets, sparse, signed, type Feature } from './feature.ts'

/** Features of which every engine has the same reading. */
export const agreed: readonly Feature[] = [
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
      block({ name: `${path}/`, flag: '5', mode: random.pick([0o755, 0o1777, 0o700]), uid: random.below(3) }),
  },
  {
    name: 'folder without slash',
    agreed: true,
    kind: 'dir',
    make: ({ path }) => block({ name: path, flag: '5', mode: 0o755 }),
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
    once: true,
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
    name: 'pax owner and times',
    agreed: true,
    make: (spot) =>
      Buffer.concat([
        pax([
          ['uid', '300000'],
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
          ['mtime', '1'],
          ['mtime', '2'],
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
      const one = pax([['uid', '3000000']])
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
  { name: 'sparse 1.0', agreed: true, kind: 'file', make: (spot) => sparse(spot, '1.0') },
]
