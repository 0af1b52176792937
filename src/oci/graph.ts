import { VerificationError } from '../base/errors.ts'
import { isIndex, isManifestType } from './manifest.ts'
import { referrerOf } from './referrers.ts'
import type { Descriptor, Digest, Index, Manifest, Platform, Store, StoredManifest } from './types.ts'

/** How a manifest belongs to the one above it: a member of an index, a referrer, or under a tag that names it (`sha256-HEX.sig`). */
export type Relation = 'root' | 'child' | 'referrer' | 'tagged'

/** One manifest of the graph around an image. */
export interface GraphNode {
  /** Artifact type and annotations are those of the manifest itself: listings of registries may lie. */
  readonly descriptor: Descriptor
  readonly content: Manifest | Index
  readonly relation: Relation
  /** The manifest that this one hangs on; null for the root. */
  readonly parent: Digest | null
  /** 0 for the root. */
  readonly depth: number
  /** Tag of a `tagged` manifest. */
  readonly tag: string | null
  /** What the index says of a child. */
  readonly platform: Platform | null
}

/** Something that is named and cannot be read. */
export interface GraphGap {
  readonly manifest: Digest
  readonly parent: Digest
  readonly error: VerificationError
}

const most = { depth: 8, nodes: 100_000 } as const

/**
 * Walks an image with all that is attached to it: children of indexes, referrers of everything (also of children and of referrers), and the
 * manifests under cosign's tags. Each manifest once, each before what hangs on it; children and referrers in the order of the store.
 *
 * @param onGap told of what is named and is not there or cannot be read; the walk goes on
 * @throws VerificationError `missing-blob` for the root, `format-invalid` for more than 8 levels or 100,000 manifests · TransportError
 */
export async function* walkGraph(
  store: Store,
  root: Digest,
  onGap: (gap: GraphGap) => void,
): AsyncGenerator<GraphNode> {
  const seen = new Set<Digest>()
  const told = new Set<Digest>()
  // A layout lists what is untagged without saying what it belongs to, so one gap shows beside several subjects.
  const gap = (one: GraphGap): void => {
    if (told.has(one.manifest)) return
    told.add(one.manifest)
    onGap(one)
  }
  const tags = await attachedTags(store)

  async function* visit(
    stored: StoredManifest,
    at: Omit<GraphNode, 'descriptor' | 'content'>,
  ): AsyncGenerator<GraphNode> {
    const { content } = stored
    const { digest } = stored.descriptor
    if (seen.has(digest)) return
    seen.add(digest)
    if (seen.size > most.nodes || at.depth > most.depth) {
      const what = at.depth > most.depth ? `${most.depth} levels` : `${most.nodes} manifests`
      throw new VerificationError('format-invalid', `the graph of ${root} has more than ${what}`, {
        subject: digest,
        remedy: 'Delete what does not belong to the image.',
      })
    }
    yield { ...at, descriptor: referrerOf(stored.descriptor, content), content }
    const below = { parent: digest, depth: at.depth + 1, tag: null, platform: null }
    if (isIndex(content)) {
      for (const child of content.manifests) {
        if (!isManifestType(child.mediaType)) continue
        const read = await attempt(child.digest, digest)
        if (read !== null) yield* visit(read, { ...below, relation: 'child', platform: child.platform ?? null })
      }
    }
    const referrers = store.readReferrers(digest, ({ manifest, error }) => gap({ manifest, parent: digest, error }))
    for await (const referrer of referrers) yield* visit(referrer, { ...below, relation: 'referrer' })
    for (const tag of tags.get(digest) ?? []) {
      const found = await store.resolve({ tag })
      const read = found === null ? null : await attempt(found.digest, digest)
      if (read !== null) yield* visit(read, { ...below, relation: 'tagged', tag })
    }
  }

  const attempt = async (manifest: Digest, parent: Digest): Promise<StoredManifest | null> => {
    try {
      return await store.getManifest(manifest)
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      gap({ manifest, parent, error })
      return null
    }
  }

  yield* visit(await store.getManifest(root), { relation: 'root', parent: null, depth: 0, tag: null, platform: null })
}

/** Tags that name what they belong to, by the digest in them. The fallback tag is no such thing: it is a listing of referrers. */
async function attachedTags(store: Store): Promise<Map<Digest, string[]>> {
  const found = new Map<Digest, string[]>()
  for (const tag of await store.tags()) {
    const hex = /^sha256-([0-9a-f]{64})\.[\w.-]+$/.exec(tag)?.[1]
    if (hex === undefined) continue
    const digest: Digest = `sha256:${hex}`
    found.set(digest, [...(found.get(digest) ?? []), tag])
  }
  return found
}
