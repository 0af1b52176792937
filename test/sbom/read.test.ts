import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSbom } from '../../src/sbom/documents/read.ts'
import { ownDocument } from '../../src/sbom/documents/own.ts'
import type { DocumentPackage, SbomDocument } from '../../src/sbom/documents/model.ts'
import { encodeDocument } from '../../src/sbom/formats/encode.ts'
import { sbomFormats } from '../../src/sbom/formats/names.ts'
import type { Description } from '../../src/sbom/model.ts'
import { describeImage } from '../../src/sbom/scan.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { makeImage } from '../image/make-image.ts'
import { application, debian } from './fixture.ts'

/** Vectors that the official schemas refuse, beside those whose name says so. */
const refused = new Set([
  'missing_author_name.json',
  'missing_component_name.json',
  'missing_unique_identifiers.json',
  'has_sbom.json',
])

for (const folder of [
  'cyclonedx/1.6',
  'cyclonedx/1.7',
  'spdx/2.3',
  'spdx/3.0',
  'conformance/ntia-spdx2.3',
  'conformance/ntia-spdx3',
]) {
  withPeers(
    ['vectors:sbom'],
    `${folder}: every valid document is read, every invalid one is refused with its place`,
    async () => {
      const files = readdirSync(vector(`sbom/${folder}`))
      expect(files.length).toBeGreaterThan(4)
      for (const file of files) {
        const outcome = await readSbom(readFileSync(join(vector(`sbom/${folder}`), file)), file).catch(
          (error: unknown) => error,
        )
        if (file.startsWith('invalid-') || refused.has(file)) {
          expect({ file, outcome }).toMatchObject({ outcome: { code: 'format-invalid', remedy: expect.any(String) } })
        } else if (outcome instanceof Error) throw outcome
      }
    },
  )
}

withPeers(
  ['vectors:sbom'],
  'documents found in the wild: those that break the schema are refused, all others are read',
  async () => {
    const found: Record<string, string> = {}
    for (const file of readdirSync(vector('sbom/real'))) {
      const bytes = readFileSync(join(vector('sbom/real'), file))
      const outcome = await readSbom(bytes, file).catch((error: unknown) => error)
      found[file] = outcome instanceof Error ? outcome.message : `${(outcome as SbomDocument).packages.length} packages`
    }
    expect(Object.values(found).filter((said) => said.endsWith(' packages'))).toHaveLength(2)
    expect(found['ntia-spdx_sample_01.json']).toContain('at /creationInfo: the member "created" is missing')
  },
)

/** A description that has everything the model can hold. */
async function fullDescription(): Promise<Description> {
  const { store, image } = await makeImage([debian, application])
  const { description } = await describeImage(store, image)
  const [libc, ...others] = description.packages
  if (libc === undefined) throw new Error('the image has no package')
  return {
    ...description,
    packages: [
      {
        ...libc,
        checksums: [{ algorithm: 'SHA-512', value: 'ab'.repeat(64) }],
        scope: 'development',
        properties: [
          ['description', 'says "what" it is'],
          ['note', 'two\nlines = \\ one'],
          ['other:tool', 'x'],
        ],
        locations: ['a, b', 'c\\d,e', 'usr/lib/x'],
        version: null,
      },
      ...others,
    ],
    gaps: [{ path: 'var/lib/rpm/Packages (x): y', kind: 'rpm', reason: 'unsupported', why: 'line\nbreak' }],
    coverage: {
      unattributed: 3,
      executables: ['opt/x'],
      privileged: ['bin/su'],
      checked: 9,
      findings: [{ path: 'etc/x', purl: libc.purl, kind: 'modified' }],
    },
    author: { kind: 'organization', name: 'ACME', email: 'sbom@acme.example' },
    supplier: { kind: 'person', name: 'Ann', email: 'ann@acme.example' },
  }
}

/** What a document says, with packages named by their keys in place of the ids that each format has. */
function meaning(document: SbomDocument): unknown {
  const keys = new Map(document.packages.map((item) => [item.id, item.purl ?? `${item.kind}:${item.name}`]))
  if (document.identity.id !== null) keys.set(document.identity.id, 'root')
  const named = (id: string): string => keys.get(id) ?? id
  const {
    name,
    identity,
    tools,
    catalogers,
    lifecycle,
    completeness,
    gaps,
    authors,
    supplier,
    created,
    coverage,
    inventory,
    properties,
  } = document
  const sorted = <T>(items: readonly T[]): T[] =>
    [...items].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  const strip = ({ id: _id, properties: own, ...item }: DocumentPackage): unknown => ({
    ...item,
    properties: sorted(own),
  })
  return {
    name,
    identity: { ...identity, id: 'root' },
    tools,
    catalogers,
    lifecycle,
    completeness,
    gaps,
    authors,
    supplier,
    created,
    coverage,
    inventory,
    properties,
    packages: sorted(document.packages.map(strip)),
    edges: sorted(document.relationships.map(({ from, type, to }) => [named(from), type, named(to)])),
  }
}

test.each(sbomFormats)('what is written as %s is read as it was meant', async (format) => {
  const document = ownDocument(await fullDescription())
  const again = await readSbom(encodeDocument(document, format), 'ours')
  expect(meaning(again)).toEqual(meaning(document))
  // Written again it is the same, but for what the format itself says.
  expect(encodeDocument(again, format).length).toBeGreaterThan(1000)
})
