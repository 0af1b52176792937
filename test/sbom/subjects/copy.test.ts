import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { TreeCopy } from '../../../src/sbom/subjects/tree/copy.ts'
import { passTree } from '../../../src/sbom/subjects/tree/pass.ts'
import type { Tree } from '../../../src/sbom/subjects/tree/types.ts'
import { scratch } from '../../../testkit/ports.ts'
import { entry, type Short } from '../../image/make-image.ts'

function treeOf(shorts: readonly Short[]): Tree {
  return {
    entries: async function* () {
      for (const short of shorts) yield entry(short)
    },
    again: async function* () {},
    rest: () => ({ gaps: [], sockets: [] }),
  }
}

async function copied(shorts: readonly Short[], root = scratch('copy')): Promise<string> {
  const copy = new TreeCopy(root)
  const { inventory } = await passTree(treeOf(shorts), [], [copy]).finally(() => copy.close())
  copy.finish(inventory)
  return root
}

test('files and links are there, readable for all whatever the umask is; nothing else is', async () => {
  const before = process.umask(0o077)
  try {
    const root = await copied([
      { path: 'd/', mode: 0o700 },
      { path: 'd/closed', text: 'c', mode: 0o600 },
      { path: 'd/dev', type: 'char', dev: [1, 3] },
      { path: 'd/link', link: '../../../etc/passwd' },
      { path: 'd/pipe', type: 'fifo' },
      { path: 'd/tool', text: 't'.repeat(100_000), mode: 0o4700 },
    ])
    expect(readdirSync(join(root, 'd')).sort()).toEqual(['closed', 'link', 'tool'])
    const modes = ['', 'd', 'd/closed', 'd/tool'].map((path) => (lstatSync(join(root, path)).mode & 0o7777).toString(8))
    expect(modes).toEqual(['755', '755', '644', '755'])
    expect(readFileSync(join(root, 'd/tool'), 'utf8')).toBe('t'.repeat(100_000))
    expect(readlinkSync(join(root, 'd/link'))).toBe('../../../etc/passwd')
  } finally {
    process.umask(before)
  }
})

test('a name that is no UTF-8 keeps its bytes', async () => {
  const root = await copied([{ path: '\0ff', text: 'x' }])
  expect(readdirSync(root, { encoding: 'buffer' })).toEqual([Buffer.from([0xff])])
})

test('a file below a link is refused before anything is written there', async () => {
  const [root, outside] = [scratch('copy'), scratch('outside')]
  mkdirSync(join(root, 'in'))
  const shorts: Short[] = [
    { path: 'a', link: outside },
    { path: 'a/b', text: 'x' },
  ]
  await expect(copied(shorts, join(root, 'in'))).rejects.toMatchObject({ code: 'format-invalid' })
  expect(readdirSync(outside)).toEqual([])
  expect(readdirSync(join(root, 'in'))).toEqual([])
})
