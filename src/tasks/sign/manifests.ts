import { runnableChildren } from '../../image/platforms.ts'
import type { JournalEvent } from '../../journal/event.ts'
import { isIndex } from '../../oci/manifest.ts'
import type { Digest } from '../../oci/types.ts'
import { isOwn, plainOf, type Published } from './source.ts'

/** What one run signs, in its order, and what it leaves out. */
export interface SignedManifests {
  /** The manifests of an index come first and what was named last: whoever finds it signed finds its manifests signed. */
  manifests: Published[]
  /** Manifests of the index that an agent does not sign, because its job did not make them. */
  left: Digest[]
}

/**
 * The manifests that a signature on the published image stands for: the image itself and, of an index, each manifest that a runtime could take and
 * each index between. Readers take one manifest of an index and look for signatures of its own digest.
 *
 * @param journal events of the job, null where no agent runs
 * @throws VerificationError `index-unattested` for an index of too many manifests or levels, `missing-blob` for a manifest that the store lacks
 */
export async function signedManifests(
  published: Published,
  recursive: boolean,
  journal: readonly JournalEvent[] | null,
): Promise<SignedManifests> {
  const { store, descriptor } = published
  const { content } = await store.getManifest(descriptor.digest)
  if (!recursive || !isIndex(content)) return { manifests: [published], left: [] }
  const children = await runnableChildren(store, descriptor.digest, content)
  const digests = new Set(children.flatMap((child) => [child.descriptor.digest, ...child.via.slice(1)]))
  const manifests: Published[] = []
  const left: Digest[] = []
  for (const digest of digests) {
    if (journal !== null && !isOwn(journal, digest)) {
      left.push(digest)
      continue
    }
    const found = await store.getManifest(digest)
    manifests.push({
      ...published,
      descriptor: found.descriptor,
      plain: plainOf(journal ?? [], digest),
      index: descriptor.digest,
    })
  }
  return { manifests: [...manifests, published], left }
}
