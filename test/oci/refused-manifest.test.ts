import { TransportError } from '../../src/base/errors.ts'
import { openStore } from '../../src/oci/open.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { refusedManifest } from '../../src/oci/refused-manifest.ts'
import { testPorts } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'

const artifactType = 'application/vnd.example.test'

test.each([
  [['immutable-tags', 'no-referrers'], /begin with "sha256-" from its rule of immutable tags/],
  [['no-subject'], /does not accept manifests with a "subject"/],
])('a registry with %p: the remedy is told', async (quirks, remedy) => {
  const registry = await startRegistry('quirky', { quirks })
  try {
    const store = openStore(parseReference(`${registry.host}/a/b`, '/'), testPorts())
    const subject = await putSmallImage(store, smallFiles, 'v1')
    const attach = async (text: string): Promise<unknown> =>
      putArtifact(store, { artifactType, subject, layers: [{ mediaType: 'text/plain', bytes: Buffer.from(text) }] })
    const both = async (): Promise<void> => {
      await attach('first')
      await attach('second')
    }
    await expect(both()).rejects.toMatchObject({ code: 'registry-error', remedy: expect.stringMatching(remedy) })
  } finally {
    await registry.close()
  }
})

test('a tag that must not move is told from a listing, and other errors stay', () => {
  const error = (text: string): TransportError =>
    new TransportError('registry-error', text, { subject: 'h', remedy: 'r' })
  const moved = refusedManifest(error('h answered 400 TAG_INVALID: it exists to PUT'), 'v1')
  expect(moved).toMatchObject({
    subject: 'h',
    remedy: 'The registry does not allow this tag to be moved: use another tag.',
  })
  const other = error('h answered 400 MANIFEST_INVALID: unknown field "annotations" to PUT')
  expect(refusedManifest(other, 'v1')).toBe(other)
  const byDigest = error('h answered 400 TAG_INVALID: x to PUT')
  expect(refusedManifest(byDigest, `sha256:${'0'.repeat(64)}`)).toBe(byDigest)
})
