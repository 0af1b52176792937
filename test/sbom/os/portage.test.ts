import { createHash } from 'node:crypto'
import type { Short } from '../../image/make-image.ts'
import { catalogue, findings, named } from './fixture.ts'

const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
const folder = 'var/db/pkg/app-misc/a-tool-1.2.3_rc1-r2'
const contents = (...lines: string[]): Short => ({ path: `${folder}/CONTENTS`, text: lines.map((line) => `${line}\n`).join('') })
const tool: Short[] = [
  contents(
    'dir /usr',
    `obj /usr/bin/a tool ${md5('tool')} 1649284374`,
    'sym /usr/bin/t -> a tool 1649284374',
    `obj /etc/tool ${md5('old')} 1649284374`,
  ),
  { path: `${folder}/LICENSE`, text: 'MIT\n' },
  { path: `${folder}/HOMEPAGE`, text: 'https://example.org/ https://example.com/\n' },
  { path: 'usr/bin/a tool', text: 'tool', mode: 0o755 },
  { path: 'etc/tool', text: 'new' },
]

test('packages with their files and sums', async () => {
  const found = await catalogue([...tool, { path: 'var/db/pkg/virtual/libc-1/CONTENTS', text: '' }])
  expect(named(found)).toEqual(['ebuild app-misc/a-tool@1.2.3_rc1-r2', 'ebuild virtual/libc@1'])
  expect(found.packages[0]).toMatchObject({
    purl: 'pkg:ebuild/app-misc/a-tool@1.2.3_rc1-r2',
    licence: 'MIT',
    homepage: 'https://example.org/',
  })
  expect(found.coverage).toMatchObject({ executables: [], findings: [], checked: 1 })
  expect(findings(await catalogue(tool, [{ path: 'usr/bin/a tool', text: 'evil' }]))).toEqual(['modified usr/bin/a tool'])
})

test.each([
  ['an end within a line', { ...contents('dir /usr'), text: 'dir /us' }],
  ['a file without its sum', contents('obj /usr/bin/tool 1649284374')],
  ['a line of another kind', contents('file /usr/bin/tool')],
  ['a folder without a version', { path: 'var/db/pkg/app-misc/tool/CONTENTS', text: '' }],
] as [string, Short][])('%s is a gap', async (_, bad) => {
  const found = await catalogue([bad])
  expect(named(found)).toEqual([])
  expect(found.gaps).toMatchObject([{ path: bad.path, kind: 'portage', reason: 'unreadable' }])
})
