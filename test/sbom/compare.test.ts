import { jcs } from '../../src/encoding/jcs.ts'
import { compareSbom } from '../../src/sbom/compare.ts'
import { describeImage, type Described } from '../../src/sbom/scan.ts'
import { makeImage, type Short } from '../image/make-image.ts'
import { application, debian } from './fixture.ts'

async function described(layers: Short[][], options = {}): Promise<Described> {
  const { store, image } = await makeImage(layers)
  return describeImage(store, image, options)
}

test('the documents of the same image are consistent, whenever they were made', async () => {
  const found = await described([debian, application])
  expect(await compareSbom(found, found)).toMatchObject({ consistent: true, reason: null, findings: [] })
  const other = await described([debian, application], { epoch: 5, name: 'other' })
  expect(await compareSbom(other, found)).toMatchObject({ consistent: true, findings: [], notes: [] })
})

test('a document in the form that statements hold it in is the same document', async () => {
  const found = await described([debian, application])
  const [spdx, cyclonedx] = [found.spdx, found.cyclonedx].map((bytes) => jcs(JSON.parse(bytes.toString()))) as [
    Buffer,
    Buffer,
  ]
  expect(await compareSbom({ spdx, cyclonedx }, found)).toMatchObject({ consistent: true, findings: [] })
})

test('one changed file is named', async () => {
  const found = await described([debian, application])
  const old = await described([
    debian,
    application.map((entry) => (entry.path === 'opt/stray' ? { ...entry, text: 'other' } : entry)),
  ])
  const { consistent, reason, findings } = await compareSbom({ inventory: old.inventory }, found)
  expect({ consistent, reason }).toEqual({ consistent: false, reason: 'sbom-differs' })
  expect(findings).toEqual(['opt/stray differs (sha256, size)'])
})

test('an added, a removed file; the first ones are named, the rest counted', async () => {
  const found = await described([debian])
  const more = await described([debian, Array.from({ length: 30 }, (_, i) => ({ path: `x/${i + 10}`, text: 'x' }))])
  expect((await compareSbom({ inventory: found.inventory }, more)).findings).toEqual([
    'x is in the image, but not in the inventory',
    ...Array.from({ length: 19 }, (_, i) => `x/${i + 10} is in the image, but not in the inventory`),
    '… and 11 more like this',
  ])
  expect((await compareSbom({ inventory: more.inventory }, found)).findings[0]).toBe(
    'x is in the inventory, but not in the image',
  )
})

test.each(['spdx', 'cyclonedx'] as const)('the %s document of another image', async (document) => {
  const [found, other] = [await described([debian, application]), await described([debian])]
  const { findings } = await compareSbom({ [document]: other[document] }, found)
  expect(findings.join('\n')).toMatch(/is about the image configuration/)
  expect(findings).toContain(`${document}: pkg:npm/b@2.0.0 is in the image, but not in the document`)
  expect(findings.filter((line) => line.includes('is in the image, but not in the document'))).toHaveLength(4)
  expect((await compareSbom({ [document]: found[document] }, other)).findings).toContain(
    `${document}: pkg:npm/b@2.0.0 is in the document, but not in the image`,
  )
})

test('a document that says something else of the same packages', async () => {
  const found = await described([debian, application])
  const spdx = Buffer.from(found.spdx.toString().replace('"licenseDeclared":"BSD-2-Clause"', '"licenseDeclared":"MIT"'))
  expect((await compareSbom({ spdx }, found)).findings).toEqual([
    'spdx: pkg:npm/b@2.0.0: the sides say different things about: licence',
  ])
  const foreign = Buffer.from(
    found.cyclonedx.toString().replace('"name":"sealwright","version":"', '"name":"sealwright","version":"9.'),
  )
  expect(await compareSbom({ cyclonedx: foreign }, found)).toMatchObject({
    consistent: true,
    notes: [expect.stringContaining('made by sealwright-9.')],
  })
})

test.each(['{}', '[]', 'null', '{"packages":1}', 'no json', ''])(
  '%j is no empty document, but an error',
  async (text) => {
    const found = await described([debian])
    for (const document of ['spdx', 'cyclonedx'] as const) {
      await expect(compareSbom({ [document]: Buffer.from(text) }, found)).rejects.toMatchObject({
        code: 'format-invalid',
      })
    }
  },
)

test('a damaged inventory is an error', async () => {
  const found = await described([debian])
  await expect(compareSbom({ inventory: found.inventory.subarray(0, -1) }, found)).rejects.toThrow(/whole line/)
})

test('author and supplier are what the job says of itself: they make no difference to the image', async () => {
  const { store, image } = await makeImage([debian, application])
  const acme = { kind: 'organization', name: 'ACME', email: 'sbom@acme.example' } as const
  const { spdx, cyclonedx } = await describeImage(store, image, { author: acme, supplier: acme, epoch: 7 })
  const found = await describeImage(store, image)
  expect(await compareSbom({ spdx, cyclonedx }, found)).toMatchObject({ consistent: true, findings: [] })
  // They hide nothing else.
  const other = await makeImage([debian])
  const less = await describeImage(other.store, other.image)
  expect((await compareSbom({ spdx, cyclonedx }, less)).consistent).toBe(false)
})
