import { passImage } from '../../src/image/pass.ts'
import { parseParty } from '../../src/sbom/found.ts'
import { dep5Licence, spdxExpression } from '../../src/sbom/licence.ts'
import { sbomReaders } from '../../src/sbom/readers.ts'
import { describeImage, type Described } from '../../src/sbom/scan.ts'
import { makeImage, type Short } from '../image/make-image.ts'
import { application, debian, status } from './fixture.ts'

async function described(...layers: Short[][]): Promise<Described> {
  const { store, image } = await makeImage(layers)
  return describeImage(store, image)
}

test('Debian and npm packages with what their metadata says', async () => {
  const { description } = await described(debian, application)
  const found = new Map(description.packages.map((one) => [one.purl, one]))
  expect([...found.keys()]).toEqual([
    'pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc',
    'pkg:deb/debian/node-left@1:1.0%2Bds-2?arch=all&distro=debian-13&upstream=left%401:1.0-1',
    'pkg:npm/%40scope/a@1.2.3',
    'pkg:npm/app@0.1.0',
    'pkg:npm/b@1.0.0',
    'pkg:npm/b@2.0.0',
    'pkg:npm/left@1.0.0',
  ])
  const [libc, left, a, app, b1, b2, owned] = description.packages
  expect(libc).toMatchObject({
    supplier: { kind: 'organization', name: 'GNU Libc Maintainers', email: 'debian-glibc@lists.debian.org' },
    licence: '(GPL-2.0-or-later OR MIT) AND LGPL-2.1-or-later',
    homepage: 'https://www.gnu.org/software/libc/libc.html',
    locations: ['var/lib/dpkg/status'],
  })
  expect(left).toMatchObject({ supplier: { kind: 'person', name: 'Jane Doe' }, dependsOn: [libc?.purl], licence: null })
  expect(a).toMatchObject({
    licence: '(MIT OR Apache-2.0)',
    supplier: { name: 'A Person', email: 'a@example.org' },
    dependsOn: [b2?.purl],
  })
  expect(app).toMatchObject({
    licence: null,
    licenceText: 'UNLICENSED',
    dependsOn: [a?.purl, owned?.purl],
    ownedBy: null,
  })
  expect(b1).toMatchObject({ supplier: { name: 'B', email: 'b@example.org' } })
  expect(b2).toMatchObject({ licence: 'BSD-2-Clause' })
  expect(owned).toMatchObject({ ownedBy: left?.purl })
  expect(description.os).toEqual({ id: 'debian', versionId: '13', prettyName: 'Debian GNU/Linux 13 (trixie)' })
  // bin/tool is found through the link bin -> usr/bin. Nobody lists os-release, three of dpkg's own four files, opt/stray.
  expect(description.coverage.unattributed).toBe(5)
})

test('the distroless form, and the last word of an upper layer', async () => {
  const one: Short = { path: 'var/lib/dpkg/status.d/base', text: 'Package: base\nVersion: 1\nArchitecture: amd64\n' }
  const sums: Short = { path: 'var/lib/dpkg/status.d/base.md5sums', text: `${'0'.repeat(32)}  etc/base\n` }
  const { description } = await described(
    [one, sums, { path: 'etc/base', text: 'x' }],
    [{ ...one, text: one.text?.toString().replace('1', '2') ?? '' }],
  )
  expect(description.packages.map(({ purl }) => purl)).toEqual(['pkg:deb/debian/base@2?arch=amd64'])
  expect(description.coverage.unattributed).toBe(1)
})

test('a deleted package is not listed', async () => {
  const { description } = await described(debian, application, [{ path: 'app/node_modules/@scope/.wh.a' }])
  expect(description.packages.map(({ name }) => name)).toEqual(['libc6', 'node-left', 'app', 'b', 'left'])
})

test('hard-linked package.json files are read (pnpm)', async () => {
  const { description } = await described([
    { path: 'store/x', text: '{"name":"x","version":"1.0.0"}' },
    { path: 'node_modules/x/package.json', type: 'hardlink', link: 'store/x' },
  ])
  expect(description.packages.map(({ purl }) => purl)).toEqual(['pkg:npm/x@1.0.0'])
})

test.each<[string, string]>([
  ['a line that is none', 'Package: a\nrubbish\n'],
  ['a continuation of nothing', ' text\n'],
  ['a field twice', 'Package: a\nPackage: b\n'],
  ['no version', 'Package: a\nStatus: install ok installed\n'],
  ['no status', status.replace('Status: install ok installed\n', '')],
])('a package database with %s is an error, not an empty list', async (_what, text) => {
  await expect(described([{ path: 'var/lib/dpkg/status', text }])).rejects.toMatchObject({ code: 'format-invalid' })
})

test('a package.json that cannot be read makes the description incomplete', async () => {
  const found = await described([{ path: 'node_modules/x/package.json', text: '{"name":' }])
  expect(found.description.gaps).toMatchObject([{ path: 'node_modules/x/package.json' }])
  expect(found.cyclonedx.toString()).toContain('"aggregate":"incomplete"')
  expect(found.spdx.toString()).toContain('Incomplete: node_modules/x/package.json')
})

test('the readers run on a pass of someone else', async () => {
  const { store, image } = await makeImage([debian])
  const sbom = sbomReaders()
  const { inventory } = await passImage(store, image, sbom.readers)
  expect(sbom.finish(inventory).packages).toHaveLength(3)
})

test.each<[string, string | null]>([
  ['MIT', 'MIT'],
  ['Apache-2.0 WITH LLVM-exception', 'Apache-2.0 WITH LLVM-exception'],
  ['SEE LICENSE IN x', null],
  ['LicenseRef-mine', null],
  ['', null],
])('the expression %j', (text, expected) => {
  expect(spdxExpression(text)).toBe(expected)
})

test.each<[string, string | null]>([
  ['just text', null],
  ['Format: x\nLicense: Foo-1', null],
  ['Format: x\nLicense: GPL-2\n\nLicense: GPL-2\n', 'GPL-2.0-only'],
  ['Format: x\nLicense: Expat, and GPL-3+\n', 'MIT AND GPL-3.0-or-later'],
  ['Format: x\n', null],
])('DEP-5 %j', (text, expected) => {
  expect(dep5Licence(text)).toBe(expected)
})

test('parties', () => {
  expect(parseParty('Ann <a@b.c>')).toEqual({ kind: 'person', name: 'Ann', email: 'a@b.c' })
  expect(parseParty('Debian Foo Team <x@y.z>')).toMatchObject({ kind: 'organization' })
  expect(parseParty('  ')).toBeNull()
})
