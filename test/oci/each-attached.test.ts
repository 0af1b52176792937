import { openRoom } from '../../src/oci/each-attached.ts'
import { emptyConfig } from '../../src/oci/artifact.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Store } from '../../src/oci/types.ts'
import { findAttachedStatements } from '../../src/log/scitt/attach.ts'
import { statementMediaType } from '../../src/log/scitt/statement.ts'
import { findSignatures } from '../../src/guests/signatures.ts'
import { bundleMediaType } from '../../src/sign/bundle.ts'
import { testPorts } from '../../testkit/ports.ts'
import { codeOfSync, putImage, storeOf } from './helpers.ts'

/** Referrers that differ by an annotation alone, put at once. */
async function attachMany(store: Store, { mediaType, digest, size }: Descriptor, type: string, count: number) {
  await store.putBlob({ bytes: Buffer.from('{}') })
  const layer = { mediaType: type, ...(await store.putBlob({ bytes: Buffer.from('{"no":"document"}') })) }
  const manifests = Array.from({ length: count }, (_, i) => ({
    mediaType: mediaTypes.manifest,
    bytes: manifestBytes({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      artifactType: type,
      config: emptyConfig,
      layers: [layer],
      subject: { mediaType, digest, size },
      annotations: { i: `${i}` },
    }),
  }))
  await store.putManifests?.(manifests)
}

test('a list of attached statements has no end at a hundred', async () => {
  const store = storeOf('oci:layout', testPorts())
  const image = await putImage(store, 'layer', 'v1')
  await attachMany(store, image, statementMediaType, 130)
  const broken: unknown[] = []
  expect(await findAttachedStatements(store, image, (one) => broken.push(one))).toHaveLength(130)
  expect(broken).toEqual([])
})

test('what a list has no room for is told by name, and smaller documents are still taken', () => {
  const room = openRoom(100)
  const document = (size: number) => ({ digest: `sha256:${'1'.repeat(64)}` as const, size })
  room.take(document(60))
  expect(codeOfSync(() => room.take(document(41)))).toBe('not-checked')
  expect(() => room.take(document(41))).toThrow(/^sha256:1+ was not read, because more than 100 bytes/)
  room.take(document(40))
  expect(codeOfSync(() => room.take(document(1)))).toBe('not-checked')
})

test('bundles beyond those that guest check reads are counted', async () => {
  const store = storeOf('oci:layout', testPorts())
  const image = await putImage(store, 'layer', 'v1')
  await attachMany(store, image, bundleMediaType, 203)
  const { bundles, broken, referrers } = await findSignatures(store, image)
  expect([bundles.length, referrers, broken]).toEqual([
    200,
    203,
    ['3 more bundles were not read: 200 are read of one image'],
  ])
})
