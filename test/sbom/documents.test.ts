import { sbomFormats } from '../../src/sbom/formats/names.ts'
import { describeImage, type Described } from '../../src/sbom/scan.ts'
import { makeImage, type Short } from '../image/make-image.ts'
import { withPeers } from '../../testkit/peers.ts'
import { application, debian } from './fixture.ts'
import { officialValidator, schemas } from './official.ts'

async function described(layers: Short[][], options = {}): Promise<Described> {
  const { store, image } = await makeImage(layers)
  return describeImage(store, image, options)
}
const broken: Short[] = [{ path: 'node_modules/x/package.json', text: '{' }]

for (const format of sbomFormats) {
  withPeers([`vectors:${schemas}`], `${format} passes the official schema`, async () => {
    const validate = officialValidator(format)
    const parties = {
      author: { kind: 'organization', name: 'ACME', email: 'sbom@acme.example', url: 'https://acme.example' },
      supplier: { kind: 'person', name: 'Ann', email: 'ann@acme.example' },
    }
    for (const [layers, options] of [
      [[debian, application], {}],
      [[debian, application], parties],
      [[broken], {}],
      [[[]], {}],
    ] as const) {
      const document = JSON.parse(
        (
          await described(
            layers.map((layer) => [...layer]),
            options,
          )
        )
          .encode(format)
          .toString(),
      ) as Record<string, unknown>
      expect(validate(document) === true ? [] : validate.errors).toEqual([])
      for (const member of ['relationships', 'components', '@graph']) if (member in document) document[member] = 'none'
      expect(validate(document)).toBe(false)
    }
  })
}

test('equal images give equal bytes; time and name come from outside or from the image', async () => {
  const [one, two] = [await described([debian, application]), await described([debian, application])]
  expect(one.spdx.equals(two.spdx)).toBe(true)
  expect(one.cyclonedx.equals(two.cyclonedx)).toBe(true)
  expect(one.inventory.equals(two.inventory)).toBe(true)
  expect(JSON.parse(one.spdx.toString())).toMatchObject({ creationInfo: { created: '2026-01-02T03:04:05Z' } })
  const dated = await described([debian, application], { epoch: 0, name: 'mine' })
  expect(JSON.parse(dated.cyclonedx.toString())).toMatchObject({
    metadata: { timestamp: '1970-01-01T00:00:00Z', component: { name: 'mine' } },
  })
  const serial = (value: Described): string =>
    (JSON.parse(value.cyclonedx.toString()) as { serialNumber: string }).serialNumber
  expect(serial(dated)).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(serial(dated)).not.toBe(serial(one))
})

test('how layers are compressed does not matter', async () => {
  const documents = []
  for (const compression of ['gzip', 'zstd', 'none'] as const) {
    const { store, image } = await makeImage([debian, application], { compression })
    documents.push(await describeImage(store, image))
  }
  const [one, ...others] = documents as [Described, ...Described[]]
  for (const other of others) {
    expect(other.spdx.equals(one.spdx)).toBe(true)
    expect(other.cyclonedx.equals(one.cyclonedx)).toBe(true)
  }
})

test('every relationship is between things of the document', async () => {
  const { spdx, cyclonedx } = await described([debian, application])
  const document = JSON.parse(spdx.toString()) as {
    packages: { SPDXID: string }[]
    relationships: { spdxElementId: string; relatedSpdxElement: string; relationshipType: string }[]
  }
  const ids = new Set(['SPDXRef-DOCUMENT', ...document.packages.map(({ SPDXID }) => SPDXID)])
  expect(ids.size).toBe(document.packages.length + 1)
  for (const { spdxElementId, relatedSpdxElement } of document.relationships) {
    expect(ids).toContain(spdxElementId)
    expect(ids).toContain(relatedSpdxElement)
  }
  expect(document.relationships.filter(({ relationshipType }) => relationshipType === 'DEPENDS_ON')).toHaveLength(10)
  const bom = JSON.parse(cyclonedx.toString()) as {
    components: { 'bom-ref': string }[]
    dependencies: { dependsOn: string[] }[]
  }
  const refs = new Set(bom.components.map((component) => component['bom-ref']))
  for (const ref of bom.dependencies.flatMap(({ dependsOn }) => dependsOn)) expect(refs).toContain(ref)
})
