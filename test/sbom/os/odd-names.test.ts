import { databaseText, shownWords } from '../../../src/sbom/catalogers/os/database-text.ts'
import { readSbom } from '../../../src/sbom/documents/read.ts'
import { sbomFormats } from '../../../src/sbom/formats/names.ts'
import { describeImage } from '../../../src/sbom/scan.ts'
import { bdb, rpmHeader } from '../../../testkit/sbom/make-rpm.ts'
import { makeImage, type Short } from '../../image/make-image.ts'
import { officialValidator } from '../official.ts'
import { catalogue, named } from './fixture.ts'

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')
const header = Buffer.from(rpmHeader({ name: 'libXY', files: [['/usr/share/cafe/x', 'y']] }))
header.write('lib\xff\xfe', header.indexOf('libXY'), 'latin1')
// Without the digest of its own, which holds for the other name: its tag becomes one that nobody reads.
for (let at = 8; at < 8 + 16 * header.readUInt32BE(0); at += 16)
  if (header.readUInt32BE(at) === 273 || header.readUInt32BE(at) === 269) header.writeUInt32BE(32_000, at)

const databases: [string, Short[], string][] = [
  [
    'deb',
    [
      {
        path: 'var/lib/dpkg/status',
        text: latin1(
          'Package: lib\xff\xfe\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nMaintainer: Ren\xe9 <r@x.example>\n',
        ),
      },
    ],
    'lib\0ff\0fe',
  ],
  [
    'apk',
    [{ path: 'lib/apk/db/installed', text: latin1('P:lib\xff\xfe\nV:1\nA:x\nm:Ren\xe9 <r@x.example>\n\n') }],
    'lib\0ff\0fe',
  ],
  ['rpm', [{ path: 'var/lib/rpm/Packages', text: bdb([header]) }], 'lib\0ff\0fe'],
  [
    'opkg',
    [{ path: 'usr/lib/opkg/status', text: latin1('Package: lib\xff\xfe\nStatus: install ok installed\nVersion: 1\n') }],
    'lib\0ff\0fe',
  ],
  [
    'alpm',
    [{ path: 'var/lib/pacman/local/x-1/desc', text: latin1('%NAME%\nlib\xff\xfe\n\n%VERSION%\n1\n') }],
    'lib\0ff\0fe',
  ],
]

test.each(databases)('a name of %s that is not UTF-8 is escaped, and a gap', async (kind, files, name) => {
  const { packages, gaps } = await catalogue(files)
  expect(packages.map((one) => [one.type, one.name])).toEqual([[kind, name]])
  expect(gaps).toEqual([
    {
      path: files[0]?.path,
      kind,
      reason: 'unreadable',
      why: String.raw`1 package has a name or version that is not UTF-8, first "lib\xff\xfe"`,
    },
  ])
})

test.each(databases.slice(0, 2))('a maintainer of %s that is not UTF-8 costs his name only', async (_, [file]) => {
  const text = Buffer.from(
    Buffer.from(file?.text ?? '')
      .toString('latin1')
      .replace('lib\xff\xfe', 'lib'),
    'latin1',
  )
  const found = await catalogue([{ path: file?.path ?? '', text }])
  expect(found.gaps).toEqual([])
  expect(found.packages).toMatchObject([{ name: 'lib', supplier: { name: 'Ren\uFFFD', email: 'r@x.example' } }])
})

test('a name of a folder is one as well; two bad names of one file are one gap', async () => {
  const portage = await catalogue([{ path: 'var/db/pkg/app/t\0ff-1/CONTENTS', text: '' }])
  expect(named(portage)).toEqual(['ebuild app/t\0ff@1'])
  expect(portage.gaps).toMatchObject([{ why: expect.stringContaining(String.raw`"app/t\xff"`) }])
  const two = latin1('P:\xfe\nV:1\nA:x\n\nP:\xff\nV:1\nA:x\n\n')
  const apk = await catalogue([{ path: 'lib/apk/db/installed', text: two }])
  // Each byte is kept: both would be U+FFFD as text, and one package.
  expect(named(apk)).toEqual(['apk \0fe@1', 'apk \0ff@1'])
  expect(apk.gaps).toMatchObject([{ why: expect.stringMatching(/^2 packages have a name or version/) }])
})

test('a path in a list of files is that of the inventory, byte by byte', async () => {
  const { coverage } = await catalogue([
    { path: 'var/lib/dpkg/status', text: 'Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n' },
    { path: 'var/lib/dpkg/info/a.list', text: latin1('/usr/share/caf\xe9\n') },
    { path: 'usr/share/caf\0e9', text: 'x' },
  ])
  expect(coverage.unattributed).toBe(1)
  // The list itself belongs to nobody.
  expect(coverage.findings).toEqual([])
})

test('documents hold such a name in every format, and are valid', async () => {
  const made = await makeImage([databases[0]?.[1] ?? []])
  const described = await describeImage(made.store, made.image)
  for (const format of sbomFormats) {
    const bytes = described.encode(format)
    expect(officialValidator(format)(JSON.parse(bytes.toString()))).toBe(true)
    const document = await readSbom(bytes, format)
    expect(document.completeness).toBe('incomplete')
    expect(document.packages.map(({ name }) => name)).toContain('lib\0ff\0fe')
  }
})

test('a large text with bad bytes is decoded as a whole, character by character', () => {
  const text = `${'é'.repeat(50_000)}\xff${'日本'.repeat(40_000)}`
  const bytes = Buffer.concat([Buffer.from('é'.repeat(50_000)), latin1('\xff'), Buffer.from('日本'.repeat(40_000))])
  expect(databaseText(bytes)).toBe(text.replace('\xff', '\0ff'))
  expect(databaseText(latin1('\x80'.repeat(200_000)))).toBe('\u000080'.repeat(200_000))
  expect(shownWords('a\0ff\0feb')).toBe('a\uFFFD\uFFFDb')
})
