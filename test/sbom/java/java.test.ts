import { createHash } from 'node:crypto'
import { archiveLimits } from '../../../src/sbom/java/archive.ts'
import { javaArchive } from '../../../src/sbom/catalogers/binary/java.ts'
import { catalog, headOf } from '../binary/catalog.ts'
import { makeZip, type ZipFile } from '../../../testkit/sbom/make-zip.ts'

const manifest = (lines: readonly string[]): ZipFile => ({
  name: 'META-INF/MANIFEST.MF',
  content: ['Manifest-Version: 1.0', ...lines, ''].join('\r\n'),
  deflate: true,
})
const maven = (group: string, artifact: string, version: string): ZipFile => ({
  name: `META-INF/maven/${group}/${artifact}/pom.properties`,
  content: `#Created by Apache Maven\ngroupId=${group}\nartifactId=${artifact}\nversion=${version}\n`,
  deflate: true,
})
const pom = (group: string, artifact: string, text: string): ZipFile => ({
  name: `META-INF/maven/${group}/${artifact}/pom.xml`,
  content: `<?xml version="1.0"?><!-- <groupId>no</groupId> --><project xmlns="x">${text}</project>`,
})
const read = (name: string, files: readonly ZipFile[]): ReturnType<typeof catalog> =>
  catalog(javaArchive, { [`app/${name}`]: makeZip(files) })
const purls = (name: string, files: readonly ZipFile[]): string[] => read(name, files).packages.map(({ purl }) => purl)

describe('java-archive', () => {
  test('a jar of Maven: coordinates, SHA-1, licences and homepage of its project file', () => {
    const files = [
      manifest(['Bundle-License: ignored']),
      maven('org.example', 'tool', '1.2.3'),
      pom(
        'org.example',
        'tool',
        '<licenses><license><name>MIT</name></license></licenses><url>https://example.org/</url>',
      ),
    ]
    const bytes = makeZip(files)
    const { packages } = catalog(javaArchive, { 'app/tool-1.2.3.jar': bytes })
    expect(packages).toMatchObject([
      {
        type: 'maven',
        name: 'tool',
        version: '1.2.3',
        purl: 'pkg:maven/org.example/tool@1.2.3',
        licence: 'MIT',
        homepage: 'https://example.org/',
        locations: ['app/tool-1.2.3.jar'],
        checksums: [{ algorithm: 'SHA-1', value: createHash('sha1').update(bytes).digest('hex') }],
      },
    ])
  })

  test('a shaded jar: every library that left its coordinates, as parts of the jar', () => {
    const { packages } = read('app.jar', [
      manifest(['Implementation-Title: App']),
      maven('org.example', 'app', '2.0'),
      maven('com.google.guava', 'guava', '33.0'),
      maven('org.slf4j', 'slf4j-api', '2.0.9'),
    ])
    expect(packages.map(({ purl }) => purl)).toEqual([
      'pkg:maven/org.example/app@2.0',
      'pkg:maven/com.google.guava/guava@33.0',
      'pkg:maven/org.slf4j/slf4j-api@2.0.9',
    ])
    expect(packages[0]?.dependsOn).toEqual([
      'pkg:maven/com.google.guava/guava@33.0',
      'pkg:maven/org.slf4j/slf4j-api@2.0.9',
    ])
    expect(packages[1]?.checksums).toBeUndefined()
  })

  test('nested archives, stored as Spring Boot does and deflated as in a war', () => {
    const inner = makeZip([manifest([]), maven('org.inner', 'lib', '1.0')])
    const middle = makeZip([
      manifest(['Implementation-Version: 3']),
      { name: 'x/lib-1.0.jar', content: inner, deflate: true },
    ])
    const { packages, gaps } = read('shop.war', [
      manifest(['Start-Class: a.B', 'Implementation-Version: 7']),
      { name: 'BOOT-INF/lib/lib-1.0.jar', content: inner },
      { name: 'WEB-INF/lib/middle.jar', content: middle, deflate: true },
    ])
    expect(gaps).toEqual([])
    expect(packages.map(({ purl }) => purl)).toEqual([
      'pkg:maven/shop/shop@7',
      'pkg:maven/org.inner/lib@1.0',
      'pkg:maven/middle/middle@3',
      'pkg:maven/org.inner/lib@1.0',
    ])
    expect(packages[0]?.dependsOn).toEqual(['pkg:maven/middle/middle@3', 'pkg:maven/org.inner/lib@1.0'])
    expect(packages[3]?.properties).toContainEqual(['java:path', 'shop.war:WEB-INF/lib/middle.jar:x/lib-1.0.jar'])
  })

  test.each([
    ['commons-io-2.11.0.jar', [], 'pkg:maven/commons-io/commons-io@2.11.0'],
    ['jetpack-build235-rc5.jar', [], 'pkg:maven/jetpack/jetpack@build235-rc5'],
    ['my-http2-server-5.jar', [], 'pkg:maven/my-http2-server/my-http2-server@5'],
    ['foo_1.2.jar', [], 'pkg:maven/foo/foo@1.2'],
    ['plain.jar', [], 'pkg:maven/plain/plain'],
    ['plain.jar', ['Specification-Version: 4', 'Implementation-Version: 3'], 'pkg:maven/plain/plain@3'],
    ['org.example.tool-1.jar', [], 'pkg:maven/tool/tool@1'],
    ['org.eclipse.osgi-1.jar', [], 'pkg:maven/org.eclipse.osgi/org.eclipse.osgi@1'],
    ['x-1.jar', ['Bundle-SymbolicName: org.example.x;singleton:=true'], 'pkg:maven/org.example.x/x@1'],
    ['x-1.jar', ['Automatic-Module-Name: com.ex', ' ample'], 'pkg:maven/com.example/x@1'],
    ['x-1.jar', ['Automatic-Module-Name: com.b', 'Group-Id: org.a'], 'pkg:maven/org.a/x@1'],
    ['x-1.jar', ['Specification-Vendor: The Example Company'], 'pkg:maven/x/x@1'],
    [
      'whatever-1.jar',
      ['Created-By: Apache Maven Bundle Plugin', 'Bundle-SymbolicName: org.example.name'],
      'pkg:maven/org.example.name/name@1',
    ],
    ['-.jar', ['Implementation-Title: titled', 'Plugin-Version: 2'], 'pkg:maven/titled/titled@2'],
  ])('%s with %j is %s', (name, lines, purl) => {
    expect(purls(name, [manifest(lines)])).toEqual([purl])
  })

  test('an assumed group is marked; a Jenkins plugin has its own type', () => {
    expect(read('x-1.jar', [manifest([])]).packages[0]?.properties).toContainEqual(['java:group', 'assumed'])
    const plugin = read('git.hpi', [manifest(['Group-Id: org.jenkins-ci.plugins', 'Plugin-Version: 5'])]).packages[0]
    expect(plugin).toMatchObject({ type: 'jenkins-plugin', purl: 'pkg:maven/org.jenkins-ci.plugins/git@5' })
  })

  test('a project file alone: its own coordinates, its parent, variables; unknown variables are unknown', () => {
    const project = (text: string): string[] => purls('x.jar', [manifest([]), pom('g', 'x', text)])
    const parent = '<parent><groupId>org.up</groupId><artifactId>up</artifactId><version>9</version></parent>'
    expect(project(`${parent}<artifactId>x</artifactId>`)).toEqual(['pkg:maven/org.up/x@9'])
    expect(
      project(
        '<groupId>g</groupId><artifactId>x</artifactId><version>${rev}</version><properties><rev>1&amp;2</rev></properties>',
      ),
    ).toEqual(['pkg:maven/g/x@1%262'])
    expect(project('<groupId>g</groupId><artifactId>x</artifactId><version>${nowhere}</version>')).toEqual([
      'pkg:maven/g/x',
    ])
  })

  test('several licences are a choice; words that are no licence stay words', () => {
    const licences = (text: string): object | undefined =>
      read('x.jar', [manifest([]), maven('g', 'x', '1'), pom('g', 'x', `<licenses>${text}</licenses>`)]).packages[0]
    const one = (name: string): string => `<license><name>${name}</name></license>`
    expect(licences(one('MIT') + one('Apache-2.0'))).toMatchObject({ licence: 'MIT OR Apache-2.0', licenceText: null })
    expect(licences(one('MIT') + one('My own'))).toMatchObject({ licence: null, licenceText: 'MIT, My own' })
  })

  test('version.properties counts for an application only, and not a placeholder', () => {
    const of = (lines: string[], text: string): string[] =>
      purls('app.jar', [manifest(lines), { name: 'version.properties', content: text }])
    expect(of(['Main-Class: app.Main'], 'date=1\ntag=v0.63.5\n')).toEqual(['pkg:maven/app/app@0.63.5'])
    expect(of([], 'version=1\n')).toEqual(['pkg:maven/app/app'])
    expect(of(['Main-Class: app.Main'], 'version=${revision}\n')).toEqual(['pkg:maven/app/app'])
  })

  test('agents that carry the name of what they change, and jars that say nothing, are no packages', () => {
    expect(purls('spring-4.3.jar', [manifest(['Weave-Classes: x'])])).toEqual([])
    expect(purls('x-1.jar', [{ name: 'a.class', content: '' }])).toEqual([])
    expect(purls('x-1.jar', [maven('g', 'a', '1')])).toEqual(['pkg:maven/g/a@1'])
  })

  test('a file that is no archive is an error under a name of Java alone', () => {
    expect(() => catalog(javaArchive, { 'a.jar': Buffer.from('text') })).toThrow(/a zip archive is expected/)
    expect(catalog(javaArchive, { 'a.rar': Buffer.from('Rar!') }).packages).toEqual([])
  })

  test('parts that cannot be read are gaps, the rest counts; nesting and bombs are bounded', () => {
    const damaged = read('app-1.jar', [
      manifest([]),
      { name: 'lib/a.jar', content: 'text' },
      { name: 'lib/b.jar', content: 'x', encrypted: true },
      { name: 'lib/c.jar', content: makeZip([manifest([]), maven('g', 'c', '1')]) },
    ])
    expect(damaged.packages.map(({ purl }) => purl)).toEqual(['pkg:maven/app/app@1', 'pkg:maven/g/c@1'])
    expect(damaged.gaps).toMatchObject([
      { path: 'app/app-1.jar', kind: 'maven', reason: 'unreadable', why: 'lib/a.jar: is not a zip archive' },
      { reason: 'unreadable', why: 'lib/b.jar: zip: lib/b.jar is encrypted' },
    ])
    let deep = makeZip([manifest([])])
    for (let i = 0; i < archiveLimits.depth + 2; i++) deep = makeZip([manifest([]), { name: 'x.jar', content: deep }])
    const nested = catalog(javaArchive, { 'x.jar': deep })
    expect(nested.packages).toHaveLength(archiveLimits.depth + 1)
    expect(nested.gaps).toMatchObject([{ reason: 'too-large', why: expect.stringMatching(/are read to depth 5$/) }])
    const bomb = makeZip([
      manifest([]),
      { name: 'a.jar', content: 'x', claims: archiveLimits.nested + 1, deflate: true },
    ])
    expect(catalog(javaArchive, { 'b.jar': bomb }).gaps).toMatchObject([{ reason: 'too-large' }])
    const many = Array.from({ length: 12 }, (_, i) => ({
      name: `${i}.jar`,
      content: 'x',
      claims: 200 << 20,
      deflate: true,
    }))
    const { gaps } = catalog(javaArchive, { 'c.jar': makeZip([manifest([]), ...many]) })
    expect(gaps).toHaveLength(10)
  })

  test('an archive beyond the limit costs one byte', () => {
    const head = { ...headOf('big.jar', Buffer.from('PK')), size: archiveLimits.file + 1 }
    expect(javaArchive.wants(head)).toBe(1)
    expect(javaArchive.read(head, Buffer.from('P'))?.gaps).toMatchObject([{ reason: 'too-large' }])
  })
})
