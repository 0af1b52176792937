import { digestOfNew, parseManifest } from './manifest.ts'
import type { Digest, NewManifest, Store } from './types.ts'

/** A store that holds back referrers, and what puts them. */
export interface HeldStore {
  readonly store: Store
  /** Puts what was held, subject by subject, in the order in which it was handed in. */
  flush(): Promise<void>
  /** What is held. */
  held(): readonly NewManifest[]
}

/**
 * Holds back manifests with a subject until all of them are known, so that a registry without the referrers API gets one write of its fallback tag for
 * each subject: where tags cannot be moved, the first write is the only one. Blobs and other manifests go through at once. Until then the store does not
 * list what is held. A run that is killed or fails before leaves no statement behind.
 */
export function holdReferrers(store: Store): HeldStore {
  const held = new Map<Digest, NewManifest[]>()
  const hold: Store['putManifest'] = async (bytes, mediaType, options = {}) => {
    const { tag, ...named } = options
    const digest = digestOfNew(bytes, named.digest)
    const { subject } = parseManifest(bytes, mediaType, digest)
    if (subject === undefined || tag !== undefined) return store.putManifest(bytes, mediaType, options)
    const one = { bytes: Buffer.from(bytes), mediaType, ...named }
    held.set(subject.digest, [...(held.get(subject.digest) ?? []), one])
    return { mediaType, digest, size: bytes.length }
  }
  return {
    store: {
      ...store,
      putManifest: hold,
      putManifests: (manifests) =>
        Promise.all(manifests.map(({ bytes, mediaType, ...named }) => hold(bytes, mediaType, named))),
    },
    held: () => [...held.values()].flat(),
    flush: async () => {
      const groups = [...held.values()]
      held.clear()
      for (const group of groups)
        if (store.putManifests !== undefined) await store.putManifests(group, true)
        else for (const { bytes, mediaType, ...named } of group) await store.putManifest(bytes, mediaType, named)
    },
  }
}
