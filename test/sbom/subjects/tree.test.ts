import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
  appendFileSync,
  rmSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { sha256 } from '../../../src/base/streams.ts'
import { inventoryBytes, parseInventory } from '../../../src/image/inventory.ts'
import type { PassReader, TarHeader } from '../../../src/image/types.ts'
import { treeDigest } from '../../../src/sbom/subjects/tree/digest.ts'
import { openLocalTree, type LocalTreeOptions } from '../../../src/sbom/subjects/tree/local.ts'
import { passTree, type TreePass } from '../../../src/sbom/subjects/tree/pass.ts'
import type { Tree } from '../../../src/sbom/subjects/tree/types.ts'
import { scratch } from '../../../testkit/ports.ts'

function fill(root: string, files: Record<string, string | Buffer>): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return root
}

async function pass(
  root: string,
  options: Partial<LocalTreeOptions> = {},
  readers: PassReader[] = [],
): Promise<TreePass> {
  return passTree(await openLocalTree({ root, proc: '/proc', attributes: 'git', ...options }), readers)
}

test('lists and hashes everything in byte order, with folders, links and empty files', async () => {
  const root = fill(scratch('tree'), { 'a/b': 'one', 'a-b': 'two', empty: '', 'a/é': 'three' })
  symlinkSync('a/b', join(root, 'link'))
  const { inventory, gaps } = await pass(root)
  expect(inventory).toEqual([
    { path: 'a', type: 'dir', mode: 0o755, uid: 0, gid: 0, size: 0 },
    { path: 'a-b', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 3, sha256: sha256('two') },
    { path: 'a/b', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 3, sha256: sha256('one') },
    { path: 'a/é', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 5, sha256: sha256('three') },
    { path: 'empty', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, sha256: sha256('') },
    { path: 'link', type: 'symlink', mode: 0o777, uid: 0, gid: 0, size: 0, link: 'a/b' },
  ])
  expect(gaps).toEqual([])
  expect(parseInventory(inventoryBytes(inventory))).toEqual(inventory)
})

test('a large file is read in parts and gives the same to readers as a small one', async () => {
  const large = Buffer.alloc(3_500_000, 'abcdefg')
  const root = fill(scratch('tree'), { large, small: large.subarray(0, 1000) })
  const got = new Map<string, { bytes: Buffer; digest: string }>()
  const reader: PassReader = {
    wants: ({ path }, _layer, magic) => {
      got.set(path, { bytes: Buffer.alloc(0), digest: '' })
      expect(magic).toBe(0x61626364)
      return 1_500_000
    },
    file: ({ path }, bytes) => Object.assign(got.get(path) ?? {}, { bytes }),
    digest: () => 'md5',
    hashed: ({ path }, digest) => Object.assign(got.get(path) ?? {}, { digest: digest.toString('hex') }),
  }
  const { inventory } = await pass(root, {}, [reader])
  const md5 = (path: string): string => execFileSync('md5sum', [join(root, path)], { encoding: 'utf8' }).slice(0, 32)
  expect(got.get('large')?.bytes.equals(large.subarray(0, 1_500_000))).toBe(true)
  expect(inventory.find(({ path }) => path === 'large')?.sha256).toBe(sha256(large))
  expect(got.get('large')).toMatchObject({ digest: md5('large') })
  expect(got.get('small')).toMatchObject({ bytes: large.subarray(0, 1000), digest: md5('small') })
})

test('attributes are kept where they belong to the subject', async () => {
  const root = fill(scratch('tree'), { x: '1', y: '2' })
  chmodSync(join(root, 'x'), 0o4750)
  chmodSync(join(root, 'y'), 0o600)
  const kept = await pass(root, { attributes: 'kept' })
  expect(kept.inventory).toMatchObject([{ mode: 0o4750, uid: process.getuid?.() }, { mode: 0o600 }])
  const git = await pass(root)
  expect(git.inventory).toMatchObject([{ mode: 0o755 }, { mode: 0o644 }])
})

test('a link out of the tree, one to itself and one to a folder are listed and not followed', async () => {
  const outside = fill(scratch('outside'), { secret: 'not for the document' })
  const root = fill(scratch('tree'), { 'd/f': 'x' })
  symlinkSync(outside, join(root, 'out'))
  symlinkSync('loop', join(root, 'loop'))
  symlinkSync('../..', join(root, 'd/up'))
  const { inventory } = await pass(root)
  expect(inventory.map(({ path, type }) => `${type} ${path}`)).toEqual([
    'dir d',
    'file d/f',
    'symlink d/up',
    'symlink loop',
    'symlink out',
  ])
  expect(JSON.stringify(inventory)).not.toContain('secret')
})

test('pipes and sockets are listed and never opened', async () => {
  const root = scratch('tree')
  execFileSync('mkfifo', [join(root, 'pipe')])
  const server = createServer().listen(join(root, 'socket'))
  await new Promise((resolve) => server.once('listening', resolve))
  const { inventory } = await pass(root)
  server.close()
  expect(inventory.map(({ path, type }) => `${type} ${path}`)).toEqual(['fifo pipe', 'socket socket'])
  expect(parseInventory(inventoryBytes(inventory))).toEqual(inventory)
})

test('a name without a UTF-8 reading is kept as its bytes', async () => {
  const root = scratch('tree')
  writeFileSync(Buffer.concat([Buffer.from(`${root}/n`), Buffer.from([0xff])]), 'x')
  const { inventory } = await pass(root)
  expect(inventory).toMatchObject([{ path: 'n\u0000ff', sha256: sha256('x') }])
})

test('what this user may not read becomes a gap, and the rest is described', async () => {
  const root = fill(scratch('tree'), { 'closed/x': '1', secret: '2', open: '3' })
  chmodSync(join(root, 'closed'), 0)
  chmodSync(join(root, 'secret'), 0)
  chmodSync(root, 0o755)
  const asRoot = process.geteuid?.() === 0
  if (asRoot) process.seteuid?.(65534)
  let found: TreePass
  try {
    found = await pass(root)
  } finally {
    if (asRoot) process.seteuid?.(0)
    chmodSync(join(root, 'closed'), 0o755)
  }
  expect(found.gaps.map(({ path, reason }) => [path, reason])).toEqual([
    ['closed', 'unreadable'],
    ['secret', 'unreadable'],
  ])
  expect(found.inventory.map(({ path }) => path)).toEqual(['closed', 'open'])
})

test.each<[string, (root: string) => void]>([
  ['a file that grows', (root) => appendFileSync(join(root, 'large'), 'more')],
  ['a file that is replaced', (root) => (rmSync(join(root, 'large')), writeFileSync(join(root, 'large'), 'other'))],
  [
    'a file that becomes a link',
    (root) => (renameSync(join(root, 'large'), join(root, 'moved')), symlinkSync('moved', join(root, 'large'))),
  ],
  [
    'a folder that becomes a link out of the tree',
    (root) => {
      renameSync(join(root, 'z'), join(scratch('away'), 'z'))
      symlinkSync('/etc', join(root, 'z'))
    },
  ],
])('%s while it is read is an error', async (_what, change) => {
  const root = fill(scratch('tree'), {
    a: 'x',
    large: Buffer.alloc(2_000_000),
    'z/passwd': 'x',
    'z/large': Buffer.alloc(2_000_000),
  })
  const tree = await openLocalTree({ root, proc: '/proc', attributes: 'git' })
  const changing: Tree = {
    ...tree,
    entries: async function* () {
      for await (const entry of tree.entries()) {
        if (entry.header.path === 'a') change(root)
        yield entry
      }
    },
  }
  await expect(passTree(changing, [])).rejects.toMatchObject({
    code: 'file-invalid',
    message: expect.stringContaining('changed while it was read'),
  })
})

test('only what belongs to the subject is entered', async () => {
  const root = fill(scratch('tree'), { '.git/config': 'x', 'a/keep': '1', 'a/drop': '2' })
  const takes = (path: string): boolean => ['a', 'a/keep'].includes(path)
  const { inventory } = await pass(root, { takes })
  expect(inventory.map(({ path }) => path)).toEqual(['a', 'a/keep'])
})

test('the tree digest is what sha256sum prints, hashed', async () => {
  const root = fill(scratch('tree'), { 'b c': '1', 'a/z': '2', 'a-z': '3', 'new\nline': '4', 'back\\slash': '5' })
  symlinkSync('a/z', join(root, 'link'))
  const command = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
  const theirs = execFileSync('sh', ['-c', command], { cwd: root, encoding: 'utf8' }).slice(0, 64)
  expect(treeDigest((await pass(root)).inventory)).toBe(`sha256:${theirs}`)
})

const header: TarHeader = {
  ...{ path: 'x', type: 'file', mode: 0o644, uid: 0, gid: 0, uname: '', gname: '', size: 0, mtime: 0, link: '' },
  ...{ devMajor: 0, devMinor: 0, xattrs: {} },
}
test.each<[string, Partial<TarHeader>[]]>([
  ['a path twice', [{ path: 'a' }, { path: 'a' }]],
  ['another order', [{ path: 'b' }, { path: 'a' }]],
  ['a file below a link', [{ path: 'a', type: 'symlink', link: '/' }, { path: 'a/b' }]],
  ['a file without its folder', [{ path: 'a/b' }]],
  ['a hard link', [{ path: 'a' }, { path: 'b', type: 'hardlink', link: 'a' }]],
])('a stream with %s is refused', async (_what, entries) => {
  async function* stream(): AsyncGenerator<{ header: TarHeader; body: AsyncIterable<Uint8Array> }> {
    for (const entry of entries) yield { header: { ...header, ...entry }, body: (async function* () {})() }
  }
  const tree: Tree = { entries: stream, again: stream, rest: () => ({ gaps: [], sockets: [] }) }
  await expect(passTree(tree, [])).rejects.toMatchObject({ code: 'format-invalid' })
})

test('owners of another user are facts of a directory', async () => {
  if (process.geteuid?.() !== 0) return
  const root = fill(scratch('tree'), { x: '1' })
  chownSync(join(root, 'x'), 1234, 4321)
  expect((await pass(root, { attributes: 'kept' })).inventory).toMatchObject([{ uid: 1234, gid: 4321 }])
})
