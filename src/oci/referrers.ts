import { VerificationError } from '../base/errors.ts'
import type { Log } from '../base/ports.ts'
import { artifactTypeOf, isIndex, isManifestType } from './manifest.ts'
import type { Descriptor, Digest, Index, Manifest, StoredManifest } from './types.ts'

export { fallbackTag } from './digest.ts'

/**
 * The referrers of `digest` among listed descriptors. A listing is only a hint: each manifest is read, its own `subject` decides
 * whether it belongs there, and artifact type and annotations are taken from it (some registries' listings show the config's
 * type, or children of an index).
 *
 * @returns one descriptor a manifest, in order of digests
 * @throws VerificationError `missing-blob` when a listed manifest is not there
 */
export async function pickReferrers(
  listed: readonly Descriptor[],
  digest: Digest,
  artifactType: string | undefined,
  read: (descriptor: Descriptor) => Promise<StoredManifest>,
): Promise<Descriptor[]> {
  const found = new Map<Digest, Descriptor>()
  for (const descriptor of listed) {
    if (found.has(descriptor.digest) || !isManifestType(descriptor.mediaType)) continue
    const { content, descriptor: stored } = await read(descriptor)
    if (content.subject?.digest !== digest) continue
    const referrer = referrerOf(stored, content)
    if (artifactType === undefined || referrer.artifactType === artifactType) found.set(descriptor.digest, referrer)
  }
  return [...found.values()].sort(byDigest)
}

/** The descriptor that a listing shows for a referrer (distribution-spec 1.1, "Listing Referrers"). */
export function referrerOf({ mediaType, digest, size }: Descriptor, content: Manifest | Index): Descriptor {
  const referrer: Descriptor = { mediaType, digest, size }
  const artifactType = artifactTypeOf(content)
  if (artifactType !== undefined) referrer.artifactType = artifactType
  if (content.annotations !== undefined) referrer.annotations = content.annotations
  return referrer
}

/**
 * What stands under a fallback tag. `cosign copy` writes images under the same name: such a manifest lists no referrers.
 *
 * @param store name of the store, for the log
 */
export function fromFallback(stored: StoredManifest, store: string, log: Log): Descriptor[] {
  if (isIndex(stored.content)) return stored.content.manifests
  log.warn(
    `${store}: the fallback tag of referrers names an image (${stored.descriptor.digest}), as cosign copy leaves it; it lists nothing`,
  )
  return []
}

/** All that a manifest needs in its store: config and layers, or children. Layers that lie elsewhere (`urls`) are not among them. */
export function referencedBlobs(content: Manifest | Index): Descriptor[] {
  if (isIndex(content)) return content.manifests
  return [content.config, ...content.layers].filter((d) => !('urls' in d))
}

export function byDigest(a: Descriptor, b: Descriptor): number {
  return a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : 0
}

export function missingBlob(digest: Digest, store: string): VerificationError {
  return new VerificationError('missing-blob', `${digest} is missing in ${store}`, {
    subject: digest,
    remedy: 'The copy is incomplete: publish it again from its source.',
  })
}
