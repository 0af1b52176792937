import { block, gnuLong, member, pax, padded } from '../../../testkit/raw-tar.ts'
import { content, file, sparse, type Feature } from './feature.ts'

/** Features that Go and engines read alike, and readers of confidential guests do not: they are refused. */
export const otherwiseInGuests: readonly Feature[] = [
  {
    name: 'folder with a size',
    agreed: false,
    make: ({ path, random }) => block({ name: path, flag: '5', mode: 0o755, size: 1 + random.below(5000) }),
  },
  {
    name: 'link with a size',
    agreed: false,
    make: ({ path, file: target, random }) =>
      block({ name: path, flag: random.pick(['1', '2']), link: target, size: random.pick([9, 700]) }),
  },
  {
    name: 'pax size',
    agreed: false,
    make: (spot) => {
      const data = content(spot)
      return Buffer.concat([
        pax([['size', String(data.length)]]),
        block({ name: spot.path, size: spot.random.pick([0, 77, data.length]) }),
        padded(data),
      ])
    },
  },
  {
    name: 'pax size of a folder',
    agreed: false,
    make: ({ path, random }) =>
      Buffer.concat([pax([['size', random.pick(['600', '0'])]]), block({ name: path, flag: '5', mode: 0o755 })]),
  },
  {
    name: 'pax owner that fits',
    agreed: false,
    make: (spot) => {
      const uid = spot.random.pick([0, 7])
      return Buffer.concat([pax([[spot.random.pick(['uid', 'gid']), '7']]), file(spot, { uid, gid: uid })])
    },
  },
  {
    name: 'pax size of a GNU name',
    agreed: false,
    make: (spot) => {
      const data = content(spot)
      const size = pax([['size', String(data.length)]])
      return Buffer.concat([size, gnuLong('L', `${spot.path}-gnu`), block({ form: 'gnu' }), padded(data)])
    },
  },
  {
    name: 'pax path twice',
    agreed: false,
    make: (spot) => {
      const [key, flag] = spot.random.pick([['path', '0'] as const, ['linkpath', '2'] as const])
      return Buffer.concat([
        pax([
          [key, `${spot.path}-1`],
          [key, `${spot.path}-2`],
        ]),
        block({ name: spot.path, flag, link: 'l' }),
      ])
    },
  },
  {
    name: 'pax path that is empty',
    agreed: false,
    make: (spot) => Buffer.concat([pax([['path', '']]), file(spot)]),
  },
  {
    name: 'pax record in a record',
    agreed: false,
    make: (spot) => {
      const inner = spot.random.pick(['12 path=abc', '\n12 path=abc', '25 SCHILY.xattr.user.a=b'])
      return Buffer.concat([
        pax([
          ['comment', `c\n${inner}`],
          ['path', `${spot.path}-p`],
        ]),
        file(spot),
      ])
    },
  },
  { name: 'GNU name that is empty', agreed: false, make: (spot) => Buffer.concat([gnuLong('L', ''), file(spot)]) },
  {
    name: 'prefix in GNU form',
    agreed: false,
    make: (spot) => file(spot, { name: 'in-gnu', prefix: spot.path, form: 'gnu' }),
  },
  {
    name: 'ustar of another version',
    agreed: false,
    make: (spot) =>
      spot.random.below(2) === 0
        ? file(spot, { name: 'in-other', prefix: spot.path, patch: { 263: '\0\0' } })
        : Buffer.concat([pax([['path', `${spot.path}-p`]], { patch: { 263: '  ' } }), file(spot)]),
  },
  {
    name: 'full prefix in a star header',
    agreed: false,
    make: (spot) => file(spot, { form: 'star', prefix: `${spot.path}/`.padEnd(131, 'p') }),
  },
  {
    name: 'extension without a magic',
    agreed: false,
    make: (spot) => Buffer.concat([pax([['path', `${spot.path}-p`]], { form: 'v7' }), file(spot)]),
  },
  { name: 'empty mode', agreed: false, make: (spot) => file(spot, { patch: { 100: Buffer.alloc(8) } }) },
  {
    name: 'folder by its name in ustar',
    agreed: false,
    make: ({ path }) => block({ name: `${path}/`, flag: '\0', mode: 0o755 }),
  },
  { name: 'fifo with a slash', agreed: false, make: ({ path }) => block({ name: `${path}/`, flag: '6', form: 'gnu' }) },
  { name: 'sparse 0.1', agreed: false, make: (spot) => sparse(spot, '0.1') },
  { name: 'sparse 0.0', agreed: false, make: (spot) => sparse(spot, '0.0') },
  {
    name: 'name of a sparse file',
    agreed: false,
    make: (spot) => file(spot, { name: `GNUSparseFile.1/${spot.path}` }),
  },
  {
    name: 'bytes behind the end mark',
    agreed: false,
    make: (spot) =>
      Buffer.concat([
        Buffer.alloc(1024),
        spot.random.pick([Buffer.from('junk'.padEnd(512, '\0')), member({ name: spot.path })]),
      ]),
  },
]
