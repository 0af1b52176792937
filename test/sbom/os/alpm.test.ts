import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { Short } from '../../image/make-image.ts'
import { catalogue, findings, named } from './fixture.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const folder = 'var/lib/pacman/local'
const block = (fields: Record<string, string[]>): string =>
  Object.entries(fields)
    .map(([name, lines]) => `%${name}%\n${lines.join('\n')}\n\n`)
    .join('')
const desc = (name: string, more: Record<string, string[]> = {}): Short => ({
  path: `${folder}/${name}-1.0-1/desc`,
  text: block({ NAME: [name], VERSION: ['1.0-1'], ARCH: ['x86_64'], ...more }),
})
const mtree = (name: string, ...lines: string[]): Short => ({
  path: `${folder}/${name}-1.0-1/mtree`,
  text: gzipSync(['#mtree', '/set type=file uid=0 gid=0 mode=644', ...lines, ''].join('\n')),
})
const image: Short[] = [
  { path: 'etc/os-release', text: 'ID=arch\n' },
  { path: `${folder}/ALPM_DB_VERSION`, text: '9\n' },
  desc('tool', {
    BASE: ['tools'],
    LICENSE: ['MIT'],
    URL: ['https://example.org/'],
    PACKAGER: ['Jane Doe <jane@example.org>'],
    DEPENDS: ['libfoo.so=1-64', 'none>=2'],
  }),
  desc('foo', { LICENSE: ['GPL', 'LGPL'], PROVIDES: ['libfoo.so=1-64'] }),
  {
    path: `${folder}/tool-1.0-1/files`,
    text: block({ FILES: ['etc/', 'etc/tool.conf', 'usr/bin/a tool'], BACKUP: [`etc/tool.conf\t${'0'.repeat(32)}`] }),
  },
  mtree(
    'tool',
    `./.PKGINFO time=1.0 size=1 sha256digest=${sha256('x')}`,
    './etc time=1.0 type=dir',
    `./etc/tool.conf time=1.0 size=3 sha256digest=${sha256('old')}`,
    `./usr/bin/a\\040tool time=1.0 mode=755 size=4 sha256digest=${sha256('tool')}`,
    './usr/bin/link time=1.0 mode=777 type=link link=tool',
  ),
  { path: 'etc/tool.conf', text: 'new' },
  { path: 'usr/bin/a tool', text: 'tool', mode: 0o755 },
]

test('packages with files, sums and what they need', async () => {
  const found = await catalogue(image)
  expect(named(found)).toEqual(['alpm foo@1.0-1', 'alpm tool@1.0-1'])
  expect(found.packages[0]).toMatchObject({ licence: null, licenceText: 'GPL, LGPL' })
  expect(found.packages[1]).toMatchObject({
    purl: 'pkg:alpm/arch/tool@1.0-1?arch=x86_64&upstream=tools',
    licence: 'MIT',
    homepage: 'https://example.org/',
    supplier: { name: 'Jane Doe' },
    dependsOn: [found.packages[0]?.purl],
  })
  expect(found.coverage).toMatchObject({ executables: [], findings: [], checked: 1 })
  expect(findings(await catalogue(image, [{ path: 'usr/bin/a tool', text: 'evil' }]))).toEqual([
    'modified usr/bin/a tool',
  ])
})

test('a database behind a link', async () => {
  const moved = image.map((file) => ({ ...file, path: file.path.replace('var/lib/pacman', 'usr/lib/pacman') }))
  const found = await catalogue([...moved, { path: 'var/lib/pacman', link: '../../usr/lib/pacman' }])
  expect(named(found)).toEqual(['alpm foo@1.0-1', 'alpm tool@1.0-1'])
})

test('what is wrong is said without the path, which the gap has', async () => {
  const found = await catalogue(image, [{ path: `${folder}/bad-1/desc`, text: block({ NAME: ['bad'] }) }])
  expect(found.gaps).toMatchObject([{ why: 'has no %VERSION%' }])
})

test.each([
  ['no version', { path: `${folder}/bad-1/desc`, text: block({ NAME: ['bad'] }) }],
  ['a line outside of fields', { path: `${folder}/bad-1/desc`, text: 'bad\n' }],
  ['a cut field name', { path: `${folder}/bad-1/desc`, text: '%NAME%\nbad\n\n%VERS' }],
  ['a list without a description', { path: `${folder}/bad-1/files`, text: block({ FILES: ['usr/bin/x'] }) }],
  ['a list of sums that is not packed', { path: `${folder}/tool-1.0-1/mtree`, text: '#mtree\n' }],
  ['a list of sums that is cut', { path: `${folder}/tool-1.0-1/mtree`, text: gzipSync('#mtree\n').subarray(0, 20) }],
  ['a list of another form', { path: `${folder}/tool-1.0-1/mtree`, text: gzipSync('something\n') }],
  ['a list with a continued line', mtree('tool', './usr/bin/x \\', ' size=1')],
] as [string, Short][])('%s is a gap of one package', async (_, bad) => {
  const found = await catalogue(image, [bad])
  expect(named(found)).toEqual(['alpm foo@1.0-1', 'alpm tool@1.0-1'])
  expect(found.gaps.map(({ path, kind }) => [path, kind])).toEqual([[bad.path, 'alpm']])
})
