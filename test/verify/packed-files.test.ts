import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { writeTar } from '../../src/tar/write.ts'
import type { TarEntry, TarHeader } from '../../src/image/types.ts'
import { packFiles, unpackFiles } from '../../src/tasks/verify/folder.ts'
import { scratch } from '../../testkit/ports.ts'

const listing = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .sort()

test('a folder of collateral arrives with those below it, as the gate would read it here', async () => {
  const from = scratch('from')
  mkdirSync(join(from, 'kds-store/vcek/00'), { recursive: true })
  mkdirSync(join(from, 'other'))
  writeFileSync(join(from, 'list.der'), 'list')
  writeFileSync(join(from, 'kds-store/vcek/00/vcek.der'), 'key')
  writeFileSync(join(from, 'other/vcek.der'), 'another key')
  writeFileSync(join(from, 'README.md'), 'passed over')
  writeFileSync(join(from, '.hidden'), 'passed over')
  symlinkSync(join(from, 'list.der'), join(from, 'mounted.der'))
  const to = await unpackFiles(await packFiles(from), scratch('to'))
  expect(listing(to)).toEqual(['kds-store/vcek/00/vcek.der', 'list.der', 'mounted.der', 'other/vcek.der'])
  expect(readFileSync(join(to, 'other/vcek.der'), 'utf8')).toBe('another key')
  expect(readFileSync(join(to, 'mounted.der'), 'utf8')).toBe('list')
})

test('one file stays one file; none is said', async () => {
  const from = join(scratch('from'), 'bundle.json')
  writeFileSync(from, '{}')
  const to = await unpackFiles(await packFiles(from), scratch('to'))
  expect([basename(to), readFileSync(to, 'utf8')]).toEqual(['bundle.json', '{}'])
  await expect(packFiles('/nowhere')).rejects.toMatchObject({ code: 'file-missing', subject: '/nowhere' })
})

test.each<[string, [string, Partial<TarHeader>?][], string]>([
  ['a link', [['folder/a', { type: 'symlink', link: '/etc' }]], 'format-invalid'],
  ['a name that climbs', [['folder/../../a']], 'path-escape'],
  ['the same twice', [['folder/a'], ['folder/a']], 'format-invalid'],
])('%s in the stream is refused', async (_what, entries, code) => {
  async function* made(): AsyncGenerator<TarEntry> {
    const owner = { uid: 0, gid: 0, uname: '', gname: '', mtime: 0, link: '', devMajor: 0, devMinor: 0, xattrs: {} }
    for (const [path, more] of entries)
      yield { header: { path, type: 'file', mode: 0o644, size: 0, ...owner, ...more }, body: nothing() }
  }
  const to = scratch('to')
  await expect(unpackFiles(writeTar(made()), to)).rejects.toMatchObject({ code })
})

async function* nothing(): AsyncGenerator<Uint8Array> {}
