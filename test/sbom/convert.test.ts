import { readFileSync, readdirSync } from 'node:fs'
import { lossOf } from '../../src/sbom/documents/loss.ts'
import type { SbomDocument } from '../../src/sbom/documents/model.ts'
import { ownDocument } from '../../src/sbom/documents/own.ts'
import { readSbom } from '../../src/sbom/documents/read.ts'
import { encodeDocument } from '../../src/sbom/formats/encode.ts'
import { sbomFormats, type SbomFormat } from '../../src/sbom/formats/names.ts'
import type { Party } from '../../src/sbom/model.ts'
import { describeImage } from '../../src/sbom/scan.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { makeImage } from '../image/make-image.ts'
import { application, debian } from './fixture.ts'

const parties: readonly (readonly [string, Party])[] = [
  [
    'organization with both addresses',
    { kind: 'organization', name: 'ACME', email: 's@a.example', url: 'https://a.example' },
  ],
  ['person with both addresses', { kind: 'person', name: 'Ann', email: 'ann@a.example', url: 'https://ann.example' }],
  ['person with a URL', { kind: 'person', name: 'Ann', url: 'https://ann.example' }],
  ['organization without an address', { kind: 'organization', name: 'ACME' }],
  ['name with words in brackets', { kind: 'organization', name: 'ACME (Europe)', email: 's@a.example' }],
  ['name that ends with an address in brackets', { kind: 'person', name: 'Ann (ann@a.example)' }],
  ['address that no schema takes', { kind: 'person', name: 'Ann', email: 'ann at a', url: 'a b' }],
]
const others: Party[] = [
  { kind: 'organization', name: 'Second', url: 'https://second.example' },
  { kind: 'person', name: 'Bob' },
  { kind: 'organization', name: 'Third', email: 't@third.example' },
]
const pairs = sbomFormats.flatMap((from) => sbomFormats.map((to) => [from, to] as const))

const described = makeImage([debian, application]).then(
  async ({ store, image }) => (await describeImage(store, image)).description,
)

/** An own document with facts of every kind that the formats hold in different ways. */
async function rich(party: Party): Promise<SbomDocument> {
  const document = ownDocument({ ...(await described), author: party, supplier: party })
  document.authors.push(...others)
  document.name = 'a document with a name of its own'
  document.identity.references = [
    { type: 'vcs', url: 'https://a.example/x.git', checksums: [] },
    {
      type: 'distribution',
      url: 'https://a.example/x.tar',
      checksums: [{ algorithm: 'SHA-512', value: '1'.repeat(128) }],
    },
    { type: 'no-such-type', url: 'no reference', checksums: [] },
  ]
  const [, first, second] = document.packages
  if (first === undefined || second === undefined) throw new Error('the fixture has packages')
  first.supplier = party
  first.producer = others[0] ?? null
  first.references = document.identity.references
  first.concluded = 'MIT'
  first.licence = 'Apache-2.0'
  first.licenceText = 'in its own words'
  first.identifiers = [
    ['swid', 'acme'],
    ['omniborId', 'gitoid:blob:sha1:261eeb9e9f8b2b4b0d119366dda99c6fd7d35c64'],
  ]
  second.producer = party
  return document
}

const read = (bytes: Buffer, name: string): Promise<SbomDocument> => readSbom(bytes, name)
const convert = async (document: SbomDocument, to: SbomFormat): Promise<SbomDocument> =>
  read(encodeDocument(document, to), to)

describe.each(parties)('author, supplier and producer: %s', (_what, party) => {
  test.each(pairs)('%s to %s loses nothing', async (from, to) => {
    const document = await rich(party)
    const first = await convert(document, from)
    expect(lossOf(document, first)).toEqual([])
    expect(first.authors).toHaveLength(4)
    expect(first.authors).toContainEqual(party)
    const second = await convert(first, to)
    expect(lossOf(first, second)).toEqual([])
    expect(second.supplier).toEqual(party)
    expect(second.identity.producer).toEqual(party)
    expect(second.packages).toHaveLength(document.packages.length)
  })
})

test('a party that is lost is reported', async () => {
  const document = await rich({ kind: 'person', name: 'Ann', email: 'ann@a.example' })
  const bytes = encodeDocument(document, 'cyclonedx-json').toString().replaceAll('ann@a.example', 'bob@a.example')
  expect(lossOf(document, await read(Buffer.from(bytes), 'changed'))).toEqual([
    'authors',
    'supplier',
    'producer of the subject',
    'producer of 1 packages',
    'supplier of 1 packages',
  ])
})

test.each(sbomFormats)('a document that names no maker is valid as %s, made by the converter', async (to) => {
  const document = await read(
    Buffer.from(JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', components: [] })),
    'test',
  )
  const after = await convert(document, to)
  expect(lossOf(document, after)).toEqual([])
  expect(after.authors).toEqual([])
  expect(after.tools.map(({ name }) => name)).toEqual(to.startsWith('spdx') ? ['sealwright'] : [])
})

test('SPDX 2.3 lists no file without a checksum, and the loss is reported', async () => {
  const component = (name: string, hashes: object[]): object => ({ type: 'file', 'bom-ref': name, name, hashes })
  const document = await read(
    Buffer.from(
      JSON.stringify({
        bomFormat: 'CycloneDX',
        specVersion: '1.6',
        components: [
          component('bare', []),
          component('hashed', [{ alg: 'SHA-1', content: '1'.repeat(40) }]),
          { type: 'library', 'bom-ref': 'p', name: 'p', components: [component('inner', [])] },
        ],
      }),
    ),
    'test',
  )
  const after = await convert(document, 'spdx-json')
  expect(after.files?.map(({ path }) => path)).toEqual(['hashed'])
  expect(lossOf(document, after)).toEqual(['1 relationships', '2 files'])
  expect(lossOf(document, await convert(document, 'spdx3-json'))).toEqual([])
})

/** What formats cannot hold of the documents of others; edges that lead nowhere count as relationships. */
const acceptable = /^\d+ (?:files|relationships)$/

withPeers(
  ['vectors:sbom'],
  'documents of others become valid documents, and keep all but files and relationships',
  async () => {
    let count = 0
    for (const folder of ['cyclonedx/1.6', 'cyclonedx/1.7', 'spdx/2.3', 'spdx/3.0', 'real', ...conformance()]) {
      for (const name of readdirSync(vector(`sbom/${folder}`))) {
        const document = await read(readFileSync(vector(`sbom/${folder}/${name}`)), name).catch(() => null)
        if (document === null) continue
        for (const to of sbomFormats) {
          const lost = lossOf(document, await convert(document, to))
          expect([name, to, lost.filter((line) => !acceptable.test(line))]).toEqual([name, to, []])
          count++
        }
      }
    }
    expect(count).toBeGreaterThan(800)
  },
)

function conformance(): string[] {
  return readdirSync(vector('sbom/conformance')).map((name) => `conformance/${name}`)
}
