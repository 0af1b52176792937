import { makePolicy, parseDiffPolicy } from '../../../src/sbom/diff/policy.ts'
import { fitsWildcard } from '../../../src/sbom/diff/wildcard.ts'

test.each([
  ['var/log/**', 'var/log/a/b', true],
  ['var/log/**', 'var/log/a', true],
  ['var/log/**', 'var/logs/a', false],
  ['var/log/*', 'var/log/a/b', false],
  ['**', 'a/b/c', true],
  ['**/x', 'x', true],
  ['**/x', 'a/b/x', true],
  ['**/x', 'a/b/xy', false],
  ['a/**/b/**/c', 'a/b/c', true],
  ['a/**/b/**/c', 'a/1/b/2/b/3/c', true],
  ['a/**/b/**/c', 'a/1/2/c', false],
  ['*.pyc', 'a.pyc', true],
  ['*.pyc', 'd/a.pyc', false],
  ['a*b*c', 'aXbXbXc', true],
  ['a*b*c', 'aXbXb', false],
  ['a.c', 'abc', false],
  ['a?c', 'abc', false],
  ['etc/machine-id', 'etc/machine-id', true],
  ['pkg:npm/%40scope/*', 'pkg:npm/%40scope/a@1.0', true],
  ['*', '', true],
])('%s and %s: %s', (pattern, text, fits) => {
  expect(fitsWildcard(pattern, text)).toBe(fits)
})

test('a pattern of many stars takes no time', () => {
  expect(fitsWildcard(`${'*a'.repeat(400)}b`, 'a'.repeat(4000))).toBe(false)
  expect(fitsWildcard(`${'**/a/'.repeat(400)}b`, 'a/'.repeat(2000))).toBe(false)
})

test.each([
  ['version: 2', 'line 1: version'],
  ['levels: {}', 'version'],
  ['version: 1\nlevels:\n  files: maybe', 'line 3: levels.files: write fail, warn or ignore'],
  ['version: 1\nlevel: {}', 'line 2: level: there is no such member'],
  ['version: 1\nlevels:\n  licences: warn', 'line 3: levels.licences: there is no such member'],
  ['version: 1\nfiles:\n  - path: x', 'line 3: files.0.severity'],
  ['version: 1\nfiles:\n  - path: x\n    severity: warn\n    changes: [size]', 'line 5: files.0.changes.0'],
  ['version: 1\nfiles:\n  - path: []\n    severity: warn', 'line 3: files.0.path'],
  ['', 'the file is empty'],
  ['- 1', 'no members'],
  ['version: 1\nversion: 1', 'line 2'],
])('%j is refused with its place', async (text, place) => {
  await expect(parseDiffPolicy(text, 'p.yml')).rejects.toMatchObject({
    code: 'file-invalid',
    message: expect.stringContaining(place),
  })
})

test('every member at work', async () => {
  const document = await parseDiffPolicy(
    `version: 1
levels: {relationships: ignore, files: warn}
attributes: {licences: ignore}
tooling: fail
files:
  - {path: [etc/a, etc/b], changes: [content], severity: ignore, reason: set at boot}
  - {path: etc/**, severity: fail}
packages:
  - {purl: pkg:deb/debian/tzdata, changes: [upgraded], severity: warn}
  - {purl: "pkg:npm/**", severity: ignore}
`,
    'p.yml',
  )
  const policy = makePolicy(document, true)
  expect(policy.tooling).toBe('fail')
  expect([policy.level('relationships'), policy.level('files'), policy.level('packages')]).toEqual([
    'ignore',
    'warn',
    'fail',
  ])
  expect([policy.attribute('licences'), policy.attribute('checksums')]).toEqual(['ignore', 'fail'])
  expect(policy.file('etc/a', ['content'], false)).toEqual({ severity: 'ignore', reason: 'set at boot' })
  expect(policy.file('etc/a', ['content', 'owner'], false)).toEqual({ severity: 'fail', reason: null })
  expect(policy.file('usr/a', ['content'], false)).toEqual({ severity: 'warn', reason: null })
  const tzdata = ['pkg:deb/debian/tzdata@1?arch=all', 'pkg:deb/debian/tzdata@1', 'pkg:deb/debian/tzdata']
  expect(policy.package(tzdata, 'upgraded').severity).toBe('warn')
  expect(policy.package(tzdata, 'downgraded').severity).toBe('fail')
  expect(policy.package(['pkg:npm/%40s/a@1'], 'added').severity).toBe('ignore')
})

test('defaults depend on whether the engines are the same', () => {
  expect(makePolicy(null, true).level('relationships')).toBe('fail')
  expect(makePolicy(null, false).level('relationships')).toBe('warn')
  expect(makePolicy(null, false).attribute('checksums')).toBe('fail')
  expect(makePolicy(null, false).attribute('licences')).toBe('warn')
  expect(makePolicy(null, false).level('packages')).toBe('fail')
})
