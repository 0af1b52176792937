import { passImage } from '../../../src/image/pass.ts'
import { classified } from '../../../src/sbom/catalogers/binary/classified.ts'
import { Collector } from '../../../src/sbom/collect.ts'
import { FileTree } from '../../../src/sbom/tree.ts'
import { makeElf } from '../../../testkit/sbom/make-executable.ts'
import { makeImage, type Short } from '../../image/make-image.ts'

const python = '\x7fELF\x003.11.4\x00'

/** Packages and their places, and under which names the file was read. */
async function run(...files: Short[]): Promise<{ found: string[]; read: string[] }> {
  const read: string[] = []
  const watched = {
    ...classified,
    read: (...[file, content]: Parameters<typeof classified.read>) => {
      read.push(file.path)
      return classified.read(file, content)
    },
  }
  const { store, image } = await makeImage([files])
  const collector = new Collector([watched])
  const { inventory } = await passImage(store, image, [collector])
  const [only] = collector.finish({ os: null, tree: new FileTree(inventory) })
  return { found: (only?.result.packages ?? []).map(({ purl, locations }) => `${purl} ${locations.join()}`), read }
}

const hard = (path: string, link: string): Short => ({ path, link, type: 'hardlink' })

test.each<[string, Short]>([
  ['a symbolic link', { path: 'usr/bin/python3.11', link: 'python3' }],
  ['a hard link', hard('usr/bin/python3.11', 'usr/bin/python3')],
])('%s whose name says more than that of its target is read under it', async (_, link) => {
  const { found, read } = await run({ path: 'usr/bin/python3', text: python }, link)
  expect(found).toEqual(['pkg:generic/python@3.11.4 usr/bin/python3.11'])
  expect(read).toEqual(['usr/bin/python3', 'usr/bin/python3.11'])
})

test.each<[string, Short]>([
  ['a symbolic link', { path: 'usr/bin/python3', link: 'python3.11' }],
  ['a hard link', hard('usr/bin/python3', 'usr/bin/python3.11')],
])('%s whose name says less is not read again', async (_, link) => {
  const { found, read } = await run({ path: 'usr/bin/python3.11', text: python }, link)
  // Places of one package become one list later.
  expect(found).toContain('pkg:generic/python@3.11.4 usr/bin/python3.11')
  expect(read).toEqual(['usr/bin/python3.11'])
})

test('a file of a name that no classifier has is read under that of its link, once', async () => {
  const { found, read } = await run(
    { path: 'opt/store/0a1b2c', text: '\x001.7\x00' },
    { path: 'usr/local/bin/jq', link: '/opt/store/0a1b2c' },
  )
  expect(found).toEqual(['pkg:generic/jq@1.7 usr/local/bin/jq'])
  expect(read).toEqual(['usr/local/bin/jq'])
})

test('a program under the name of another is read as both', async () => {
  const { found, read } = await run(
    { path: 'usr/bin/vault', text: 'revoke1.18.0\x001.7\x00' },
    { path: 'usr/bin/jq', link: 'vault' },
  )
  expect(found).toEqual(['pkg:generic/jq@1.7 usr/bin/jq', 'pkg:golang/github.com/hashicorp/vault@1.18.0 usr/bin/vault'])
  expect(read).toEqual(['usr/bin/vault', 'usr/bin/jq'])
})

test('a library behind a link with a shorter name is the one that a program loads', async () => {
  const ruby = makeElf([{ name: '.text', bytes: Buffer.from('x') }], { needed: ['libruby-3.1.so.3.1'] })
  const { found, read } = await run(
    { path: 'usr/bin/ruby', text: ruby, mode: 0o755 },
    { path: 'usr/lib/libruby-3.1.so.3.1.2', text: 'ruby 3.1.2p20 (' },
    { path: 'usr/lib/libruby-3.1.so.3.1', link: 'libruby-3.1.so.3.1.2' },
  )
  expect(found).toEqual(['pkg:generic/ruby@3.1.2p20 usr/bin/ruby,usr/lib/libruby-3.1.so.3.1.2'])
  expect(read).toEqual(['usr/bin/ruby', 'usr/lib/libruby-3.1.so.3.1.2'])
})
