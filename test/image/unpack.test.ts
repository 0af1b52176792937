import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unpackImage } from '../../src/image/unpack.ts'
import { sha256 } from '../../src/base/streams.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { archive, block, member } from '../../testkit/raw-tar.ts'
import { nameBytes } from '../../src/tar/names.ts'
import { normaliseLayer } from '../../src/image/normalise.ts'
import { bytesOf, makeImage, once, type Short } from './make-image.ts'

/** What lies in a folder, in one line a path. */
function tree(root: string, at = '.'): string[] {
  return readdirSync(join(root, at)).flatMap((name) => {
    const path = at === '.' ? name : `${at}/${name}`
    const stat = lstatSync(join(root, path))
    const mode = (stat.mode & 0o7777).toString(8)
    if (stat.isDirectory()) return [`${path} dir ${mode} ${stat.uid} ${stat.mtimeMs}`, ...tree(root, path)]
    if (stat.isSymbolicLink()) return [`${path} -> ${readlinkSync(join(root, path))}`]
    const digest = createHash('sha256')
      .update(readFileSync(join(root, path)))
      .digest('hex')
    return [`${path} file ${mode} ${stat.uid} ${stat.mtimeMs} ${stat.nlink} ${digest}`]
  })
}

const layers: Short[][] = [
  [
    { path: 'bin/' },
    { path: 'bin/tool', text: 'tool', mode: 0o4755 },
    { path: 'bin/other', type: 'hardlink', link: 'bin/tool', mode: 0o4755 },
    { path: 'lib', link: 'usr/lib' },
    { path: 'usr/lib/' },
    { path: 'usr/lib/a', text: 'one' },
    { path: 'closed/', mode: 0o500 },
    { path: 'closed/x', text: 'x' },
    { path: 'gone/deep/file', text: 'x' },
    { path: 'swap', text: 'file' },
    { path: 'store/pkg', text: 'linked' },
    { path: 'app/pkg', type: 'hardlink', link: 'store/pkg' },
    { path: 'app/pkg2', type: 'hardlink', link: 'store/pkg' },
  ],
  [
    { path: '.wh.gone' },
    { path: '.wh.store' },
    { path: 'usr/lib/' },
    { path: 'usr/lib/a', text: 'two' },
    { path: 'swap/' },
    { path: 'swap/in', text: 'in' },
    { path: 'big', text: Buffer.alloc(700_000, 'b') },
  ],
  [{ path: 'swap/' }, { path: 'swap/.wh..wh..opq' }, { path: 'out', link: '/etc' }, { path: 'last/', mode: 0o1777 }],
]

test('the merged tree with modes, times and links; nothing through a link', async () => {
  const { store, image } = await makeImage(layers)
  const root = join(scratch('unpack'), 'new')
  const { notes, inventory } = await unpackImage(store, image, root)
  expect(readFileSync(join(root, 'usr/lib/a'), 'utf8')).toBe('two')
  expect(lstatSync(join(root, 'bin/tool')).mode & 0o7777).toBe(0o4755)
  expect(lstatSync(join(root, 'bin/tool')).nlink).toBe(2)
  expect(lstatSync(join(root, 'bin/tool')).mtimeMs).toBe(1_000_000)
  expect(lstatSync(join(root, 'last')).mode & 0o7777).toBe(0o1777)
  expect(readFileSync(join(root, 'app/pkg'), 'utf8')).toBe('linked')
  expect(lstatSync(join(root, 'app/pkg2')).nlink).toBe(2)
  expect(readlinkSync(join(root, 'out'))).toBe('/etc')
  expect(
    tree(root)
      .map((line) => line.split(' ')[0])
      .sort(),
  ).toEqual([...inventory].map(({ path }) => path).sort())
  expect(notes.filter((note) => !note.startsWith('owners'))).toEqual([])
})

test('devices and pipes are left out and told', async () => {
  const { store, image } = await makeImage([
    [{ path: 'null', type: 'char', dev: [1, 3] }, { path: 'pipe', type: 'fifo' }, { path: 'a' }],
  ])
  const root = scratch('unpack')
  const { notes } = await unpackImage(store, image, root)
  expect(notes).toEqual(expect.arrayContaining(['left out: null (a char device)', 'left out: pipe (a pipe)']))
  expect(readdirSync(root)).toEqual(['a'])
})

test('what a layer takes back while it is read leaves nothing behind', async () => {
  const { store, image } = await makeImage([
    [
      { path: 'a/b/c', text: '1' },
      { path: 'a', link: 'x' },
      { path: 'd/e', text: '1' },
      { path: 'd', text: '2' },
      { path: 'f', text: '1' },
      { path: 'f/' },
    ],
  ])
  const root = scratch('unpack')
  await unpackImage(store, image, root)
  expect(readlinkSync(join(root, 'a'))).toBe('x')
  expect(readFileSync(join(root, 'd'), 'utf8')).toBe('2')
  expect(lstatSync(join(root, 'f')).isDirectory()).toBe(true)
})

test('names and targets that are no UTF-8 are written as their bytes', async () => {
  const [folder, file, link, target] = ['d\xff', 'd\xff/f\xc3', 'd\xff/l', '\xed\xa0\x80'].map((name) =>
    Buffer.from(name, 'latin1'),
  ) as [Buffer, Buffer, Buffer, Buffer]
  const layer = archive(
    block({ name: folder, flag: '5', mode: 0o755 }),
    member({ name: file }, 'x'),
    block({ name: link, flag: '2', mode: 0o777, link: target }),
    block({ name: 'h\xfe', flag: '1', link: file }),
  )
  const normal = await bytesOf(normaliseLayer(once(layer), { epoch: 2000 }))
  for (const bytes of [layer, normal]) {
    const { store, image } = await makeImage([bytes])
    const root = join(scratch('unpack'), 'new')
    const { inventory } = await unpackImage(store, image, root)
    expect([...inventory].map(({ path }) => nameBytes(path).toString('latin1'))).toEqual([
      'd\xff',
      'd\xff/f\xc3',
      'd\xff/l',
      'h\xfe',
    ])
    const at = (name: Buffer): Buffer => Buffer.concat([Buffer.from(`${root}/`), name])
    expect(readFileSync(at(file), 'utf8')).toBe('x')
    expect(lstatSync(at(file)).nlink).toBe(2)
    expect(readlinkSync(at(link), { encoding: 'buffer' })).toEqual(target)
  }
})

test('a folder with something in it is not touched', async () => {
  const { store, image } = await makeImage([[{ path: 'a' }]])
  const root = scratch('unpack')
  writeFileSync(join(root, 'mine'), '')
  await expect(unpackImage(store, image, root)).rejects.toMatchObject({ code: 'exists' })
  expect(readdirSync(root)).toEqual(['mine'])
})

test('after a refusal nothing is left', async () => {
  const { store, image } = await makeImage([[{ path: 'a/b', text: 'x' }]], { diffIds: [sha256('no')] })
  const root = scratch('unpack')
  await expect(unpackImage(store, image, root)).rejects.toMatchObject({ code: 'digest-mismatch' })
  expect(readdirSync(root)).toEqual([])
})

withPeers(['umoci'], 'umoci unpacks the same tree', async () => {
  const { store, image, directory } = await makeImage(layers)
  const [ours, bundle] = [join(scratch('unpack'), 'ours'), join(scratch('umoci'), 'bundle')]
  await unpackImage(store, image, ours)
  mkdirSync(join(bundle, '..'), { recursive: true })
  const rootless = process.geteuid?.() === 0 ? [] : ['--rootless']
  execFileSync(peer('umoci'), ['unpack', ...rootless, '--image', `${directory}:latest`, bundle], { stdio: 'pipe' })
  const implied = /^(usr|app|store) dir /
  const [mine, theirs] = [tree(ours), tree(join(bundle, 'rootfs'))].map((lines) =>
    lines.filter((line) => !implied.test(line)).sort(),
  )
  expect(mine).toEqual(theirs)
})
