import { passImage } from '../../src/image/pass.ts'
import type { InventoryEntry } from '../../src/image/types.ts'
import { makeImage, type Short } from './make-image.ts'
import { archive, block, member, pax } from '../../testkit/raw-tar.ts'

async function inventory(...layers: (readonly Short[] | Buffer)[]): Promise<InventoryEntry[]> {
  const { store, image } = await makeImage(layers)
  return [...(await passImage(store, image, [])).inventory]
}
async function paths(...layers: (readonly Short[] | Buffer)[]): Promise<string[]> {
  return (await inventory(...layers)).map(({ path, type }) => (type === 'dir' ? `${path}/` : path))
}
const low: Short[] = [
  { path: 'd/' },
  { path: 'd/x' },
  { path: 'd/y/' },
  { path: 'd/y/z' },
  { path: 'k' },
  { path: 'lib', link: 'd' },
]
const hard = (path: string, link: string, more: Partial<Short> = {}): Short => ({
  path,
  type: 'hardlink',
  link,
  ...more,
})

/** Each with what engines do; the entry that the message names stands last. */
test.each<[string, (readonly Short[] | Buffer)[], string]>([
  // Whiteouts of what the same layer brings: Docker and Podman remove it, umoci keeps it.
  ['a whiteout behind its file', [low, [{ path: 'k', text: 'new' }, { path: '.wh.k' }]], '.wh.k'],
  ['a whiteout behind its folder', [low, [{ path: 'd/' }, { path: 'd/n' }, { path: '.wh.d' }]], '.wh.d'],
  ['a whiteout behind an implied folder', [low, [{ path: 'd/n' }, { path: '.wh.d' }]], '.wh.d'],
  ['a whiteout behind a link', [low, [{ path: 'l', link: 'k' }, { path: '.wh.l' }]], '.wh.l'],
  // A folder that is taken away and made again: an overlay mount merges it with the old one.
  ['a folder behind its whiteout', [low, [{ path: '.wh.d' }, { path: 'd/' }, { path: 'd/n' }]], 'd/x'],
  ['an implied folder behind its whiteout', [low, [{ path: '.wh.d' }, { path: 'd/n' }]], 'd/x'],
  ['a folder inside one behind its whiteout', [low, [{ path: 'd/' }, { path: 'd/.wh.y' }, { path: 'd/y/' }]], 'd/y/z'],
  ['a folder behind a file of its name', [low, [{ path: 'd', text: 'f' }, { path: 'd/' }]], 'd/x'],
  ['a folder behind a link of its name', [low, [{ path: 'd', link: 'k' }, { path: 'd/' }]], 'd/x'],
  // Whiteouts through links of lower layers: followed by some, replaced by others.
  ['a whiteout through a link', [low, [{ path: 'lib/.wh.x' }]], 'lib'],
  ['a whiteout below a folder through a link', [low, [{ path: 'lib/y/.wh.z' }]], 'lib'],
  ['an opaque whiteout through a link', [low, [{ path: 'lib/.wh..wh..opq' }]], 'lib'],
  ['a whiteout through a link two layers below', [low, [{ path: 'o' }], [{ path: 'lib/.wh.x' }]], 'lib'],
  ['a whiteout through a link that a folder hides later', [low, [{ path: 'lib/.wh.x' }], [{ path: 'lib/' }]], 'lib'],
  ['a whiteout below a file', [low, [{ path: 'k/.wh.x' }]], 'k'],
  ['a whiteout below a link of its own layer', [[{ path: 'l', link: 'd' }, { path: 'l/.wh.x' }]], 'l/.wh.x'],
  // Whiteouts in folders that are nowhere: made by Docker and Podman, not by umoci.
  ['a whiteout in no folder', [low, [{ path: 'q/r/.wh.x' }]], 'q'],
  ['an opaque whiteout in no folder', [low, [{ path: 'q/.wh..wh..opq' }]], 'q'],
  ['a whiteout in a folder that the same layer takes away', [low, [{ path: '.wh.d' }, { path: 'd/.wh.x' }]], 'd'],
  ['a whiteout in a folder that a layer between took away', [low, [{ path: '.wh.d' }], [{ path: 'd/.wh.x' }]], 'd'],
  ['a whiteout in a folder of an opaque one', [low, [{ path: 'd/.wh..wh..opq' }, { path: 'd/y/.wh.z' }]], 'd/y'],
  // Opaque whiteouts.
  [
    'an opaque whiteout behind an implied folder',
    [low, [{ path: 'd/n/f' }, { path: 'd/.wh..wh..opq' }]],
    'd/.wh..wh..opq',
  ],
  ['an opaque whiteout of the root', [low, [{ path: '.wh..wh..opq' }, { path: 'n' }]], 'k'],
  ['an opaque whiteout of the root, a file below', [[{ path: 'k' }], [{ path: '.wh..wh..opq' }]], 'k'],
  // Hard links.
  ['a hard link before its target', [[hard('l', 't'), { path: 't' }]], 'l'],
  ['hard links in a ring', [[hard('a', 'b'), hard('b', 'c'), hard('c', 'a')]], 'a'],
  ['a hard link to what it replaces', [[{ path: 'd/f' }, hard('d', 'd/f')]], 'd'],
  ['a hard link to a folder', [[{ path: 'd/' }, hard('l', 'd')]], 'l'],
  ['a hard link to a folder of a lower layer', [low, [hard('l', 'd')]], 'l'],
  ['a hard link to an implied folder', [[{ path: 'd/f' }, hard('l', 'd')]], 'l'],
  ['a hard link to what its layer took away', [low, [{ path: '.wh.k' }, hard('l', 'k')]], 'l'],
  ['a hard link into a folder that its layer took away', [low, [{ path: '.wh.d' }, hard('l', 'd/x')]], 'l'],
  ['a hard link into an opaque folder', [low, [{ path: 'd/.wh..wh..opq' }, hard('l', 'd/x')]], 'l'],
  ['a hard link to what a layer between hides', [low, [{ path: 'd/.wh..wh..opq' }], [hard('l', 'd/x')]], 'l'],
  ['a hard link below what a layer between replaced', [low, [{ path: 'd', text: 'f' }], [hard('l', 'd/x')]], 'l'],
  ['a hard link with another mode', [[{ path: 't' }, hard('l', 't', { mode: 0o4755 })]], 'l'],
  ['a hard link with another owner', [[{ path: 't' }, hard('l', 't', { uid: 7 })]], 'l'],
  ['a hard link with another mode than in a lower layer', [low, [hard('l', 'k', { mode: 0o755 })]], 'l'],
  ['a hard link with an attribute', [[{ path: 't' }, hard('l', 't', { xattrs: { 'user.a': 'x' } })]], 'l'],
  ['a hard link through a link', [[{ path: 'd/f' }, { path: 's', link: 'd' }, hard('l', 's/f')]], 'l'],
  // Entries below what is no folder.
  ['a file through a link of its layer', [[{ path: 'd/' }, { path: 's', link: 'd' }, { path: 's/f' }]], 's/f'],
  ['a file through a link of a lower layer', [low, [{ path: 'lib/f' }]], 'lib'],
  ['a folder through a link of a lower layer', [low, [{ path: 'lib/f/' }]], 'lib'],
  ['a file below a file of a lower layer', [low, [{ path: 'k/f' }]], 'k'],
  // Attributes of folders: kept by some, dropped by others.
  ['a folder without its attribute', [[{ path: 'd/', xattrs: { 'user.a': 'x' } }], [{ path: 'd/' }]], 'd'],
  [
    'a folder twice, the second without its attribute',
    [[{ path: 'd/', xattrs: { 'user.a': 'x' } }, { path: 'd/' }]],
    'd',
  ],
  // Global headers take the place of what has their name.
  [
    'a global header with the name of a file before it',
    [archive(member({ name: 'f' }), pax([['comment', 'c']], { flag: 'g', name: 'f' }))],
    'f',
  ],
  [
    'a global header with the name of a lower file',
    [low, archive(pax([['comment', 'c']], { flag: 'g', name: 'k' }))],
    'k',
  ],
  [
    'a global header with the name of a lower folder',
    [low, archive(pax([['comment', 'c']], { flag: 'g', name: 'd' }))],
    'd',
  ],
  [
    'a global header with the name of a whiteout',
    [low, archive(pax([['comment', 'c']], { flag: 'g', name: '.wh.k' }))],
    '.wh.k',
  ],
  [
    'a global header with a name inside a whiteout',
    [low, archive(pax([['comment', 'c']], { flag: 'g', name: 'd/.wh.d/x' }))],
    'd/.wh.d/x',
  ],
  // image-rs follows the link when it changes the owner.
  ...[{ uid: 1000 }, { gid: 7 }].map((owner): [string, (readonly Short[] | Buffer)[], string] => [
    `a hard link to a symbolic link of ${JSON.stringify(owner)}`,
    [
      archive(
        member({ name: 'f' }, 'x'),
        block({ name: 's', flag: '2', link: 'f', mode: 0o777, ...owner }),
        block({ name: 'h', flag: '1', link: 's', mode: 0o777, ...owner }),
      ),
    ],
    'h',
  ]),
  [
    'an implied folder in a setgid folder of a lower layer',
    [[{ path: 'd/', mode: 0o2755 }], [{ path: 'd/n/f' }]],
    'd/n',
  ],
  ['a file for the root', [archive(block({ name: '.', flag: '2', link: 'x' }))], '.'],
])('%s is refused', async (_what, layers, path) => {
  const error: unknown = await inventory(...layers).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'archive-ambiguous', subject: path, exitCode: 1 })
  expect(error).toMatchObject({
    message: expect.stringMatching(/^layer.* cannot be read in one way only: .* at byte \d+ /),
  })
})

test.each<[string, Short[], RegExp]>([
  [
    'a whiteout',
    [{ path: 'n' }, { path: 'lib/.wh.x' }],
    /but layer sha256:[0-9a-f]{64} has an entry below it \(at byte 512\)/,
  ],
  ['a file', [{ path: 'lib/n' }], /but layer sha256:[0-9a-f]{64} has an entry below it \(at byte 0\)/],
  ['a hard link', [hard('l', 'lib/x')], /is a hard link to "lib\/x", which lies below "lib", which is not a folder/],
])('%s through a link of a lower layer: both layers are named', async (_what, layer, message) => {
  await expect(inventory(low, layer)).rejects.toThrow(message)
})

test('a hard link through a link of its own layer: the link is named', async () => {
  const layers = [...low, hard('l', 'lib/x')]
  await expect(inventory(layers)).rejects.toThrow(
    'is a hard link to "lib/x", which lies below "lib", which is not a folder',
  )
})

test.each<[string, (readonly Short[] | Buffer)[], string[]]>([
  [
    'a file behind its whiteout',
    [low, [{ path: '.wh.k' }, { path: 'k', text: 'new' }]],
    ['d/', 'd/x', 'd/y/', 'd/y/z', 'k', 'lib'],
  ],
  ['a file behind the whiteout of a folder', [low, [{ path: '.wh.d' }, { path: 'd', text: 'new' }]], ['d', 'k', 'lib']],
  [
    'a folder behind the whiteout of a file',
    [low, [{ path: '.wh.k' }, { path: 'k/n' }]],
    ['d/', 'd/x', 'd/y/', 'd/y/z', 'k/', 'k/n', 'lib'],
  ],
  ['a folder made again over an empty one', [[{ path: 'e/' }], [{ path: '.wh.e' }, { path: 'e/n' }]], ['e/', 'e/n']],
  [
    'a folder made again over nothing',
    [low, [{ path: '.wh.e' }, { path: 'e/n' }]],
    ['d/', 'd/x', 'd/y/', 'd/y/z', 'e/', 'e/n', 'k', 'lib'],
  ],
  [
    'a folder made again and opaque',
    [low, [{ path: '.wh.d' }, { path: 'd/' }, { path: 'd/.wh..wh..opq' }, { path: 'd/n' }]],
    ['d/', 'd/n', 'k', 'lib'],
  ],
  [
    'a folder made again above a whiteout of it',
    [low, [{ path: '.wh.d' }], [{ path: '.wh.d' }, { path: 'd/n' }]],
    ['d/', 'd/n', 'k', 'lib'],
  ],
  ['a whiteout of a link', [low, [{ path: '.wh.lib' }]], ['d/', 'd/x', 'd/y/', 'd/y/z', 'k']],
  ['a whiteout of nothing', [low, [{ path: 'd/.wh.none' }]], ['d/', 'd/x', 'd/y/', 'd/y/z', 'k', 'lib']],
  [
    'a whiteout in a folder that only lower files imply',
    [[{ path: 'd/x' }, { path: 'd/y' }], [{ path: 'd/.wh.x' }]],
    ['d/', 'd/y'],
  ],
  ['an opaque whiteout alone', [low, [{ path: 'd/.wh..wh..opq' }]], ['d/', 'k', 'lib']],
  [
    'an opaque whiteout behind entries with folders',
    [low, [{ path: 'd/' }, { path: 'd/n/' }, { path: 'd/n/f' }, { path: 'd/.wh..wh..opq' }]],
    ['d/', 'd/n/', 'd/n/f', 'k', 'lib'],
  ],
  ['an opaque whiteout of the root of the lowest layer', [[{ path: '.wh..wh..opq' }, { path: 'n' }]], ['n']],
  [
    'whiteouts of every type',
    [
      low,
      archive(
        block({ name: '.wh.k', flag: '5' }),
        block({ name: '.wh.lib', flag: '2', link: 'x' }),
        block({ name: 'd/.wh.x', flag: '6' }),
      ),
    ],
    ['d/', 'd/y/', 'd/y/z'],
  ],
  ["aufs' own files", [[{ path: '.wh..wh.plnk/' }, { path: '.wh..wh.aufs' }, { path: 'f' }]], ['f']],
  [
    'a global header with a name of its own',
    [low, archive(pax([['comment', 'c']], { flag: 'g', name: 'pax_global_header' }))],
    ['d/', 'd/x', 'd/y/', 'd/y/z', 'k', 'lib'],
  ],
  [
    'a file behind a global header of its name',
    [low, archive(pax([['comment', 'c']], { flag: 'g', name: 'k' }), member({ name: 'k' }))],
    ['d/', 'd/x', 'd/y/', 'd/y/z', 'k', 'lib'],
  ],
  [
    'a lower link below an upper folder',
    [low, [{ path: 'lib/' }, { path: 'lib/f' }]],
    ['d/', 'd/x', 'd/y/', 'd/y/z', 'k', 'lib/', 'lib/f'],
  ],
])('%s is read as all engines do', async (_what, layers, expected) => {
  expect(await paths(...layers)).toEqual(expected)
})

test('a hard link has the content and the attributes of its target when it was made', async () => {
  const capability = '\x01\0\0\x02'
  const found = await inventory(
    [{ path: 't', text: 'old', xattrs: { 'security.capability': capability } }],
    [hard('l', 't'), { path: 't', text: 'new' }, hard('m', 'l')],
  )
  const [l, m, t] = found
  expect(l?.sha256).not.toBe(t?.sha256)
  expect(m?.sha256).toBe(l?.sha256)
  expect([l?.xattrs, m?.xattrs, t?.xattrs]).toEqual([
    { 'security.capability': '01000002' },
    { 'security.capability': '01000002' },
    undefined,
  ])
})

test('a hard link to a symbolic link is another name of that', async () => {
  const found = await inventory([{ path: 's', link: 't', mode: 0o777 }, hard('l', 's', { mode: 0o644 })])
  expect(found.map(({ path, type, size }) => [path, type, size])).toEqual([
    ['l', 'hardlink', 0],
    ['s', 'symlink', 0],
  ])
})

test('a folder without an entry has the group of a setgid folder that it is made in', async () => {
  const layer = archive(
    block({ name: 'd', flag: '5', mode: 0o2755, gid: 5 }),
    member({ name: 'd/n/m/f' }),
    block({ name: 'd/n', flag: '5', mode: 0o700 }),
  )
  const found = await inventory(layer)
  expect(found.map(({ path, mode, gid }) => [path, mode.toString(8), gid])).toEqual([
    ['d', '2755', 5],
    ['d/n', '700', 0],
    ['d/n/m', '2755', 5],
    ['d/n/m/f', '644', 0],
  ])
})

test('an odd whiteout name is refused', async () => {
  for (const path of ['.wh.', 'd/.wh..', 'd/.wh...'])
    await expect(inventory([{ path }])).rejects.toMatchObject({ code: 'path-escape' })
  for (const path of ['.wh.d/x', 'a/.wh.d/b/x', '.wh..wh.plnk/1.2'])
    await expect(inventory([{ path }])).rejects.toMatchObject({ code: 'archive-ambiguous' })
})
