import { largestExecutable } from '../../../src/sbom/binary/executable.ts'
import { classified } from '../../../src/sbom/catalogers/binary/classified.ts'
import { classifiers, classifiersFor } from '../../../src/sbom/classifiers/index.ts'
import { findVersion } from '../../../src/sbom/classifiers/match.ts'
import type { Clue } from '../../../src/sbom/classifiers/types.ts'
import { baseOf } from '../../../src/tar/paths.ts'
import { catalog, headOf } from '../binary/catalog.ts'
import { makeElf } from '../../../testkit/sbom/make-executable.ts'
import { samples } from './samples.ts'

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')
const rows = Object.entries(samples).flatMap(([id, list]) =>
  list.map(([path, text, version]) => ({ id, path, text, version })),
)

/** What the classifiers of a file see in it, as `id version`. */
function seen(path: string, text: string): string[] {
  const fact = classified.read(headOf(path, latin1(text)), latin1(text))
  return (fact?.found ?? []).map(({ classifier, version }) => `${classifier.id} ${version}`)
}

describe('classifiers', () => {
  test('there are at least 60 packages; ids are unique; each clue has a sample of its own', () => {
    expect(new Set(classifiers.map(({ name }) => name)).size).toBeGreaterThanOrEqual(60)
    expect(new Set(classifiers.map(({ id }) => id)).size).toBe(classifiers.length)
    for (const { id, clues } of classifiers) {
      // Classifiers of one family share their clues, and the samples of these.
      const family = (clue: Clue): (typeof rows)[number][] =>
        rows.filter((row) => classifiers.some((each) => each.id === row.id && each.clues.includes(clue)))
      const unseen = clues.filter(
        (clue) => !family(clue).some(({ path, text }) => findVersion(latin1(text), baseOf(path), clue) !== null),
      )
      expect([id, samples[id]?.length ?? 0]).not.toEqual([id, clues.length === 0 ? -1 : 0])
      expect([id, unseen.map(({ text }) => String(text))]).toEqual([id, []])
    }
  })

  test.each(rows)('$id: $version', ({ id, path, text, version }) => {
    expect(seen(path, text)).toContain(`${id} ${version}`)
    // Across the border of two parts, where the file is read in parts.
    const unmarked = classifiersFor(headOf(path, latin1(text))).some((each) =>
      each.clues.some(({ near }) => near === undefined),
    )
    const late = `${'.'.repeat(unmarked ? (1 << 20) - 7 : 1000)}${text}${'.'.repeat(5000)}`
    expect(seen(path, late)).toEqual(seen(path, text))
  })

  test.each(rows)('$id: nothing without a version, nothing under another name', ({ path, text }) => {
    expect(seen(path, text.replace(/[0-9]+(?:\.[0-9]+|beta[0-9])+/g, 'x'))).toEqual([])
    expect(classifiersFor({ path: `${path}-other/tool`, name: 'tool' })).toEqual([])
  })

  test('packages carry purl, place and classifier', () => {
    const { packages } = catalog(classified, {
      'usr/bin/vault': latin1('revoke1.18.0'),
      'usr/bin/jq': latin1('\x001.7\x00'),
    })
    expect(packages).toMatchObject([
      { type: 'binary', name: 'jq', version: '1.7', purl: 'pkg:generic/jq@1.7', locations: ['usr/bin/jq'] },
      {
        type: 'golang',
        name: 'github.com/hashicorp/vault',
        purl: 'pkg:golang/github.com/hashicorp/vault@1.18.0',
        properties: [['binary:classifier', 'vault']],
      },
    ])
  })

  test('of one group only the first counts', () => {
    expect(seen('bin/openssl', '\x00OpenSSL 1.1.1 (compatible; AWS-LC 1.69.0)\x00')).toEqual(['openssl-aws-lc 1.69.0'])
    expect(seen('bin/mysqld', 'cluster-gpl\x005.7.33-ndb-7.6.17 /mysql-9.7.0/')).toEqual([
      'mysql-server-of-cluster 5.7.33',
      'mysql-cluster-legacy 7.6.17',
    ])
  })

  test('the version of a library that the program loads, and of a file beside or above it', () => {
    const loads = (name: string): Buffer =>
      makeElf([{ name: '.text', bytes: Buffer.from('x') }], { needed: ['libc.so.6', name] })
    const purls = (files: Record<string, Buffer>): string[] =>
      catalog(classified, files).packages.map(({ purl }) => purl)
    const ruby = {
      'usr/bin/ruby': loads('libruby-3.1.so.3.1'),
      'usr/lib/libruby-3.1.so.3.1': latin1('ruby 3.1.2p20 ('),
    }
    expect(purls(ruby)).toEqual(['pkg:generic/ruby@3.1.2p20'])
    expect(catalog(classified, ruby).packages[0]?.locations).toEqual(['usr/bin/ruby', 'usr/lib/libruby-3.1.so.3.1'])
    expect(purls({ ...ruby, 'usr/bin/ruby': loads('libother.so') })).toEqual([])
    expect(purls({ 'opt/go/bin/go': latin1('x'), 'opt/go/VERSION': latin1('go1.25-abc') })).toEqual([
      'pkg:generic/go@1.25-abc',
    ])
    expect(purls({ 'opt/go/go.exe': latin1('x'), 'opt/go/VERSION.cache': latin1('go1.25') })).toEqual([
      'pkg:generic/go@1.25',
    ])
    expect(purls({ 'opt/go/a/bin/go': latin1('x'), 'opt/go/VERSION': latin1('go1.25') })).toEqual([])
    const ini = latin1('[App]\r\nName=Firefox\r\nVersion=151.0\r\n')
    expect(purls({ 'opt/ff/firefox': latin1('x'), 'opt/ff/application.ini': ini })).toEqual([
      'pkg:generic/firefox@151.0',
    ])
    expect(purls({ 'opt/ff/application.ini': ini })).toEqual([])
    expect(purls({ 'usr/bin/ruby': loads('libruby.so').subarray(0, 200) })).toEqual([])
  })

  test('a hostile file costs time in proportion to its size', () => {
    const judge = (path: string, text: string): boolean => {
      const content = latin1(text.repeat(Math.floor((1 << 19) / text.length)))
      try {
        classified.read(headOf(path, content), content)
        return true
      } catch (error) {
        expect(String(error)).toMatch(/more than 20000 places look like a version/)
        return false
      }
    }
    expect(judge('bin/envoy', '\x001.30.1\x00')).toBe(false)
    for (const [path, text] of [
      ['bin/grafana', '\x00go1.22.7\x00'],
      ['bin/helm', 'v1.2.3\x00'],
      ['bin/java', '\x001.8.0java'],
      ['bin/jdb', '\x00java\x00'],
      ['bin/deno', 'Deno/deno-'],
      ['bin/redis-server', '1'],
      ['bin/pilot-agent', '1.'],
      ['bin/vault', '\x00'],
      ['bin/beam.smp', 'Erlang/OTP'],
    ] as const)
      judge(path, text)
  })

  test('a file beyond the limit is left to the cataloger of executables', () => {
    const head = headOf('bin/jq', latin1('x'))
    expect(classified.wants({ ...head, size: largestExecutable + 1 })).toBe(0)
  })
})
