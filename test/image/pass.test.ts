import { sha256 } from '../../src/base/streams.ts'
import { passImage } from '../../src/image/pass.ts'
import type { InventoryEntry, PassReader } from '../../src/image/types.ts'
import { bytesOf, makeImage, once, tar, type Short } from './make-image.ts'
import { compress } from '../../src/image/compress.ts'

async function files(...layers: (readonly Short[])[]): Promise<Record<string, string>> {
  const { store, image } = await makeImage(layers)
  const { inventory } = await passImage(store, image, [])
  return Object.fromEntries([...inventory].map((entry) => [entry.path, short(entry)]))
}
const known = new Map<string, string>(['one', 'two', 'three', ''].map((text) => [sha256(text), text] as const))
function short({ type, sha256: digest, link }: InventoryEntry): string {
  if (type === 'file') return `file ${known.get(digest ?? '') ?? '?'}`
  if (type === 'hardlink') return `hardlink ${link} ${known.get(digest ?? '') ?? '?'}`
  return link === undefined ? type : `${type} ${link}`
}
/** Keeps what a reader was given. */
function keeper(match: (path: string) => boolean, bytes = 1000): PassReader & { got: Record<string, string> } {
  const got: Record<string, string> = {}
  return {
    got,
    wants: ({ path }) => (match(path) ? bytes : 0),
    file: ({ path }, content) => void (got[path] = content.toString()),
    forget: (path) => void delete got[path],
  }
}

test.each(['gzip', 'zstd', 'none'] as const)('layers merge, %s', async (compression) => {
  const { store, image } = await makeImage(
    [
      [{ path: 'etc/' }, { path: 'etc/a', text: 'one' }, { path: 'etc/b', text: 'one' }],
      [{ path: 'etc/a', text: 'two' }, { path: 'etc/.wh.b' }, { path: 'etc/c', link: 'a' }],
    ],
    { compression },
  )
  const { inventory, layers } = await passImage(store, image, [])
  expect([...inventory]).toEqual([
    { path: 'etc', type: 'dir', mode: 0o755, uid: 0, gid: 0, size: 0 },
    { path: 'etc/a', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 3, sha256: sha256('two') },
    { path: 'etc/c', type: 'symlink', mode: 0o644, uid: 0, gid: 0, size: 0, link: 'a' },
  ])
  expect(layers.map(({ diffId }) => diffId)).toEqual(image.config.rootfs.diff_ids)
})

test('whiteouts: a file, a folder, an opaque folder, and what the same layer brings', async () => {
  const low: Short[] = [
    { path: 'd/' },
    { path: 'd/x', text: 'one' },
    { path: 'd/y/z', text: 'one' },
    { path: 'k', text: 'one' },
  ]
  expect(await files(low, [{ path: '.wh.d' }])).toEqual({ k: 'file one' })
  expect(await files(low, [{ path: 'd/.wh..wh..opq' }, { path: 'd/n', text: 'two' }])).toEqual({
    d: 'dir',
    'd/n': 'file two',
    k: 'file one',
  })
  // A whiteout takes from lower layers only.
  expect(
    await files(low, [{ path: '.wh.k' }, { path: 'k', text: 'two' }, { path: '.wh.d' }, { path: 'd', text: 'two' }]),
  ).toEqual({ d: 'file two', k: 'file two' })
  // A layer above the whiteout may bring the name back.
  expect(await files(low, [{ path: '.wh.d' }], [{ path: 'd/' }, { path: 'd/new', text: 'three' }])).toEqual({
    d: 'dir',
    'd/new': 'file three',
    k: 'file one',
  })
  // aufs' own files are no whiteouts of ours.
  expect(
    await files([
      { path: '.wh..wh.plnk', text: 'x' },
      { path: 'a', text: 'one' },
    ]),
  ).toEqual({ a: 'file one' })
})

test('a name that contains wh is no whiteout', async () => {
  expect(await files([{ path: 'white/a.wh.b', text: 'one' }])).toEqual({ white: 'dir', 'white/a.wh.b': 'file one' })
})

test('a file replaced by a folder and the other way round', async () => {
  expect(await files([{ path: 'a', text: 'one' }], [{ path: 'a/' }, { path: 'a/b', text: 'two' }])).toEqual({
    a: 'dir',
    'a/b': 'file two',
  })
  expect(await files([{ path: 'a/b', text: 'one' }], [{ path: 'a', text: 'two' }])).toEqual({ a: 'file two' })
  // The middle layer's file took the lowest one's folder away, although the top has a folder again.
  expect(await files([{ path: 'a/b', text: 'one' }], [{ path: 'a', text: 'two' }], [{ path: 'a/' }])).toEqual({
    a: 'dir',
  })
})

test('the last of several entries of a path wins, in every mixture', async () => {
  expect(
    await files([
      { path: 'a', text: 'one' },
      { path: 'a', text: 'two' },
    ]),
  ).toEqual({ a: 'file two' })
  expect(await files([{ path: 'a/' }, { path: 'a/b', text: 'one' }, { path: 'a', text: 'two' }])).toEqual({
    a: 'file two',
  })
  expect(
    await files([
      { path: 'a/b', text: 'one' },
      { path: 'a', text: 'two' },
      { path: 'a/' },
      { path: 'a/c', text: 'three' },
    ]),
  ).toEqual({ a: 'dir', 'a/c': 'file three' })
  expect(await files([{ path: 'a', text: 'one' }], [{ path: 'a', text: 'two' }, { path: 'a/' }])).toEqual({ a: 'dir' })
})

test('hard links have the content of their target, wherever that lies', async () => {
  const target: Short = { path: 't', text: 'one' }
  const link: Short = { path: 'l', type: 'hardlink', link: 't' }
  const both = { t: 'file one', l: 'hardlink t one' }
  expect(await files([target, link])).toEqual(both)
  expect(await files([target], [link])).toEqual(both)
  expect(await files([target, link], [{ path: '.wh.t' }])).toEqual({ l: 'hardlink t one' })
  expect(await files([target, link], [{ path: 't', text: 'two' }])).toEqual({ t: 'file two', l: 'hardlink t one' })
  expect(await files([target], [link], [{ path: '.wh.t' }])).toEqual({ l: 'hardlink t one' })
  // The name was another file when the link was made.
  expect(await files([target, link, { path: 't', text: 'two' }])).toEqual({ t: 'file two', l: 'hardlink t one' })
  const chain: Short = { path: 'm', type: 'hardlink', link: 'l' }
  expect(await files([target, link, chain])).toEqual({ ...both, m: 'hardlink l one' })
})

test('hard links to hard links to a file of a lower layer', async () => {
  const link = (path: string, to: string): Short => ({ path, type: 'hardlink', link: to })
  expect(await files([{ path: 'x', text: 'one' }], [link('a', 'x'), link('b', 'a'), link('c', 'b')])).toEqual({
    a: 'hardlink x one',
    b: 'hardlink a one',
    c: 'hardlink b one',
    x: 'file one',
  })
})

test('readers get wanted bytes of visible files only', async () => {
  const { store, image } = await makeImage([
    [
      { path: 'a/db', text: 'one' },
      { path: 'b/db', text: 'two' },
      { path: 'c/db', text: 'three' },
      { path: 'other', text: 'x' },
    ],
    [{ path: 'a/db', text: 'upper' }, { path: '.wh.b' }],
    [
      { path: 'd/db', text: 'first' },
      { path: 'd/db', text: 'second' },
      { path: 'e/db', text: 'gone' },
      { path: 'e', text: 'file' },
    ],
  ])
  const [all, first] = [keeper((path) => path.endsWith('/db')), keeper((path) => path === 'c/db', 2)]
  await passImage(store, image, [all, first])
  expect(all.got).toEqual({ 'a/db': 'upper', 'c/db': 'three', 'd/db': 'second' })
  expect(first.got).toEqual({ 'c/db': 'th' })
})

test('readers get the content of hard links too, also where only the link is visible', async () => {
  const { store, image } = await makeImage([
    [
      { path: 'store/x', text: 'one' },
      { path: 'app/db', type: 'hardlink', link: 'store/x' },
      { path: 'z', text: 'end' },
    ],
    [{ path: '.wh.store' }],
  ])
  const reader = keeper((path) => path === 'app/db')
  await passImage(store, image, [reader])
  expect(reader.got).toEqual({ 'app/db': 'one' })
})

test.each<[string, Short[][]]>([
  [
    'an entry below a symbolic link of its own layer',
    [
      [
        { path: 'l', link: 'etc' },
        { path: 'l/passwd', text: 'x' },
      ],
    ],
  ],
  [
    'an entry below a symbolic link of a lower layer',
    [[{ path: 'l', link: 'etc' }], [{ path: 'l/passwd', text: 'x' }]],
  ],
  [
    'an entry below a file',
    [
      [
        { path: 'f', text: 'x' },
        { path: 'f/g', text: 'x' },
      ],
    ],
  ],
  ['a hard link to nothing', [[{ path: 'l', type: 'hardlink', link: 'nowhere' }]]],
  [
    'a hard link to what a layer between took away',
    [[{ path: 't' }], [{ path: '.wh.t' }], [{ path: 'l', type: 'hardlink', link: 't' }]],
  ],
  ['a hard link to itself', [[{ path: 'l', type: 'hardlink', link: 'l' }]]],
  [
    'hard links in a ring',
    [
      [
        { path: 'a', type: 'hardlink', link: 'b' },
        { path: 'b', type: 'hardlink', link: 'a' },
      ],
    ],
  ],
  ['a hard link to a folder', [[{ path: 'd/' }, { path: 'l', type: 'hardlink', link: 'd' }]]],
  ['an entry inside a whiteout', [[{ path: '.wh.a/b', text: 'x' }]]],
])('%s is refused', async (_what, layers) => {
  await expect(files(...layers)).rejects.toMatchObject({ code: 'archive-ambiguous' })
})

test('a whiteout of .. is refused', async () => {
  await expect(files([{ path: 'a/.wh...' }])).rejects.toMatchObject({ code: 'path-escape' })
})

test('a wrong diff id is refused', async () => {
  const { store, image } = await makeImage([[{ path: 'a' }]], { diffIds: [sha256('other')] })
  await expect(passImage(store, image, [])).rejects.toMatchObject({ code: 'digest-mismatch' })
})

test('an encrypted layer needs an opener', async () => {
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted'
  const { store, image } = await makeImage([[{ path: 'a', text: 'one' }]], { mediaType })
  await expect(passImage(store, image, [])).rejects.toMatchObject({ code: 'not-checked' })
  const plain = await bytesOf(compress('gzip', once(await tar([{ path: 'a', text: 'one' }]))))
  const open = async (): Promise<AsyncGenerator<Uint8Array>> => once(plain)
  const { inventory } = await passImage(store, image, [], { open })
  expect([...inventory].map(short)).toEqual(['file one'])
})

test('the inventory is ordered by UTF-8 bytes', async () => {
  const names = ['\u{1f600}', '\uff5e', 'z', 'a-b', 'a/b', 'A']
  const found = Object.keys(await files(names.map((path) => ({ path, text: 'one' }))))
  const expected = [...names, 'a'].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  expect(found).toEqual(expected)
})
