import type { SbomDocument } from '../../src/sbom/documents/model.ts'
import { readSbom } from '../../src/sbom/documents/read.ts'
import { officialSchema, type SchemaName } from '../../src/sbom/documents/schema/official.ts'
import { encodeDocument } from '../../src/sbom/formats/encode.ts'
import { sbomFormats, type SbomFormat } from '../../src/sbom/formats/names.ts'
import { VerificationError } from '../../src/base/errors.ts'
import { parseJson } from '../../src/base/json.ts'
import { catalog, declared } from './catalog.ts'
import { makeDocument, pack } from './diff/document.ts'

const schemas: Readonly<Record<SbomFormat, SchemaName>> = {
  'spdx-json': 'spdx-2.3',
  'spdx3-json': 'spdx-3.0.1',
  'cyclonedx-json': 'cyclonedx-1.6',
  'cyclonedx1.7-json': 'cyclonedx-1.7',
}

/** Written, judged by the official schema, and read again. */
async function through(document: SbomDocument, format: SbomFormat): Promise<SbomDocument> {
  const bytes = encodeDocument(document, format)
  expect((await officialSchema(schemas[format])).validate(parseJson(bytes.toString(), format))).toBeNull()
  return readSbom(bytes, format)
}

const one = pack('pkg:npm/a@1.0.0')
const spdx = (packages: object[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      spdxVersion: 'SPDX-2.3',
      dataLicense: 'CC0-1.0',
      SPDXID: 'SPDXRef-DOCUMENT',
      name: 'x',
      documentNamespace: 'https://example.org/x',
      creationInfo: { created: '2026-01-01T00:00:00Z', creators: ['Tool: t-1'] },
      packages,
    }),
  )
const packaged = (version: string): object => ({
  SPDXID: 'SPDXRef-a',
  name: 'a',
  versionInfo: version,
  downloadLocation: 'NOASSERTION',
})

describe.each(sbomFormats)('%s', (format) => {
  test('a document of nobody names no author, and stays valid', async () => {
    const again = await through(makeDocument([one], { tools: [], authors: [], engine: null }), format)
    expect(again.authors).toEqual([])
    expect(again.tools.filter(({ name }) => name !== 'sealwright')).toEqual([])
    const named = await through(makeDocument([one], { tools: [{ name: 'tool', version: '1.0' }] }), format)
    expect(named.tools).toEqual([{ name: 'tool', version: '1.0' }])
  })

  test('a tool that is named twice is one', async () => {
    const tool = { name: 'tool', version: '1.0' }
    const again = await through(makeDocument([one], { tools: [tool, tool, { name: 'tool', version: '2.0' }] }), format)
    expect([...new Set(again.tools.map(({ version }) => version))]).toEqual(['1.0', '2.0'])
  })

  test('files without checksum are left out where the format has none such', async () => {
    const checksums = [{ algorithm: 'SHA-1' as const, value: 'ab'.repeat(20) }]
    const files = [
      { id: 'f1', path: 'etc/summed', checksums },
      { id: 'f2', path: 'etc/plain', checksums: [] },
    ]
    const again = await through(makeDocument([one], { files }), format)
    const names = [...(again.files ?? []).map(({ path }) => path), ...again.packages.map(({ name }) => name)]
    expect(names.sort()).toEqual(format === 'spdx-json' ? ['a', 'etc/summed'] : ['a', 'etc/plain', 'etc/summed'])
  })

  test.each(['ann@acme.example', 'ann at acme'])('the address %p', async (email) => {
    const supplier = { kind: 'person' as const, name: 'Ann', email }
    const again = await through(makeDocument([{ ...one, supplier }], { authors: [supplier] }), format)
    expect([again.packages[0]?.supplier?.email, again.authors[0]?.email]).toEqual([email, email])
    expect(again.packages[0]?.supplier?.name).toBe('Ann')
  })

  test('a version that is too long for a format is not lost', async () => {
    const version = 'v'.repeat(1025)
    const [found] = (await through(makeDocument([{ ...one, version }]), format)).packages
    if (!format.startsWith('cyclonedx')) expect(found?.version).toBe(version)
    else expect(found?.properties).toContainEqual(['version', version])
    const fits = 'v'.repeat(1024)
    expect((await through(makeDocument([{ ...one, version: fits }]), format)).packages[0]?.version).toBe(fits)
  })
})

describe('one id for two elements', () => {
  test('the same element said twice is one', async () => {
    expect((await readSbom(spdx([packaged('1'), packaged('1')]), 'x')).packages).toHaveLength(1)
  })

  test('two elements are refused', async () => {
    await expect(readSbom(spdx([packaged('1'), packaged('2')]), 'x')).rejects.toThrow(
      'the id "SPDXRef-a" stands for two elements',
    )
    const components = ['1', '2'].map((version) => ({ type: 'library', 'bom-ref': 'a', name: 'a', version }))
    const cyclonedx = { bomFormat: 'CycloneDX', specVersion: '1.6', components }
    await expect(readSbom(Buffer.from(JSON.stringify(cyclonedx)), 'x')).rejects.toThrow('stands for two elements')
  })

  test('Trivy gives copies of a package one id: both are there', async () => {
    const copies = ['a', 'b'].map((folder) => ({
      ID: 'x@1',
      Name: 'x',
      Version: '1',
      FilePath: `${folder}/package.json`,
    }))
    const trivy = {
      SchemaVersion: 2,
      ArtifactName: 'image',
      Results: [{ Target: 'Node.js', Class: 'lang-pkgs', Type: 'node-pkg', Packages: copies }],
    }
    const { packages } = await readSbom(Buffer.from(JSON.stringify(trivy)), 'x')
    expect(packages.map(({ locations }) => locations)).toEqual([['a/package.json'], ['b/package.json']])
    expect(new Set(packages.map(({ id }) => id)).size).toBe(2)
  })
})

test.each([
  ['2026-01-01T00:00:00Z', 1_767_225_600],
  ['2026-01-01T02:00:00.123456789+02:00', 1_767_225_600],
  ['-1', null],
  ['+275760-01-01T00:00:00Z', null],
  ['9999-12-31T23:00:00-05:00', null],
  ['0000-01-01T00:00:00+05:00', null],
  ['January 2026', null],
])('the time %p is %p', async (created, seconds) => {
  const document = JSON.parse(spdx([packaged('1')]).toString()) as { creationInfo: object }
  document.creationInfo = { ...document.creationInfo, created }
  expect((await readSbom(Buffer.from(JSON.stringify(document)), 'x')).created).toBe(seconds)
})

describe('names that every object inherits are names as others', () => {
  test('of a distribution', async () => {
    const found = await catalog({
      'etc/os-release': 'ID=constructor\nVERSION_ID=1\n',
      'var/lib/dpkg/status': 'Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n',
    })
    expect(found.packages[0]?.purl).toBe('pkg:deb/constructor/a@1?arch=all&distro=constructor-1')
  })

  test("of a relationship of syft's, a phase of SPDX and a tag", async () => {
    const artifact = (id: string): object => ({ id, name: id, version: '1', type: 'npm', purl: `pkg:npm/${id}@1` })
    const syft = {
      artifacts: [artifact('a'), artifact('b')],
      artifactRelationships: [{ parent: 'a', child: 'b', type: 'constructor' }],
      source: { id: 's', name: 'x', version: '1', type: 'image', metadata: {} },
      descriptor: { name: 'syft', version: '1', configuration: {} },
      schema: { version: '16' },
    }
    const document = await readSbom(Buffer.from(JSON.stringify(syft)), 'x')
    expect(document.relationships).toMatchObject([{ type: 'other', detail: 'constructor' }])
    const written = JSON.parse(spdx([packaged('1')]).toString()) as { creationInfo: object }
    const phased = { ...written, creationInfo: { ...written.creationInfo, comment: 'constructor' } }
    expect((await readSbom(Buffer.from(JSON.stringify(phased)), 'x')).lifecycle).toBeNull()
    const tags =
      'SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: x\nconstructor: y\n'
    await expect(readSbom(Buffer.from(tags), 'x')).rejects.toThrow(VerificationError)
  })
})

describe('a name that none can have costs its own file', () => {
  test('from a property of a pom.xml', async () => {
    const project = (artifact: string): string =>
      `<project><groupId>g</groupId><artifactId>${artifact}</artifactId><version>1</version><properties><long>${'x'.repeat(2000)}</long></properties></project>`
    const found = await catalog({ 'a/pom.xml': project('${long}'), 'b/pom.xml': project('good') }, 'source')
    expect(found.packages.map(({ purl }) => purl)).toEqual(['pkg:maven/g/good@1'])
    expect(found.gaps).toMatchObject([{ path: 'a/pom.xml', kind: 'maven', reason: 'unreadable' }])
  })

  test('in a go.mod', async () => {
    const found = await catalog(
      {
        'a/go.mod': `module m\nrequire example.com/a v1\u0007\n`,
        'b/go.mod': 'module m\nrequire example.com/b v1.0.0\n',
      },
      'source',
    )
    expect(found.packages.map(({ purl }) => purl)).toEqual(['pkg:golang/example.com/b@v1.0.0'])
    expect(found.gaps).toMatchObject([{ path: 'a/go.mod', kind: 'golang', reason: 'unreadable' }])
    expect((await declared('go.mod', 'module m\n')).gaps).toEqual([])
  })
})
