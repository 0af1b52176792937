import { VerificationError } from '../base/errors.ts'
import type { Log } from '../base/ports.ts'
import { inOrder } from '../base/in-order.ts'
import { artifactTypeOf, isIndex, isManifestType } from './manifest.ts'
import type { Descriptor, Digest, Index, Manifest, StoredManifest } from './types.ts'

export { fallbackTag } from './digest.ts'

/** Told of a listed manifest that is not there or cannot be read. */
export type OnBroken = (broken: { manifest: Digest; error: VerificationError }) => void

/**
 * The referrers of `digest` among listed descriptors, each read once, in the order of their digests. A listing is only a hint: it may
 * name a manifest that a retention rule has deleted, and anybody who may push writes it. Each manifest's own `subject` decides.
 *
 * @param read reads one manifest; its TransportErrors pass through
 * @param parallel how many are read at a time
 */
export async function* readListed(
  listed: readonly Descriptor[],
  digest: Digest,
  read: (digest: Digest) => Promise<StoredManifest>,
  parallel: number,
  onBroken: OnBroken,
): AsyncGenerator<StoredManifest> {
  const digests = new Set(listed.filter((item) => isManifestType(item.mediaType)).map((item) => item.digest))
  const attempt = async (manifest: Digest): Promise<StoredManifest | null> => {
    try {
      return await read(manifest)
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      onBroken({ manifest, error })
      return null
    }
  }
  for await (const stored of inOrder([...digests].sort(), parallel, attempt)) {
    if (stored?.content.subject?.digest === digest) yield stored
  }
}

/** Annotations of one referrer that a list of them keeps, in bytes: a stranger's are megabytes, and thousands of them are listed at once. */
const listedAnnotations = 4 << 10

/** Descriptors as {@link listedOf} shows them, of one artifact type where it is given. */
export async function pickReferrers(
  referrers: AsyncIterable<StoredManifest>,
  artifactType: string | undefined,
): Promise<Descriptor[]> {
  const found: Descriptor[] = []
  for await (const { content, descriptor } of referrers) {
    const referrer = listedOf(descriptor, content)
    if (artifactType === undefined || referrer.artifactType === artifactType) found.push(referrer)
  }
  return found
}

/** The descriptor that a listing shows for a referrer (distribution-spec 1.1, "Listing Referrers"). */
export function referrerOf({ mediaType, digest, size }: Descriptor, content: Manifest | Index): Descriptor {
  const referrer: Descriptor = { mediaType, digest, size }
  const artifactType = artifactTypeOf(content)
  if (artifactType !== undefined) referrer.artifactType = artifactType
  if (content.annotations !== undefined) referrer.annotations = content.annotations
  return referrer
}

/** The entry of a referrer in a list that is held or written: as {@link referrerOf}, without annotations that are long. */
export function listedOf(descriptor: Descriptor, content: Manifest | Index): Descriptor {
  const { annotations, ...rest } = referrerOf(descriptor, content)
  return annotations === undefined || isLong(annotations) ? rest : { ...rest, annotations }
}

/** Whether a list is better off without these annotations. */
export function isLong(annotations: Readonly<Record<string, string>>): boolean {
  return JSON.stringify(annotations).length > listedAnnotations
}

/** `cosign copy` writes images under the name of a fallback tag: such a manifest lists no referrers. */
export function imageUnderFallback(manifest: string, store: string, log: Log): void {
  log.warn(
    `${store}: the fallback tag of referrers names an image (${manifest}), as cosign copy leaves it; it lists nothing`,
  )
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
