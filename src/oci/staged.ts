import { digestOfNew, parseManifest } from './manifest.ts'
import { holdReferrers } from './one-listing.ts'
import { pickReferrers } from './referrers.ts'
import type { Digest, Store, StoredManifest } from './types.ts'

/** Writes that nobody else sees until they are committed. */
export interface StagedWrites {
  /** Takes referrers and tags, and shows them to whoever wrote them. Blobs and untagged manifests go through, since no list names them. */
  readonly store: Store
  /** Another reader of the same place as it would be with these writes. */
  view(reader: Store): Store
  /** Makes them visible: referrers first, each subject's listing with one write, then tags. */
  commit(): Promise<void>
}

/**
 * Stages what is attached to an image, so that it can be judged together with it before it counts for anybody. What is not committed leaves no statement
 * and no tag behind.
 *
 * @param putTag writes a staged tag, beside what others wrote under it meanwhile
 */
export function stageWrites(
  target: Store,
  putTag: (store: Store, tag: string, digest: Digest) => Promise<void>,
): StagedWrites {
  const { store, flush, held } = holdReferrers(target)
  const tags = new Map<string, Digest>()
  let isOpen = true
  const view = (reader: Store): Store => {
    const there = (): StoredManifest[] =>
      held().map(({ bytes, mediaType, digest: named }) => {
        const digest = digestOfNew(bytes, named)
        const content = parseManifest(bytes, mediaType, digest)
        return { descriptor: { mediaType, digest, size: bytes.length }, bytes: Buffer.from(bytes), content }
      })
    const readReferrers: Store['readReferrers'] = async function* (subject, onBroken, known) {
      const seen = new Set<Digest>()
      for await (const stored of reader.readReferrers(subject, onBroken, known)) {
        seen.add(stored.descriptor.digest)
        yield stored
      }
      for (const stored of there())
        if (stored.content.subject?.digest === subject && !seen.has(stored.descriptor.digest)) yield stored
    }
    return {
      ...reader,
      resolve: (reference) => {
        const tagged = 'tag' in reference ? tags.get(reference.tag) : undefined
        return reader.resolve(tagged === undefined ? reference : { digest: tagged })
      },
      tags: async () => [...new Set([...(await reader.tags()), ...tags.keys()])],
      getManifest: async (digest) =>
        there().find(({ descriptor }) => descriptor.digest === digest) ?? reader.getManifest(digest),
      referrers: (digest, type) =>
        pickReferrers(
          readReferrers(digest, () => {}),
          type,
        ),
      readReferrers,
    }
  }
  const { retag } = target
  const reads = view(target)
  return {
    store: {
      ...reads,
      putManifest: store.putManifest,
      ...(store.putManifests === undefined ? {} : { putManifests: store.putManifests }),
      tag: async (tag, digest) => {
        if (!isOpen) return target.tag(tag, digest)
        tags.set(tag, digest)
      },
      ...(retag === undefined
        ? {}
        : {
            retag: async (tag, digest, from) => {
              if (!isOpen) return retag(tag, digest, from)
              if (((await reads.resolve({ tag }))?.digest ?? null) !== from) return false
              tags.set(tag, digest)
              return true
            },
          }),
    },
    view,
    commit: async () => {
      await flush()
      const staged = [...tags]
      tags.clear()
      isOpen = false
      for (const [tag, digest] of staged) await putTag(target, tag, digest)
    },
  }
}
