import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { collect } from '../../../src/base/streams.ts'
import { openLocalTree } from '../../../src/sbom/subjects/tree/local.ts'
import { openPackedTree, packTree } from '../../../src/sbom/subjects/tree/packed.ts'
import { passTree } from '../../../src/sbom/subjects/tree/pass.ts'
import { scratch } from '../../../testkit/ports.ts'
import { once, tar, type Short } from '../../image/make-image.ts'
import { fill } from './run.ts'

const rest = { path: 'rest.json', text: '{"gaps":[],"sockets":[]}' }

test('a packed tree gives what the folder gives, links to folders of databases included', async () => {
  const root = fill(scratch('tree'), { 'real/dpkg/status': 'Package: a\n', large: Buffer.alloc(2_000_000), 'x y': '1' })
  symlinkSync('real', join(root, 'var'))
  const local = await openLocalTree({ root, proc: '/proc', attributes: 'kept' })
  const bytes = await collect(packTree(local, new Map([['note', Buffer.from('n')]])), 1 << 30, 'test')
  const { about, tree } = await openPackedTree(async () => once(bytes))
  expect(about.get('note')?.toString()).toBe('n')
  expect(await passTree(tree, [])).toEqual(await passTree(local, []))
  const seen: string[] = []
  for await (const { header, body } of tree.again(new Set(['x y']))) {
    seen.push(header.path, (await collect(body, 10, 'test')).toString())
  }
  expect(seen).toEqual(['x y', '1'])
})

test.each<[string, Short[]]>([
  ['that is cut short', [{ path: 'tree/a', text: '1' }]],
  ['that goes on after its end', [rest, { path: 'tree/a', text: '1' }]],
  ['with something else in it', [{ path: 'other/a', text: '1' }, rest]],
  ['with a path out of the tree', [{ path: 'tree/../a', text: '1' }, rest]],
  ['whose end has another form', [{ path: 'rest.json', text: '{"gaps":"none","sockets":[]}' }]],
  [
    'with a socket where a file is',
    [
      { path: 'tree/a', text: '1' },
      {
        path: 'rest.json',
        text: '{"gaps":[],"sockets":[{"path":"a","type":"socket","mode":0,"uid":0,"gid":0,"size":0}]}',
      },
    ],
  ],
  [
    'with a socket in no folder',
    [
      {
        path: 'rest.json',
        text: '{"gaps":[],"sockets":[{"path":"a/b","type":"socket","mode":0,"uid":0,"gid":0,"size":0}]}',
      },
    ],
  ],
])('a stream %s is refused', async (_what, entries) => {
  const bytes = await tar(entries)
  const { tree } = await openPackedTree(async () => once(bytes))
  await expect(passTree(tree, [])).rejects.toMatchObject({ code: 'format-invalid' })
})

test('a name without a UTF-8 reading and a hundred thousand files pass through a stream', async () => {
  const many: Short[] = Array.from({ length: 100_000 }, (_, i) => ({
    path: `tree/${String(i).padStart(6, '0')}`,
    text: 'x',
  }))
  const bytes = await tar([...many, { path: 'tree/n\u0000ff', text: 'x' }, rest])
  const { tree } = await openPackedTree(async () => once(bytes))
  const { inventory } = await passTree(tree, [])
  expect(inventory).toHaveLength(100_001)
  expect(inventory.at(-1)?.path).toBe('n\u0000ff')
})
