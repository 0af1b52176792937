import { fallbackTag } from './digest.ts'
import { isIndex } from './manifest.ts'
import type { Digest, Store } from './types.ts'

/**
 * Looks whether the fallback index of a registry without the referrers API still lists referrers, and lists those again that it has lost. The
 * index is written whole (distribution-spec 1.1, "Unavailable Referrers API"), so a writer who read it earlier takes out what came since.
 *
 * @param referrers manifests that this process attached to `subject`
 * @returns whether nothing was lost
 */
export async function relist(store: Store, subject: Digest, referrers: readonly Digest[]): Promise<boolean> {
  const before = await listing(store, subject)
  if (before === null) return true
  for (const digest of referrers.filter((one) => !before.listed.has(one))) {
    const { bytes, descriptor } = await store.getManifest(digest)
    await store.putManifest(bytes, descriptor.mediaType, { digest })
  }
  // A registry that lists referrers itself leaves an old fallback index as it is: nothing was lost there.
  return (await listing(store, subject))?.digest === before.digest
}

/** The fallback index, or null where there is none: a layout, or a registry that lists referrers itself. */
async function listing(store: Store, subject: Digest): Promise<{ digest: Digest; listed: Set<Digest> } | null> {
  if (store.kind === 'layout') return null
  const found = await store.resolve({ tag: fallbackTag(subject) })
  if (found === null) return null
  const { content } = await store.getManifest(found.digest)
  return isIndex(content)
    ? { digest: found.digest, listed: new Set(content.manifests.map(({ digest }) => digest)) }
    : null
}
