import { createHash } from 'node:crypto'
import type { Short } from '../../image/make-image.ts'
import { catalogue, findings, named } from './fixture.ts'

const paragraph = (name: string, status: string, more = ''): string =>
  `Package: ${name}\nStatus: ${status}\nMaintainer: A <a@example.org>\nArchitecture: amd64\nVersion: 1.0\n${more}Description: x\n\n`
const status = (...paragraphs: string[]): Short => ({ path: 'var/lib/dpkg/status', text: paragraphs.join('') })
const ok = paragraph('ok', 'install ok installed')
const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
const invalid = { code: 'format-invalid' }

describe('states', () => {
  test('every package whose files are there is listed, with its state', async () => {
    const found = await catalogue([
      status(
        ok,
        paragraph('removed-later', 'deinstall ok installed'),
        paragraph('unpacked', 'install ok unpacked'),
        paragraph('half-c', 'install reinstreq half-configured'),
        paragraph('half-i', 'install reinstreq half-installed').replace('Version: 1.0\n', ''),
        paragraph('await', 'install ok triggers-awaited'),
        paragraph('pend', 'hold ok triggers-pending'),
        paragraph('gone', 'deinstall ok config-files'),
        paragraph('never', 'unknown ok not-installed'),
      ),
    ])
    expect(named(found)).toEqual([
      'deb await@1.0',
      'deb half-c@1.0',
      'deb half-i@',
      'deb ok@1.0',
      'deb pend@1.0',
      'deb removed-later@1.0',
      'deb unpacked@1.0',
    ])
    expect(found.packages.map(({ properties }) => properties?.[0]?.[1])).toEqual([
      'triggers-awaited',
      'half-configured',
      'half-installed',
      undefined,
      'triggers-pending',
      undefined,
      'unpacked',
    ])
    expect(found.gaps).toEqual([])
  })

  test.each([
    ['an unknown state', paragraph('a', 'install ok inst')],
    ['an unknown wish', paragraph('a', 'instal ok installed')],
    ['an unknown flag', paragraph('a', 'install okay installed')],
    ['a fourth word', paragraph('a', 'install ok installed now')],
    ['no status', paragraph('a', '')],
    ['no name', paragraph('', 'install ok installed')],
    ['no version', paragraph('a', 'install ok installed').replace('Version: 1.0\n', '')],
    ['an end within a field', paragraph('a', 'install ok installed').trimEnd()],
    ['an end within a status', 'Package: a\nVersion: 1\nStatus: install ok inst'],
    ['a field twice', paragraph('a', 'install ok installed', 'Version: 2\n')],
    ['a line that is no field', paragraph('a', 'install ok installed', 'garbage\n')],
  ])('%s ends the description', async (_, text) => {
    await expect(catalogue([status(ok, text)])).rejects.toMatchObject(invalid)
  })

  test('a status file without packages is refused where lists of files lie beside it, else it is empty', async () => {
    const list: Short = { path: 'var/lib/dpkg/info/a.list', text: '/.\n' }
    await expect(catalogue([status(''), list])).rejects.toMatchObject(invalid)
    expect(named(await catalogue([status('')]))).toEqual([])
  })

  test('lists of a package that the database does not name are a gap', async () => {
    const info = 'var/lib/dpkg/info'
    const found = await catalogue([
      status(ok, paragraph('gone', 'deinstall ok config-files')),
      { path: `${info}/ok:amd64.list`, text: '/.\n' },
      { path: `${info}/gone.list`, text: '/.\n' },
      { path: `${info}/hidden.list`, text: '/.\n' },
    ])
    expect(found.gaps.map(({ path, kind }) => [path, kind])).toEqual([[`${info}/hidden.list`, 'deb']])
  })

  test('what dpkg had not merged into the status file counts over it', async () => {
    const found = await catalogue([
      status(ok, paragraph('b', 'install ok installed')),
      { path: 'var/lib/dpkg/updates/0001', text: paragraph('b', 'deinstall ok config-files') },
      { path: 'var/lib/dpkg/updates/0000', text: paragraph('c', 'install ok unpacked') },
      { path: 'var/lib/dpkg/updates/tmp.i', text: 'no database' },
    ])
    expect(named(found)).toEqual(['deb c@1.0', 'deb ok@1.0'])
  })
})

describe('places', () => {
  const list: Short = { path: 'usr/lib/sysimage/dpkg/info/ok.list', text: '/.\n/usr/bin/ok\n' }
  const relocated: Short[] = [
    { path: 'usr/lib/sysimage/dpkg/status', text: ok },
    list,
    { path: 'usr/bin/ok', text: 'x' },
  ]

  test.each([
    ['relocated', []],
    ['relocated behind a link', [{ path: 'var/lib/dpkg', link: '../../usr/lib/sysimage/dpkg' }]],
  ] as [string, Short[]][])('%s database', async (_, link) => {
    const found = await catalogue([...relocated, ...link])
    expect(named(found)).toEqual(['deb ok@1.0'])
    expect(found.coverage.executables).toEqual([])
    // The list itself.
    expect(found.coverage.unattributed).toBe(1)
  })

  test('status, info and their files may be links to any place', async () => {
    const found = await catalogue([
      { path: 'data/db', text: ok },
      { path: 'data/lists/ok.list', text: '/usr/bin/ok\n' },
      { path: 'var/lib/dpkg/status', link: '/data/db' },
      { path: 'var/lib/dpkg/info', link: '../../../data/lists' },
      { path: 'usr/bin/ok', text: 'x', mode: 0o755 },
    ])
    expect(named(found)).toEqual(['deb ok@1.0'])
    expect(found.coverage.executables).toEqual([])
  })

  test('a system within a folder owns files in that folder', async () => {
    const found = await catalogue([
      { path: 'srv/root/var/lib/dpkg/status', text: ok },
      { path: 'srv/root/var/lib/dpkg/info/ok.list', text: '/usr/bin/ok\n' },
      { path: 'srv/root/usr/bin/ok', text: 'x', mode: 0o755 },
      { path: 'usr/bin/ok', text: 'x', mode: 0o755 },
    ])
    expect(found.coverage.executables).toEqual(['usr/bin/ok'])
  })
})

describe('status.d', () => {
  const control = 'Package: base\nVersion: 1\nArchitecture: amd64\n'
  const d = 'var/lib/dpkg/status.d'

  test('control files may have any name, and what lies beside them is none', async () => {
    const found = await catalogue([
      { path: `${d}/YmFzZQ`, text: control },
      { path: `${d}/YmFzZQ.md5sums`, text: `${md5('x')}  ./usr/bin/base\n${md5('y')}  usr/bin/changed\n` },
      { path: `${d}/YmFzZQ.preinst`, text: '#!/bin/sh\nno: control\nfile' },
      { path: `${d}/nover`, text: 'Package: nover\n' },
      { path: 'usr/bin/base', text: 'x', mode: 0o755 },
      { path: 'usr/bin/changed', text: 'z', mode: 0o755 },
    ])
    expect(named(found)).toEqual(['deb base@1', 'deb nover@'])
    expect(findings(found)).toEqual(['modified usr/bin/changed'])
    expect(found.coverage.executables).toEqual([])
  })

  test.each([
    ['an empty file', ''],
    ['a paragraph without a name', 'Version: 1\n'],
    ['a file of another kind', '\x7fELF'],
  ])('%s ends the description', async (_, text) => {
    await expect(catalogue([{ path: `${d}/base`, text }])).rejects.toMatchObject(invalid)
  })

  test('sums of a package without its control file are a gap', async () => {
    const found = await catalogue([
      { path: `${d}/base`, text: control },
      { path: `${d}/openssl.md5sums`, text: '' },
    ])
    expect(found.gaps.map(({ path }) => path)).toEqual([`${d}/openssl.md5sums`])
  })
})

describe('files', () => {
  const info = 'var/lib/dpkg/info'
  const sums = (text: string): Short => ({ path: `${info}/ok.md5sums`, text })

  test('a changed file and a missing one are findings; conffiles of either kind, documentation and equal files are not', async () => {
    const found = await catalogue([
      status(
        paragraph('ok', 'install ok installed', `Conffiles:\n /etc/a b ${md5('a')} obsolete\n /etc/new newconffile\n`),
      ),
      { path: `${info}/ok.conffiles`, text: '/etc/c\nremove-on-upgrade /etc/d\n' },
      sums(
        [
          `${md5('a')}  etc/a b`,
          `${md5('c')}  etc/c`,
          `${md5('1')}  usr/bin/same`,
          `${md5('2')}  usr/bin/other`,
          `${md5('3')}  usr/bin/none`,
          `${md5('4')}  usr/share/doc/ok/none`,
          `${md5('5')}  usr/bin/became-link`,
          '',
        ].join('\n'),
      ),
      { path: 'etc/a b', text: 'changed' },
      { path: 'etc/c', text: 'changed' },
      { path: 'usr/bin/same', text: '1' },
      { path: 'usr/bin/other', text: 'x' },
      { path: 'usr/bin/became-link', link: 'same' },
    ])
    expect(findings(found)).toEqual(
      ['modified usr/bin/became-link', 'modified usr/bin/other', 'missing usr/bin/none'].sort(byPath),
    )
    expect(found.coverage.unattributed).toBe(2)
  })

  test('a diverted file is compared where it lies; the file in its place is its new owner’s', async () => {
    const found = await catalogue([
      status(ok, paragraph('other', 'install ok installed')),
      {
        path: 'var/lib/dpkg/diversions',
        text: '/usr/bin/tool\n/usr/bin/tool.real\nother\n/usr/bin/x\n/usr/bin/x.d\n:\n',
      },
      sums(`${md5('mine')}  usr/bin/tool\n${md5('x')}  usr/bin/x\n`),
      { path: `${info}/other.md5sums`, text: `${md5('theirs')}  usr/bin/tool\n` },
      { path: 'usr/bin/tool', text: 'theirs', mode: 0o755 },
      { path: 'usr/bin/tool.real', text: 'mine', mode: 0o755 },
      { path: 'usr/bin/x', text: 'local', mode: 0o755 },
      { path: 'usr/bin/x.d', text: 'x', mode: 0o755 },
    ])
    expect(findings(found)).toEqual([])
    // What an administrator put in place of a diverted file belongs to no package.
    expect(found.coverage.executables).toEqual(['usr/bin/x'])
  })

  test.each([
    ['a sum that is none', sums('0123  usr/bin/x\n')],
    ['diversions that end within one', { path: 'var/lib/dpkg/diversions', text: '/a\n/b\n' }],
  ])('%s ends the description', async (_, file) => {
    await expect(catalogue([status(ok), file])).rejects.toMatchObject(invalid)
  })
})

describe('licences', () => {
  const licence = async (text: string, ...more: Short[]): Promise<string | null | undefined> =>
    (await catalogue([status(ok), { path: 'usr/share/doc/ok/copyright', text }, ...more])).packages[0]?.licence
  const gpl =
    'either version 2 of the License, or (at your option)\n * any later version. See /usr/share/common-licenses/GPL-2.\n'

  test('a text without fields gives one where it allows one answer', async () => {
    expect(await licence(gpl)).toBe('GPL-2.0-or-later')
    expect(await licence('See /usr/share/common-licenses/Apache-2.0')).toBe('Apache-2.0')
    expect(await licence(gpl.replaceAll('GPL-2', 'LGPL-2.1'))).toBe('LGPL-2.1-or-later')
  })

  test.each([
    ['no reference', 'It is free.'],
    ['a version without a word on later ones', 'See /usr/share/common-licenses/GPL-2'],
    ['an unversioned one', gpl.replaceAll('GPL-2', 'GPL')],
    ['two of them', `${gpl}See /usr/share/common-licenses/LGPL-2.1`],
    ['a second one in words', `${gpl}Permission is hereby granted, free of charge`],
    ['fields with a licence that is not known', `Format: x\nLicense: Foo\n${gpl}`],
  ])('%s gives none', async (_, text) => {
    expect(await licence(text)).toBeNull()
  })

  test('links to the folder or to the file of another package are followed', async () => {
    const found = await catalogue([
      status(ok, paragraph('b', 'install ok installed'), paragraph('c', 'install ok installed')),
      { path: 'usr/share/doc/ok/copyright', text: gpl },
      { path: 'usr/share/doc/b', link: 'ok' },
      { path: 'usr/share/doc/c/copyright', link: '../b/copyright' },
    ])
    expect(found.packages.map(({ licence: one }) => one)).toEqual(Array(3).fill('GPL-2.0-or-later'))
  })
})

function byPath(a: string, b: string): number {
  return (a.split(' ')[1] as string) < (b.split(' ')[1] as string) ? -1 : 1
}
