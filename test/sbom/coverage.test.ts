import { createHash } from 'node:crypto'
import { measureCoverage, uncompared } from '../../src/sbom/coverage.ts'
import type { OwnedFile } from '../../src/sbom/model.ts'
import { resolveOwners } from '../../src/sbom/ownership.ts'
import { FileTree } from '../../src/sbom/tree.ts'
import type { InventoryEntry } from '../../src/image/types.ts'
import type { Short } from '../image/make-image.ts'
import { catalogue, findings } from './os/fixture.ts'

const manifest = (path: string): Short => ({ path, text: '{"name":"web","version":"1.0.0"}' })
const base: Short[] = [
  { path: 'etc/os-release', text: 'ID=alpine\nVERSION_ID=3.20.0\n' },
  { path: 'lib/apk/db/installed', text: 'P:openssl\nV:3.3.0-r0\nA:x86_64\n\n' },
  { path: 'usr/bin/backdoor', text: '\x7fELF' },
  { path: 'usr/bin/server', text: '\x7fELF server', mode: 0o755 },
]

describe('what no package vouches for', () => {
  test.each([
    ['none', [], 3, ['usr/bin/backdoor', 'usr/bin/server']],
    ['one in the root', [manifest('package.json')], 3, ['usr/bin/backdoor', 'usr/bin/server']],
    [
      'one of an application',
      [manifest('app/package.json'), { path: 'app/vendor/tool', text: '\x7fELF' }],
      4,
      ['app/vendor/tool', 'usr/bin/backdoor', 'usr/bin/server'],
    ],
    [
      'one of an installed module, which owns its folder',
      [manifest('app/node_modules/web/package.json'), { path: 'app/node_modules/web/x.node', text: '\x7fELF' }],
      3,
      ['usr/bin/backdoor', 'usr/bin/server'],
    ],
  ] as [string, Short[], number, string[]][])(
    'a package.json claims nothing beside it: %s',
    async (_, files, unattributed, executables) => {
      // The database is apk's own; os-release and the two programs belong to nobody.
      const { coverage } = await catalogue([...base, ...files])
      expect(coverage).toMatchObject({ unattributed, executables })
    },
  )

  test('a database that nothing was read from is counted as well', async () => {
    const { coverage } = await catalogue([{ path: 'data/installed', text: 'P:openssl\nV:3\n\n' }])
    expect(coverage.unattributed).toBe(1)
  })
})

const hash = (algorithm: string, text: string): string => createHash(algorithm).update(text).digest('hex')
const entry = (path: string, more: Partial<InventoryEntry> = {}): InventoryEntry => ({
  path,
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 1,
  sha256: `sha256:${hash('sha256', path)}`,
  ...more,
})
const digests = {
  md5: {
    has: (path: string) => path !== 'no-digest',
    get: (path: string) => (path === 'no-digest' ? undefined : hash('md5', path)),
  },
  sha1: { has: () => true, get: (path: string) => hash('sha1', path) },
}

function measure(entries: InventoryEntry[], owned: OwnedFile[]): ReturnType<typeof measureCoverage> {
  const tree = new FileTree(entries)
  const input = { folders: new Map(), ownFiles: new Set<string>(), binaries: new Set<string>(), digests }
  return measureCoverage({ tree, owners: resolveOwners(owned, tree), ...input })
}

const purl = 'pkg:deb/debian/a@1'
const owns = (
  path: string,
  algorithm: 'MD5' | 'SHA-1' | 'SHA-256' | 'SHA-512',
  value: string,
  more: Partial<OwnedFile> = {},
): OwnedFile => ({
  path,
  purl,
  checksum: { algorithm, value },
  ...more,
})

describe('integrity', () => {
  test.each(['MD5', 'SHA-1', 'SHA-256'] as const)('%s of a file', (algorithm) => {
    const name = algorithm.replace('-', '').toLowerCase()
    const equal = measure([entry('a')], [owns('a', algorithm, hash(name, 'a'))])
    expect([equal.checked, equal.findings]).toEqual([1, []])
    const other = measure([entry('a')], [owns('a', algorithm, hash(name, 'b'))])
    expect(other.findings).toEqual([{ path: 'a', purl, kind: 'modified' }])
  })

  test('what was not or cannot be compared does not count as checked', () => {
    const found = measure(
      [entry('no-digest'), entry('b')],
      [owns('no-digest', 'MD5', 'x'), owns('b', 'SHA-512', 'x'), owns('c', 'MD5', 'x', { config: true })],
    )
    expect([found.checked, found.findings]).toEqual([0, []])
  })

  test('missing files are findings, but for those that may be absent', () => {
    const found = measure(
      [],
      [
        owns('usr/bin/a', 'MD5', 'x'),
        owns('run/a', 'MD5', 'x', { optional: true }),
        owns('usr/share/doc/a/x', 'MD5', 'x'),
        owns('usr/share/documents/x', 'MD5', 'x'),
      ],
    )
    expect(found.findings.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'missing usr/bin/a',
      'missing usr/share/documents/x',
    ])
  })

  test('a file that became a folder or a link is modified; a link with a sum of its target is compared', () => {
    const link = entry('c', { type: 'symlink', link: 'target' })
    const found = measure(
      [entry('a', { type: 'dir' }), entry('b', { type: 'symlink', link: 'x' }), link, { ...link, path: 'd' }],
      [
        owns('a', 'MD5', 'x'),
        owns('b', 'MD5', 'x'),
        owns('c', 'SHA-1', hash('sha1', 'target')),
        owns('d', 'SHA-1', hash('sha1', 'other')),
      ],
    )
    expect(found.findings.map(({ path }) => path)).toEqual(['a', 'b', 'd'])
  })

  test('the usr merge in both directions, and a link out of the listed folder', () => {
    const folder = (path: string, link: string): InventoryEntry => entry(path, { type: 'symlink', link })
    const folders = ['usr', 'usr/lib', 'bin'].map((path) => entry(path, { type: 'dir' }))
    const merged = measure(
      [...folders, folder('lib', 'usr/lib'), entry('usr/lib/x')],
      [owns('lib/x', 'MD5', hash('md5', 'usr/lib/x'))],
    )
    expect(merged).toMatchObject({ checked: 1, findings: [], unattributed: 0 })
    const back = measure(
      [...folders, folder('usr/bin', '../bin'), entry('bin/x')],
      [owns('usr/bin/x', 'MD5', hash('md5', 'bin/x'))],
    )
    expect(back).toMatchObject({ checked: 1, findings: [], unattributed: 0 })
  })

  test('of two packages that name a file the first keeps it; the system comes before a language', () => {
    const [first, second] = [hash('md5', 'a'), hash('md5', 'b')]
    const found = measure(
      [entry('a')],
      [
        { ...owns('a', 'SHA-256', 'x'), purl: 'pkg:pypi/a@1' },
        owns('a', 'MD5', first),
        { ...owns('a', 'MD5', second), purl: 'pkg:deb/debian/b@1' },
      ],
    )
    expect([found.checked, found.findings]).toEqual([1, []])
  })
})

test('setuid, setgid and file capabilities are privileged', () => {
  const found = measure(
    [
      entry('a', { mode: 0o4755 }),
      entry('b', { mode: 0o2755, type: 'hardlink' }),
      entry('c', { mode: 0o755, xattrs: { 'security.capability': '0100000200200000' } }),
      entry('d', { mode: 0o755, xattrs: { 'user.note': '00' } }),
      entry('e', { mode: 0o4755, type: 'dir' }),
    ],
    [],
  )
  expect(found.privileged).toEqual(['a', 'b', 'c'])
})

test('a file that another package has replaced is not compared with the sums it came with', async () => {
  const md5 = (text: string): string => hash('md5', text)
  const paragraph = (name: string): string =>
    `Package: ${name}\nStatus: install ok installed\nMaintainer: A <a@example.org>\nArchitecture: all\nVersion: 1\nDescription: x\n\n`
  const info = 'var/lib/dpkg/info'
  const found = await catalogue([
    { path: 'var/lib/dpkg/status', text: paragraph('old') + paragraph('new') },
    { path: `${info}/old.list`, text: '/.\n/usr/bin/kept\n' },
    { path: `${info}/old.md5sums`, text: `${md5('kept')}  usr/bin/kept\n${md5('old')}  usr/bin/taken\n` },
    { path: `${info}/new.list`, text: '/.\n/usr/bin/taken\n' },
    { path: `${info}/new.md5sums`, text: `${md5('new')}  usr/bin/taken\n` },
    { path: 'usr/bin/kept', text: 'changed' },
    { path: 'usr/bin/taken', text: 'new' },
  ])
  expect(findings(found)).toEqual(['modified usr/bin/kept'])
})

test('files that were not compared with the sum of their package are one gap for each kind of sum', () => {
  const tree = new FileTree(['a', 'b', 'config', 'no-digest'].map((path) => entry(path)))
  const owned = [
    owns('a', 'SHA-512', 'x'),
    owns('b', 'SHA-512', 'x'),
    owns('config', 'SHA-512', 'x', { config: true }),
    owns('none', 'SHA-512', 'x'),
    owns('no-digest', 'MD5', 'x'),
  ]
  const why = (others: string, algorithm: string): string =>
    `the file${others} was not compared with the ${algorithm} sum that its package has of it`
  expect(uncompared({ tree, owners: resolveOwners(owned, tree), digests })).toEqual([
    { path: 'a', kind: 'deb', reason: 'unsupported', why: why(' (and 1 more)', 'SHA-512') },
    { path: 'no-digest', kind: 'deb', reason: 'unsupported', why: why('', 'MD5') },
  ])
})
