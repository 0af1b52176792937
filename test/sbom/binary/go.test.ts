import { goBinary } from '../../../src/sbom/catalogers/binary/go.ts'
import { largestExecutable } from '../../../src/sbom/binary/executable.ts'
import { mainVersion } from '../../../src/sbom/binary/go-version.ts'
import { catalog } from './catalog.ts'
import { makeElf, makeFat, makeMachO, makePe } from '../../../testkit/sbom/make-executable.ts'
import { inlineInfo, moduleText, pointedInfo } from '../../../testkit/sbom/make-go.ts'

const modules = moduleText([
  'path\texample.org/app/cmd/app',
  'mod\texample.org/app\tv1.2.3\th1:AAAA=',
  'dep\tgolang.org/x/text\tv0.14.0\th1:BBBB=',
  'dep\texample.org/old\tv1.0.0',
  '=>\texample.org/fork\tv1.0.1\th1:CCCC=',
  'dep\texample.org/local\tv0.1.0',
  '=>\t../local\t(devel)\t',
  'build\t-compiler=gc',
  'build\t"-tags=a b"="x\\ty\\U0001F600\\ud800\\101"',
  'build\tGOARCH=arm64',
])
const info = inlineInfo('go1.22.1 X:nocoverageredesign', modules)
const section = { name: '.go.buildinfo', bytes: info, data: true }
const purls = (files: Record<string, Buffer>): string[] => catalog(goBinary, files).packages.map(({ purl }) => purl)
const expected = [
  'pkg:golang/example.org/app@v1.2.3',
  'pkg:golang/golang.org/x/text@v0.14.0',
  'pkg:golang/example.org/fork@v1.0.1',
  'pkg:golang/example.org/local',
  'pkg:golang/stdlib@1.22.1',
]

describe('go-binary', () => {
  test('main module, dependencies with replacements, standard library, edges and settings', () => {
    const { packages } = catalog(goBinary, { 'usr/bin/app': makeElf([section]) })
    expect(packages.map(({ purl }) => purl)).toEqual(expected)
    const [main, , fork, local, library] = packages
    expect(main?.dependsOn).toEqual([...expected.slice(1)].sort())
    expect(main?.locations).toEqual(['usr/bin/app'])
    expect(main?.properties).toEqual([
      ['golang:version', 'go1.22.1'],
      ['golang:arch', 'arm64'],
      ['golang:experiments', 'nocoverageredesign'],
      ['golang:h1', 'h1:AAAA='],
      ['golang:build:-compiler', 'gc'],
      ['golang:build:-tags=a b', 'x\ty\u{1f600}\\ud800A'],
      ['golang:build:GOARCH', 'arm64'],
    ])
    expect(fork?.properties).toEqual([
      ['golang:h1', 'h1:CCCC='],
      ['golang:replaces', 'example.org/old@v1.0.0'],
    ])
    expect(local).toMatchObject({ name: 'example.org/local', version: null })
    expect(library).toMatchObject({ name: 'stdlib', version: '1.22.1', licence: 'BSD-3-Clause' })
  })

  test('every container: both widths and byte orders of ELF and Mach-O, PE, fat', () => {
    for (const bits of [32, 64] as const) {
      for (const little of [true, false]) {
        expect(purls({ a: makeElf([section], { bits, little }) })).toEqual(expected)
        const machO = { name: '__go_buildinfo', bytes: info }
        expect(purls({ a: makeMachO([machO], { bits, little }) })).toEqual(expected)
      }
      expect(purls({ a: makePe([{ name: '.data', bytes: info, data: true }], { wide: bits === 64 }) })).toEqual(
        expected,
      )
    }
    const thin = makeMachO([{ name: '__go_buildinfo', bytes: info }])
    expect(purls({ a: makeFat([thin, thin]) })).toEqual([...expected, ...expected])
  })

  test('the pointer form of Go before 1.18', () => {
    for (const size of [4, 8] as const) {
      for (const little of [true, false]) {
        const bits = size === 8 ? 64 : 32
        // The first part of an ELF file with one segment begins behind both headers, at the next multiple of 16.
        const at = bits === 64 ? 128 : 96
        const bytes = pointedInfo('go1.16', modules, { at, size, little })
        expect(purls({ a: makeElf([{ name: '.go.buildinfo', bytes, data: true }], { bits, little }) })).toEqual([
          ...expected.slice(0, 4),
          'pkg:golang/stdlib@1.16',
        ])
      }
    }
  })

  test('without section names the writable data is searched; the same bytes elsewhere or unaligned are only text', () => {
    expect(purls({ a: makeElf([section], { nameless: true }) })).toEqual(expected)
    expect(purls({ a: makeElf([{ ...section, data: false }], { nameless: true }) })).toEqual([])
    const shifted = { ...section, bytes: Buffer.concat([Buffer.from('12345678'), info]) }
    expect(purls({ a: makeElf([shifted]) })).toEqual([])
  })

  test('what is damaged is an error, what is not there is nothing', () => {
    expect(purls({ a: makeElf([{ name: '.text', bytes: Buffer.from('x') }]) })).toEqual([])
    for (const length of [33, 40, 60, info.length - 1]) {
      const cut = makeElf([{ ...section, bytes: info.subarray(0, length) }])
      expect(() => purls({ a: cut })).toThrow(/bytes are expected at byte/)
    }
    const huge = Buffer.concat([info.subarray(0, 32), Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])])
    expect(() => purls({ a: makeElf([{ ...section, bytes: huge }]) })).toThrow(/longer than/)
    const orphan = inlineInfo('go1.22', moduleText(['=>\ta\tb\tc']))
    expect(() => purls({ a: makeElf([{ ...section, bytes: orphan }]) })).toThrow(/replacement/)
    const outside = pointedInfo('go1.16', modules, { at: 0x100_0000 })
    expect(() => purls({ a: makeElf([{ ...section, bytes: outside }]) })).toThrow(/Go string/)
  })

  test('a program built of files or without modules is named after its package', () => {
    const from = (lines: string[]): Record<string, unknown>[] =>
      catalog(goBinary, {
        a: makeElf([{ ...section, bytes: inlineInfo('go1.22.1', moduleText(lines)) }]),
      }).packages.map(({ name, version }) => ({ name, version }))
    expect(from(['path\tgithub.com/docker/cli/cmd/docker', 'dep\tx.org/y\tv1.0.0'])[0]).toEqual({
      name: 'github.com/docker/cli/cmd/docker',
      version: null,
    })
    expect(from(['path\tcommand-line-arguments', 'dep\tx.org/main\t(devel)', 'dep\tx.org/y\tv1.0.0'])).toEqual([
      { name: 'x.org/main', version: null },
      { name: 'x.org/y', version: 'v1.0.0' },
      { name: 'stdlib', version: '1.22.1' },
    ])
    expect(from(['build\tGOOS=linux'])).toEqual([{ name: 'stdlib', version: '1.22.1' }])
  })

  test('a development version of Go names no standard library', () => {
    const bytes = inlineInfo('devel go1.27-abc', modules)
    expect(purls({ a: makeElf([{ ...section, bytes }]) })).toEqual(expected.slice(0, 4))
  })

  test('a file beyond the limit is not asked for', () => {
    const head = { path: 'a', name: 'a', parent: '', mode: 0o755, magic: 0x7f454c46 }
    expect(goBinary.wants({ ...head, size: largestExecutable })).toBe(largestExecutable)
    expect(goBinary.wants({ ...head, size: largestExecutable + 1 })).toBe(0)
  })
})

describe('mainVersion', () => {
  const main = { path: 'example.org/app', version: '(devel)', sum: '', replace: null }
  const flags = (value: string): [string, string][] => [['-ldflags', value]]

  test.each([
    ['-s -w -X main.version=1.2.3', 'v1.2.3'],
    ["-X 'main.Version=v1.2.3-rc1' -w", 'v1.2.3-rc1'],
    ['-X example.org/app/pkg/build.gitVersion=v2.0.1', 'v2.0.1'],
    ['-X=example.org/app/build.buildTag=refs/tags/v3.1.4', 'v3.1.4'],
    ['-X main.tag=v1.0.0 -X main.version=v1.0.1', 'v1.0.1'],
    ['-X example.org/library.version=v9.9.9', ''],
    ['-X main.version=dev', ''],
    ['-X main.reversion.count=1.2.3', ''],
  ])('linker flags %s give %s', (value, version) => {
    expect(mainVersion(main, flags(value))).toBe(version)
  })

  test('the commit gives a pseudo-version, but only with its time; a version of its own wins', () => {
    const revision: [string, string] = ['vcs.revision', '0123456789abcdef0123456789abcdef01234567']
    const time: [string, string] = ['vcs.time', '2024-02-03T04:05:06Z']
    expect(mainVersion(main, [revision, time])).toBe('v0.0.0-20240203040506-0123456789ab')
    expect(mainVersion(main, [revision])).toBe('')
    expect(mainVersion(main, [revision, ['vcs.time', 'yesterday']])).toBe('')
    expect(mainVersion({ ...main, version: 'v1.0.0' }, flags('-X main.version=2.0.0'))).toBe('v1.0.0')
  })

  test('a flag of many slashes costs no more than its length', () => {
    const value = `-X main.version=${'a/'.repeat(30_000)}`
    expect(mainVersion(main, flags(value))).toBe('')
  })
})
