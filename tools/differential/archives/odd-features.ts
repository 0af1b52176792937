import { archive, block, gnuLong, member, pax } from '../../../testkit/raw-tar.ts'
import { file, sparse, type Feature } from './feature.ts'

/** Features that are refused by us, by engines, or read otherwise by some; what follows must not be read otherwise for that. */
export const odd: readonly Feature[] = [
  { name: 'file with a slash', agreed: false, make: (spot) => file(spot, { name: `${spot.path}/` }) },
  {
    name: 'setgid folder',
    agreed: false,
    kind: 'dir',
    make: ({ path, random }) => block({ name: path, flag: '5', mode: random.pick([0o2775, 0o3777]), gid: 5 }),
  },
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
