import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import type { GraphNode } from '../../oci/graph.ts'

/**
 * A store as its copy would be: what is left behind is not there. The gate that reads it says whether the copy would pass, before a byte is copied.
 */
export function withoutLeft(store: Store, left: readonly Pick<GraphNode, 'descriptor' | 'tag'>[]): Store {
  const gone = new Set<Digest>(left.map(({ descriptor }) => descriptor.digest))
  const tags = new Set(left.flatMap(({ tag }) => tag ?? []))
  const there = ({ digest }: Pick<Descriptor, 'digest'>): boolean => !gone.has(digest)
  return {
    ...bound(store),
    resolve: async (reference) => {
      if ('tag' in reference && tags.has(reference.tag)) return null
      const found = await store.resolve(reference)
      return found !== null && there(found) ? found : null
    },
    tags: async () => (await store.tags()).filter((tag) => !tags.has(tag)),
    referrers: async (digest, type) => (await store.referrers(digest, type)).filter(there),
    async *readReferrers(digest, onBroken) {
      for await (const stored of store.readReferrers(digest, onBroken)) if (there(stored.descriptor)) yield stored
    },
  }
}

/** The methods of a store as functions, whatever its class. */
export function bound(store: Store): Store {
  return {
    kind: store.kind,
    name: store.name,
    location: store.location,
    identity: store.identity,
    resolve: (reference) => store.resolve(reference),
    tags: () => store.tags(),
    getManifest: (digest) => store.getManifest(digest),
    putManifest: (bytes, type, options) => store.putManifest(bytes, type, options),
    ...(store.putManifests === undefined
      ? {}
      : { putManifests: (all) => store.putManifests?.(all) ?? Promise.resolve([]) }),
    tag: (tag, digest) => store.tag(tag, digest),
    ...(store.retag === undefined
      ? {}
      : { retag: (tag, digest, from) => store.retag?.(tag, digest, from) ?? Promise.resolve(false) }),
    hasBlob: (digest) => store.hasBlob(digest),
    openBlob: (descriptor, how) => store.openBlob(descriptor, how),
    putBlob: (source) => store.putBlob(source),
    referrers: (digest, type) => store.referrers(digest, type),
    readReferrers: (digest, onBroken, known) => store.readReferrers(digest, onBroken, known),
  }
}
