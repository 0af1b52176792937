import type { InventoryEntry } from '../../../src/image/types.ts'
import { jvmRelease } from '../../../src/sbom/catalogers/binary/jvm.ts'
import { FileTree } from '../../../src/sbom/tree.ts'
import { headOf } from '../binary/catalog.ts'

function read(path: string, lines: readonly string[], others: readonly string[] = []): string[] {
  const content = Buffer.from(lines.join('\n'))
  const fact = jvmRelease.read(headOf(path, content), content)
  const entries = others.map((each): InventoryEntry => ({
    path: each,
    type: 'file',
    mode: 0o755,
    uid: 0,
    gid: 0,
    size: 1,
  }))
  const facts = new Map(fact === null ? [] : [[path, fact]])
  return jvmRelease.finish(facts, { os: null, tree: new FileTree(entries) }).packages.map(({ purl }) => purl)
}

describe('jvm-release', () => {
  test.each([
    [
      ['JAVA_VERSION="21.0.4"', 'JAVA_RUNTIME_VERSION="21.0.4+7-LTS"', 'IMPLEMENTOR="Eclipse Adoptium"'],
      'pkg:generic/oracle/openjdk@21.0.4%2B7-LTS',
    ],
    [['JAVA_VERSION="1.8.0_422"', 'FULL_VERSION="1.8.0_422-b05"'], 'pkg:generic/oracle/openjdk@1.8.0_422-b05'],
    [['JAVA_VERSION="1.8.0_422"', 'FULL_VERSION="8.0.422+5"'], 'pkg:generic/oracle/openjdk@1.8.0_422'],
    [['JAVA_VERSION="17"', 'IMPLEMENTOR="Azul Systems, Inc."'], 'pkg:generic/azul/zulu@17'],
    [['JAVA_VERSION="22"', 'IMPLEMENTOR="Oracle Corporation"', 'IMAGE_TYPE="JRE"'], 'pkg:generic/oracle/jre@22'],
    [['JAVA_VERSION="8"', 'IMPLEMENTOR="IBM Corporation"'], 'pkg:generic/ibm/java@8'],
    [
      ['JAVA_VERSION="21"', 'SOURCE_REPO="https://example.org/a b"'],
      'pkg:generic/oracle/openjdk@21?repository_url=https:%2F%2Fexample.org%2Fa%20b',
    ],
  ])('%j is %s', (lines, purl) => {
    expect(read('opt/java/release', lines)).toEqual([purl])
  })

  test('a compiler beside it makes it a JDK; the folder names the vendor', () => {
    const oracle = ['JAVA_VERSION="22"', 'IMPLEMENTOR="Oracle"', 'IMAGE_TYPE="JRE"']
    expect(read('opt/java/release', oracle, ['opt/java/bin/javac'])).toEqual(['pkg:generic/oracle/jdk@22'])
    expect(read('opt/zulu21/release', ['JAVA_VERSION="21"'])).toEqual(['pkg:generic/azul/zulu@21'])
  })

  test('a file of this name without a Java version is something else', () => {
    expect(read('etc/release', ['VERSION="1"', 'no line'])).toEqual([])
    expect(jvmRelease.wants({ ...headOf('release', Buffer.alloc(1)), size: 1 << 20 })).toBe(0)
  })
})
