import { createHash } from 'node:crypto'
import type { Short } from '../../image/make-image.ts'
import { catalogue, findings, named } from './fixture.ts'

const q1 = (text: string): string => `Q1${createHash('sha1').update(text).digest('base64')}`
const q2 = (text: string): string => `Q2${createHash('sha256').update(text).digest('base64')}`
const record = (...lines: string[]): string => `${lines.join('\n')}\n\n`
const musl = record(
  'C:Q1abc=',
  'P:musl',
  'V:1.2.5-r0',
  'A:x86_64',
  'L:MIT',
  'o:musl',
  'm:Jane Doe <jane@example.org>',
  'U:https://musl.libc.org/',
  `c:${'a'.repeat(40)}`,
  'p:so:libc.musl-x86_64.so.1=1',
  'F:lib',
  'M:0:0:755',
  'R:ld-musl.so',
  'a:0:0:755',
  `Z:${q1('musl')}`,
  'R:libc.so',
  'a:0:0:777',
  `Z:${q1('ld-musl.so')}`,
)
const tool = record(
  'P:tool',
  'V:2',
  'A:x86_64',
  'L:GPL-2.0 and more',
  'o:tools',
  'D:so:libc.musl-x86_64.so.1 cmd:sh>1 !bad musl>=1',
  'F:etc',
  'R:tool.conf',
  `Z:${q1('old')}`,
  'F:usr/bin',
  'R:tool',
  `Z:${q2('tool')}`,
)
const os: Short = { path: 'etc/os-release', text: 'ID=alpine\nVERSION_ID=3.22.0\n' }
const files: Short[] = [
  os,
  { path: 'lib/ld-musl.so', text: 'musl', mode: 0o755 },
  { path: 'lib/libc.so', link: 'ld-musl.so' },
  { path: 'etc/tool.conf', text: 'new' },
  { path: 'usr/bin/tool', text: 'tool', mode: 0o755 },
]
const installed = (text: string, path = 'lib/apk/db/installed'): Short => ({ path, text })

test('packages with what the database says of them, their files and what they need', async () => {
  const found = await catalogue([...files, installed(musl + tool)])
  const [first, second] = found.packages
  expect(first).toMatchObject({
    purl: 'pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.22.0',
    supplier: { name: 'Jane Doe', email: 'jane@example.org' },
    licence: 'MIT',
    homepage: 'https://musl.libc.org/',
    locations: ['lib/apk/db/installed'],
    properties: [['apk:commit', 'a'.repeat(40)]],
  })
  expect(second).toMatchObject({
    purl: 'pkg:apk/alpine/tool@2?arch=x86_64&distro=alpine-3.22.0&upstream=tools',
    licence: null,
    licenceText: 'GPL-2.0 and more',
    dependsOn: [first?.purl],
  })
  expect(found.coverage).toMatchObject({ executables: [], unattributed: 1, findings: [], checked: 3 })
  expect(found.gaps).toEqual([])
})

test.each([
  ['a file by SHA-1', { path: 'lib/ld-musl.so', text: 'MUSL' }],
  ['a file by SHA-256', { path: 'usr/bin/tool', text: 'TOOL' }],
  ['a link to another target', { path: 'lib/libc.so', link: 'evil.so' }],
])('a change is found: %s', async (_, changed: Short) => {
  const found = await catalogue([...files, installed(musl + tool)], [changed])
  expect(findings(found)).toEqual([`modified ${changed.path}`])
})

test('a missing file is found, a changed one below /etc is not', async () => {
  const found = await catalogue(
    [...files, installed(musl + tool)],
    [{ path: 'usr/bin/.wh.tool' }, { path: 'etc/.wh.tool.conf' }],
  )
  expect(findings(found)).toEqual(['missing usr/bin/tool'])
})

test('the database may lie below usr, behind a link, or in a system within a folder', async () => {
  const merged = await catalogue([{ path: 'lib', link: 'usr/lib' }, installed(musl, 'usr/lib/apk/db/installed'), os])
  expect(merged.packages[0]?.locations).toEqual(['usr/lib/apk/db/installed'])
  const moved = await catalogue([{ path: 'lib/apk', link: '../data' }, installed(musl, 'data/db/installed')])
  expect(named(moved)).toEqual(['apk musl@1.2.5-r0'])
  const chroot = await catalogue([
    ...files.map((file) => ({ ...file, path: `srv/${file.path}` })),
    installed(musl + tool, 'srv/lib/apk/db/installed'),
  ])
  expect(chroot.coverage.executables).toEqual([])
  const two = await catalogue([...files, installed(musl), installed(tool, 'srv/lib/apk/db/installed')])
  expect(named(two)).toEqual(['apk musl@1.2.5-r0', 'apk tool@2'])
})

test('a database that ends behind a whole line, within a package, makes the description incomplete', async () => {
  const found = await catalogue([...files, installed(`${musl}P:tool\nV:2\n`)])
  expect(named(found)).toEqual(['apk musl@1.2.5-r0', 'apk tool@2'])
  expect(found.gaps).toEqual([
    { path: 'lib/apk/db/installed', kind: 'apk', reason: 'unreadable', why: 'the file ends within the package tool' },
  ])
})

test.each([
  ['an end within a line', musl + tool.slice(0, -20)],
  ['a package without a version', `${musl}P:tool\n\n`],
  ['a package without a name', `${musl}V:1\n\n`],
  ['a line that is no field', `${musl}P:a\nV:1\ngarbage\n\n`],
  ['a field twice', `${musl}P:a\nV:1\nV:2\n\n`],
  ['a sum of another length', `${musl}P:a\nV:1\nR:x\nZ:Q1AAAA\n\n`],
  ['a sum of another kind', `${musl}P:a\nV:1\nR:x\nZ:Q3AAAA\n\n`],
  ['bytes of another kind', '\x7fELF\x01\n'],
])('%s ends the description', async (_, text) => {
  await expect(catalogue([...files, installed(text)])).rejects.toMatchObject({ code: 'format-invalid' })
})

test('an empty database is refused where packages were asked for, else it is empty', async () => {
  const world: Short = { path: 'etc/apk/world', text: 'openssl\n' }
  await expect(catalogue([world, installed('')])).rejects.toMatchObject({ code: 'format-invalid' })
  expect(named(await catalogue([installed('')]))).toEqual([])
})
