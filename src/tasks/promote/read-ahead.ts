import { collect, once } from '../../base/streams.ts'
import { isIndex } from '../../oci/manifest.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'

/** Layers that are read before their turn, and the bytes of the largest of them: about a megabyte is held. */
const ahead = { layers: 8, bytes: 128 << 10 } as const

/**
 * A registry whose small layers are asked for a few at a time: the gate reads them one after the other, and thousands of them would each wait for an
 * answer. Each is read once and checked as if it were read in its turn; what the gate never reads, at most eight, is read in vain.
 */
export function readAhead(store: Store): Store {
  if (store.location === undefined) return store
  const places = new Map<Digest, { layers: readonly Descriptor[]; at: number }>()
  const started = new Map<Digest, Promise<Buffer>>()
  const taken = new Set<Digest>()
  const start = (blob: Descriptor): void => {
    if (blob.size > ahead.bytes || taken.has(blob.digest) || started.has(blob.digest)) return
    const read = store.openBlob(blob).then((bytes) => collect(bytes, blob.size, blob.digest))
    // Whoever reads it hears of its failure.
    read.catch(() => {})
    started.set(blob.digest, read)
  }
  return {
    ...store,
    getManifest: async (digest) => {
      const stored = await store.getManifest(digest)
      const { content } = stored
      if (!isIndex(content))
        content.layers.forEach(({ digest }, at) => places.set(digest, { layers: content.layers, at }))
      return stored
    },
    openBlob: async (blob, how) => {
      const begun = started.get(blob.digest)
      started.delete(blob.digest)
      taken.add(blob.digest)
      const place = places.get(blob.digest)
      const own = begun === undefined ? store.openBlob(blob, how) : null
      own?.catch(() => {})
      if (place !== undefined) place.layers.slice(place.at + 1, place.at + 1 + ahead.layers).forEach(start)
      if (own !== null) return own
      const bytes = await begun
      return bytes?.length === blob.size ? once(bytes) : store.openBlob(blob, how)
    },
  }
}
