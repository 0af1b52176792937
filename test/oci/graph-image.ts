import { putArtifact } from '../../src/oci/artifact.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest, type Platform, type Store } from '../../src/oci/types.ts'
import { putImage } from './store.ts'

export async function putIndex(store: Store, children: readonly Descriptor[], tag?: string): Promise<Descriptor> {
  const bytes = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [...children] })
  return store.putManifest(bytes, mediaTypes.index, { tag })
}

const onPlatform = (descriptor: Descriptor, architecture: string): Descriptor & { platform: Platform } => ({
  ...descriptor,
  platform: { os: 'linux', architecture },
})

/** An index of two images; a referrer of the index, one of a child, a receipt of that one, and a tag of the other child. */
export async function putGraph(
  store: Store,
): Promise<Record<'index' | 'a' | 'b' | 'ofIndex' | 'ofA' | 'receipt' | 'ofB', Digest>> {
  const a = await putImage(store, 'a')
  const b = await putImage(store, 'b')
  const index = await putIndex(store, [onPlatform(a, 'amd64'), onPlatform(b, 'arm64')], 'v1')
  const attach = (subject: Descriptor, artifactType: string): Promise<Descriptor> =>
    putArtifact(store, { artifactType, subject, layers: [] })
  const ofIndex = await attach(index, 'application/x-of-index')
  const ofA = await attach(a, 'application/x-of-a')
  const receipt = await attach(ofA, 'application/x-receipt')
  const tag = `sha256-${b.digest.slice(7)}.sig`
  const ofB = await putArtifact(store, { artifactType: 'application/x-legacy', layers: [], tag })
  const digests = { index, a, b, ofIndex, ofA, receipt, ofB }
  return Object.fromEntries(Object.entries(digests).map(([name, { digest }]) => [name, digest])) as Awaited<
    ReturnType<typeof putGraph>
  >
}
