import { readFileSync } from 'node:fs'
import type { Cataloger } from '../../src/sbom/cataloger.ts'
import { ownDocument } from '../../src/sbom/documents/own.ts'
import { readSbom } from '../../src/sbom/documents/read.ts'
import type { SbomDocument } from '../../src/sbom/documents/model.ts'
import { encodeDocument } from '../../src/sbom/formats/encode.ts'
import type { Description, FoundPackage } from '../../src/sbom/model.ts'
import { describeImage } from '../../src/sbom/scan.ts'
import { scoreDocument } from '../../src/sbom/score/score.ts'
import { profiles, states, type Profile, type State } from '../../src/sbom/score/types.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { makeImage, type Short } from '../image/make-image.ts'
import { application, debian } from './fixture.ts'

async function described(...layers: Short[][]): Promise<Description> {
  const { store, image } = await makeImage(layers)
  return (await describeImage(store, image)).description
}
const stateOf = (document: SbomDocument, profile: Profile, element: string): State | undefined =>
  scoreDocument(document, profile).elements.find((item) => item.element === element)?.state
const packageElements = [
  'producer',
  'hash value',
  'hash algorithm',
  'identifiers',
  'licence',
  'component name',
  'component version',
]

test('an image without any package lacks every element of packages', async () => {
  const none = ownDocument(await described([{ path: 'lib/apk/x', text: 'x' }]))
  for (const element of packageElements)
    expect([element, stateOf(none, 'cisa-2026', element)]).toEqual([element, 'absent'])
  const some = ownDocument(await described(debian))
  expect(scoreDocument(some, 'cisa-2026').absent).toBeLessThan(scoreDocument(none, 'cisa-2026').absent)
  expect(scoreDocument(some, 'general').value).toBeGreaterThan(scoreDocument(none, 'general').value ?? 10)
})

test('finding less, or with fewer catalogers, never scores higher in any profile', async () => {
  const whole = await described(debian, application)
  const without = (drop: (found: FoundPackage) => boolean): Description => ({
    ...whole,
    packages: whole.packages.filter((found) => !drop(found)),
    // What a missing cataloger does not own, nobody does.
    coverage: { ...whole.coverage, unattributed: whole.coverage.unattributed + 1 },
  })
  const full = ownDocument(whole)
  const catalogers: Cataloger['name'][] = [...new Set(whole.packages.map(({ cataloger }) => cataloger))]
  const fewer = [
    ...catalogers.map((name) => without(({ cataloger }) => cataloger === name)),
    ...whole.packages.map((one) => without((found) => found === one)),
    without(({ licence }) => licence === null),
    without(({ supplier }) => supplier === null),
    without(() => true),
    { ...whole, gaps: [{ path: 'x', kind: 'rpm', reason: 'unsupported' as const, why: 'x' }] },
  ]
  expect(fewer.length).toBeGreaterThan(8)
  for (const profile of profiles) {
    const best = scoreDocument(full, profile)
    for (const description of fewer) {
      const score = scoreDocument(ownDocument(description), profile)
      expect(score.present).toBeLessThanOrEqual(best.present)
      expect(score.value ?? 0).toBeLessThanOrEqual(best.value ?? 10)
      for (const [index, { element, state }] of score.elements.entries())
        if (!['dependency relationship', 'dependencies'].includes(element))
          expect(states.indexOf(state)).toBeGreaterThanOrEqual(states.indexOf(best.elements[index]?.state ?? 'absent'))
    }
  }
})

test('an author and a supplier that were given count; without them the document says that they are unknown', async () => {
  const description = await described(debian)
  const unknown = ownDocument(description)
  expect(stateOf(unknown, 'cisa-2026', 'SBOM author')).toBe('declared unknown')
  const known = ownDocument({
    ...description,
    author: { kind: 'organization', name: 'ACME', url: 'https://acme.example' },
  })
  expect(stateOf(known, 'cisa-2026', 'SBOM author')).toBe('present')
  for (const format of ['spdx3-json', 'cyclonedx-json'] as const) {
    const read = await readSbom(encodeDocument(known, format), 'ours')
    expect(stateOf(read, 'bsi-2.1', 'SBOM creator with e-mail or URL')).toBe('present')
    expect(stateOf(read, 'bsi-2.1', 'format: CycloneDX 1.6 or SPDX 3.0.1')).toBe('present')
  }
  const old = await readSbom(encodeDocument(known, 'spdx-json'), 'ours')
  expect(stateOf(old, 'bsi-2.1', 'format: CycloneDX 1.6 or SPDX 3.0.1')).toBe('absent')
})

test('what is written is scored as what was meant', async () => {
  const document = ownDocument(await described(debian, application))
  for (const format of ['spdx-json', 'spdx3-json', 'cyclonedx-json', 'cyclonedx1.7-json'] as const) {
    const read = await readSbom(encodeDocument(document, format), 'ours')
    for (const profile of ['cisa-2026', 'ntia-2021'] as const)
      expect(scoreDocument(read, profile).text).toBe(scoreDocument(document, profile).text)
  }
})

/** Several of these documents have a serial number that no schema takes: it is mended, since it is not what they are about. */
function vectorOf(path: string): Promise<SbomDocument> {
  const text = readFileSync(vector(`sbom/conformance/${path}`), 'utf8')
  const mended = text.replace(/"urn:uuid:(?![0-9a-f-]{36}")[^"]*"/, '"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79"')
  return readSbom(Buffer.from(mended), path)
}

withPeers(
  ['vectors:sbom'],
  'BSI: a document that has everything passes, one that lacks a field fails in just that',
  async () => {
    expect(scoreDocument(await vectorOf('bsi-cdx1.6/validFullyCompliantBsiV21.cdx16.json'), 'bsi-2.1')).toMatchObject({
      absent: 0,
      passed: true,
    })
    const pairs: [file: string, element: string, state: State][] = [
      ['validComponentName', 'component name', 'present'],
      ['validComponentBsiFilename', 'filename', 'present'],
      ['missingComponentBsiFilename', 'filename', 'absent'],
      ['validComponentBsiExecutable', 'executable property', 'present'],
      ['missingComponentBsiExecutable', 'executable property', 'absent'],
      ['validComponentBsiArchive', 'archive property', 'present'],
      ['missingComponentBsiArchive', 'archive property', 'absent'],
      ['validComponentBsiStructured', 'structured property', 'present'],
      ['missingComponentBsiStructured', 'structured property', 'absent'],
      ['missingComponentLicense', 'distribution licence (concluded)', 'absent'],
      ['invalidComponentLicenseExpression', 'distribution licence (concluded)', 'absent'],
      ['validComponentLicenseDeclared', 'original licences (declared)', 'present'],
      ['validComponentExtRefDistributionHashSHA512', 'SHA-512 of the deployable component', 'present'],
      ['validComponentExtRefDistributionHashSHA256', 'SHA-512 of the deployable component', 'absent'],
      ['validComponentExtRefDistributionIntakeHashSHA512', 'SHA-512 of the deployable component', 'present'],
      ['validComponentSourceCodeURL', 'source code URI', 'present'],
      ['missingComponentSourceCodeURL', 'source code URI', 'absent'],
      ['validComponentDownloadURL', 'URI of the deployable component', 'present'],
      ['missingComponentDownloadURL', 'URI of the deployable component', 'absent'],
      ['validComponentPURL', 'other unique identifiers', 'present'],
      ['validComponentCPE', 'other unique identifiers', 'present'],
      ['validComponentSWID', 'other unique identifiers', 'present'],
      ['missingComponentOtherUniqueIDs', 'other unique identifiers', 'absent'],
      ['validComponentManufacturerURL', 'component creator with e-mail or URL', 'present'],
      ['validComponentManufacturerEmail', 'component creator with e-mail or URL', 'present'],
      ['missingComponentManufacturerEmailAndURL', 'component creator with e-mail or URL', 'absent'],
      ['validMetadataAuthorEmail', 'SBOM creator with e-mail or URL', 'present'],
      ['missingMetadataAuthorEmail', 'SBOM creator with e-mail or URL', 'absent'],
      ['validMetadataManufacturerURL', 'SBOM creator with e-mail or URL', 'present'],
      ['validMetadataTimestamp', 'timestamp', 'present'],
      ['missingMetadataTimestamp', 'timestamp', 'absent'],
      ['validSerialNumber', 'SBOM-URI', 'present'],
      ['missingSerialNumber', 'SBOM-URI', 'absent'],
      ['validComponentVersion', 'component version', 'present'],
      ['missingComponentVersion', 'component version', 'absent'],
    ]
    const found = await Promise.all(
      pairs.map(async ([file, element]) => [
        file,
        element,
        stateOf(await vectorOf(`bsi-cdx1.6/${file}.cdx16.json`), 'bsi-2.1', element),
      ]),
    )
    expect(found).toEqual(pairs)
  },
)

withPeers(['vectors:sbom'], 'NTIA: each missing element is the one that is absent', async () => {
  const whole = scoreDocument(await vectorOf('ntia-spdx2.3/no_elements_missing.json'), 'ntia-2021')
  expect(whole.elements.filter(({ state }) => state !== 'present')).toEqual([])
  for (const [file, element] of [
    ['missing_component_version', 'component version'],
    ['missing_supplier_name', 'supplier name'],
  ] as const)
    expect([file, stateOf(await vectorOf(`ntia-spdx2.3/${file}.json`), 'ntia-2021', element)]).toEqual([file, 'absent'])
})
