import { loadImage } from '../../src/image/load.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Digest, type Platform } from '../../src/oci/types.ts'
import { makeImage, type MadeImage } from './make-image.ts'

async function indexOf(made: MadeImage, platforms: (Platform | undefined)[]): Promise<Digest> {
  const { mediaType, digest, size } = made.image.descriptor
  const manifests = platforms.map((platform) => ({
    mediaType,
    digest,
    size,
    ...(platform === undefined ? {} : { platform }),
  }))
  const bytes = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests })
  return (await made.store.putManifest(bytes, mediaTypes.index, { tag: 'index' })).digest
}

test('a manifest and its configuration', async () => {
  const { image } = await makeImage([[{ path: 'a' }]])
  expect(image.platform).toEqual({ os: 'linux', architecture: 'amd64' })
  expect(image.configDigest).toBe(image.manifest.config.digest)
})

test('the Docker form is taken', async () => {
  const { image } = await makeImage([[{ path: 'a' }]], { docker: true })
  expect(image.manifest.mediaType).toBe(mediaTypes.dockerManifest)
})

test('of an index, the named or the only platform', async () => {
  const made = await makeImage([[{ path: 'a' }]])
  const [amd, arm] = [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm64', variant: 'v8' },
  ]
  const two = await indexOf(made, [amd, arm])
  expect((await loadImage(made.store, two, 'linux/amd64')).descriptor.digest).toBe(made.digest)
  expect((await loadImage(made.store, two, 'linux/arm64')).descriptor.digest).toBe(made.digest)
  await expect(loadImage(made.store, two, 'linux/s390x')).rejects.toMatchObject({ code: 'not-found' })
  // BuildKit's attestations do not count.
  const one = await indexOf(made, [arm, { os: 'unknown', architecture: 'unknown' }])
  expect((await loadImage(made.store, one)).descriptor.digest).toBe(made.digest)
})

test.each<[string, object, string]>([
  ['fewer diff ids than layers', { rootfs: { type: 'layers', diff_ids: [] } }, 'format-invalid'],
  ['a diff id that is none', { rootfs: { type: 'layers', diff_ids: ['sha256:abc'] } }, 'format-invalid'],
  ['no rootfs', { rootfs: null }, 'format-invalid'],
  ['no architecture', { architecture: null }, 'format-invalid'],
])('a configuration with %s is refused', async (_what, config, code) => {
  await expect(makeImage([[{ path: 'a' }]], { config })).rejects.toMatchObject({ code })
})

test('a configuration that lists other layers than its manifest says how many were expected', async () => {
  const config = { rootfs: { type: 'layers', diff_ids: [] } }
  await expect(makeImage([[{ path: 'a' }]], { config })).rejects.toMatchObject({
    message: expect.stringMatching(/ must list the 1 layer of its manifest, but lists 0$/),
    remedy: expect.stringContaining('build it again'),
  })
})

test('an artifact is no container image', async () => {
  const { store } = await makeImage([])
  const config = { mediaType: mediaTypes.empty, ...(await store.putBlob({ bytes: Buffer.from('{}') })) }
  const manifest = {
    schemaVersion: 2 as const,
    mediaType: mediaTypes.manifest,
    artifactType: 'application/x',
    config,
    layers: [config],
  }
  const { digest } = await store.putManifest(manifestBytes(manifest), mediaTypes.manifest, { tag: 'x' })
  await expect(loadImage(store, digest)).rejects.toMatchObject({ code: 'unsupported' })
})
