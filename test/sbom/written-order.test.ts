import { encodeDocument } from '../../src/sbom/formats/encode.ts'
import { readSbom } from '../../src/sbom/documents/read.ts'
import { sbomFormats } from '../../src/sbom/formats/names.ts'
import { describeImage, type Described } from '../../src/sbom/scan.ts'
import { makeImage } from '../image/make-image.ts'
import { application, debian } from './fixture.ts'

// Ids of SPDX 3 are made of the URI of their document, and its elements stand in the order of their ids.
const compared = sbomFormats.filter((format) => format !== 'spdx3-json')

/** Both without what names this very document: UUIDs. */
const anonymous = (bytes: Buffer): unknown =>
  JSON.parse(bytes.toString('utf8').replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID'))

let described: Described
beforeAll(async () => {
  const { store, image } = await makeImage([debian, application])
  described = await describeImage(store, image)
})

describe.each(sbomFormats)('%s', (from) => {
  test.each(compared)('converted to %s it reads line by line like the one that was written at once', async (to) => {
    const converted = encodeDocument(await readSbom(described.encode(from), from), to)
    expect(anonymous(converted)).toEqual(anonymous(described.encode(to)))
  })
})

test('the order of packages in the source does not show', async () => {
  const document = await readSbom(described.encode('cyclonedx-json'), 'sbom')
  const turned = { ...document, packages: document.packages.toReversed() }
  for (const format of compared)
    expect(anonymous(encodeDocument(turned, format))).toEqual(anonymous(encodeDocument(document, format)))
})

test('the digest of a folder is not taken for the digest of an image', async () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const read = async (type: string) =>
    readSbom(
      Buffer.from(
        JSON.stringify({
          bomFormat: 'CycloneDX',
          specVersion: '1.6',
          metadata: { component: { type, name: 'x', version: digest } },
        }),
      ),
      'x',
    )
  expect((await read('application')).identity.manifestDigest).toBeNull()
  expect((await read('container')).identity.manifestDigest).toBe(digest)
})
