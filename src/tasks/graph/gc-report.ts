import { VerificationError } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import { inOrder } from '../../base/in-order.ts'
import { fallbackTag, isAttachedTag, isDigest } from '../../oci/digest.ts'
import { walkGraph, type GraphGap, type GraphNode } from '../../oci/graph.ts'
import { artifactTypeOf, isIndex } from '../../oci/manifest.ts'
import { referencedBlobs } from '../../oci/referrers.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import { bundleAnnotations } from '../../sign/attach.ts'
import { findStatements } from '../../sign/find.ts'
import { noticeTypes } from '../../statement/notices.ts'

/** Something that vouches for an image or describes it, and that no tag names. */
export interface Untagged {
  readonly manifest: Digest
  readonly parent: Digest
  /** Artifact type, or the predicate type that the annotation tells; nothing of it was verified. */
  readonly type: string
  /** Of the manifest and its blobs. */
  readonly bytes: number
}

/** Something that is attached to a manifest that is gone. */
export interface Orphan {
  /** The tag, or the digest of an untagged referrer. */
  readonly name: string
  readonly subject: Digest
}

/** A blob that a manifest names and that is not there. */
export interface MissingBlob {
  readonly digest: Digest
  readonly parent: Digest
  /** A record of an archive says that it was purged: no damage. Its signature was not verified. */
  readonly purged: boolean
}

export interface GcReport {
  readonly store: string
  readonly roots: number
  readonly manifests: number
  /** Each blob counts once, for the first kind that has it. */
  readonly kinds: readonly { readonly kind: string; readonly manifests: number; readonly bytes: number }[]
  /** What a job that deletes untagged manifests takes away. */
  readonly untagged: readonly Untagged[]
  /** Members of indexes that no tag names: the same job breaks these images. */
  readonly untaggedMembers: readonly Digest[]
  /** Tags `sha256-…` that hold lists and signatures: a rule that deletes tags by age or number takes these away. */
  readonly attachedTags: number
  /** Listed or named, but gone or not readable. */
  readonly gone: readonly { readonly manifest: Digest; readonly parent: Digest; readonly why: string }[]
  /** Blobs that are named and not there; null where the store cannot list what it holds. */
  readonly missing: readonly MissingBlob[] | null
  /** What these tags name is gone, or is not a manifest that is read here; it was left out. */
  readonly unreadableTags: readonly string[]
  /** Null for a single image: other images of the repository were not looked at. */
  readonly orphans: readonly Orphan[] | null
  /** Blobs that nothing names; null where the store cannot list what it holds, or for a single image. */
  readonly unreferenced: readonly { readonly digest: Digest; readonly size: number }[] | null
}

/** Tags and manifests that are read at a time. */
const parallel = 4

/**
 * What a cleanup of a repository would lose or break. It reads, and neither writes nor deletes.
 *
 * @param root a single image; null takes all tags of the repository
 * @throws TransportError
 */
export async function gcReport(store: Store, root: Digest | null): Promise<GcReport> {
  const tags = await store.tags()
  // Each walk asks for the tags: they are read once for all.
  const held: Store = { ...store, tags: () => Promise.resolve(tags) }
  const named = await digestsOf(held, tags)
  const roots =
    root === null ? tags.filter((tag) => !isAttachedTag(tag)).flatMap((tag) => named.get(tag) ?? []) : [root]
  const nodes = new Map<Digest, GraphNode>()
  const gaps = new Map<string, GraphGap>()
  for (const digest of new Set(roots)) {
    const walk = walkGraph(held, digest, (gap) => gaps.set(`${gap.manifest} ${gap.parent}`, gap))
    for await (const node of walk) if (!nodes.has(node.descriptor.digest)) nodes.set(node.descriptor.digest, node)
  }
  const tagged = new Set(named.values())
  const loose = [...nodes.values()].filter(({ descriptor }) => !tagged.has(descriptor.digest))
  const attached = tags.filter(isAttachedTag)
  const ofNodes = new Set([...nodes.keys()].map(fallbackTag))
  const strange = attached.filter((tag) => !ofNodes.has(subjectTag(tag)))
  const blobs = await heldBlobs(held)
  return {
    store: store.name,
    roots: new Set(roots).size,
    manifests: nodes.size,
    kinds: kindsOf(nodes.values(), blobs),
    untagged: loose.filter(({ relation }) => relation === 'referrer').map(untagged),
    untaggedMembers: loose.filter(({ relation }) => relation === 'child').map(({ descriptor }) => descriptor.digest),
    attachedTags: root === null ? attached.length : attached.filter((tag) => ofNodes.has(subjectTag(tag))).length,
    gone: [...gaps.values()].map(({ manifest, parent, error }) => ({ manifest, parent, why: error.message })),
    missing: blobs === null ? null : await missingBlobs(held, nodes.values(), blobs),
    unreadableTags: tags.filter((tag) => !named.has(tag)),
    orphans: root === null ? await orphansOf(held, strange, nodes) : null,
    unreferenced: root === null && blobs !== null ? unreferencedIn(blobs, named, nodes) : null,
  }
}

async function digestsOf(store: Store, tags: readonly string[]): Promise<Map<string, Digest>> {
  const found = new Map<string, Digest>()
  const look = async (tag: string): Promise<[string, Digest | null]> => {
    try {
      return [tag, (await store.resolve({ tag }))?.digest ?? null]
    } catch (error) {
      if (error instanceof VerificationError) return [tag, null]
      throw error
    }
  }
  for await (const [tag, digest] of inOrder(tags, parallel, look)) if (digest !== null) found.set(tag, digest)
  return found
}

/** The part of a tag that names the subject, as a fallback tag does. */
function subjectTag(tag: string): string {
  return tag.split('.', 1)[0] ?? tag
}

/** What a tag belongs to. Of a digest longer than SHA-256 the tag holds the beginning; then what is listed under it says the rest, or nothing does. */
async function subjectOf(store: Store, tag: string): Promise<Digest | null> {
  const digest = subjectTag(tag).replace('-', ':')
  if (isDigest(digest)) return digest
  const found = await store.resolve({ tag }).catch(onlyBroken)
  const list = found === null ? null : await store.getManifest(found.digest).catch(onlyBroken)
  for (const entry of list !== null && isIndex(list.content) ? list.content.manifests : []) {
    const subject = (await store.getManifest(entry.digest).catch(onlyBroken))?.content.subject?.digest
    if (subject !== undefined && fallbackTag(subject) === tag) return subject
  }
  return null
}

function typeOf({ content, relation, tag }: GraphNode): string {
  if (relation === 'tagged') return `.${tag?.split('.').slice(1).join('.')}`
  const declared = content.annotations?.[bundleAnnotations.predicateType]
  if (relation === 'referrer') return declared ?? artifactTypeOf(content) ?? content.mediaType
  return isIndex(content) ? 'index' : (content.artifactType ?? 'image')
}

function untagged(node: GraphNode): Untagged {
  const { descriptor, parent, content } = node
  const blobs = isIndex(content) ? [] : referencedBlobs(content)
  const bytes = blobs.reduce((sum, { size }) => sum + size, descriptor.size)
  return { manifest: descriptor.digest, parent: parent ?? descriptor.digest, type: typeOf(node), bytes }
}

/** @param held what is there; null for all */
function kindsOf(nodes: Iterable<GraphNode>, held: ReadonlyMap<Digest, number> | null): GcReport['kinds'] {
  const kinds = new Map<string, { manifests: number; bytes: number }>()
  const counted = new Set<Digest>()
  for (const node of nodes) {
    const kind = typeOf(node)
    const sum = kinds.get(kind) ?? { manifests: 0, bytes: 0 }
    kinds.set(kind, sum)
    sum.manifests++
    const blobs = isIndex(node.content) ? [] : referencedBlobs(node.content)
    for (const { digest, size } of [node.descriptor, ...blobs]) {
      if (!counted.has(digest) && held?.has(digest) !== false) sum.bytes += size
      counted.add(digest)
    }
  }
  return [...kinds].map(([kind, sum]) => ({ kind, ...sum })).sort((a, b) => b.bytes - a.bytes)
}

/** Lists and signatures of manifests that are gone; in a layout also untagged referrers. */
async function orphansOf(
  store: Store,
  tags: readonly string[],
  nodes: ReadonlyMap<Digest, GraphNode>,
): Promise<Orphan[]> {
  const found: Orphan[] = []
  const isGone = async (subject: Digest): Promise<boolean> =>
    !nodes.has(subject) && (await store.resolve({ digest: subject }).catch(onlyBroken)) === null
  for (const tag of tags) {
    const subject = await subjectOf(store, tag)
    if (subject !== null && (await isGone(subject))) found.push({ name: tag, subject })
  }
  if (store.kind !== 'layout') return found
  for (const { digest } of (await store.listing?.entries(digestZero)) ?? []) {
    const stored = nodes.has(digest) ? null : await store.getManifest(digest).catch(onlyBroken)
    const subject = stored?.content.subject?.digest
    if (subject !== undefined && (await isGone(subject))) found.push({ name: digest, subject })
  }
  return found
}

/** A layout has one list, whatever subject is asked for. */
const digestZero: Digest = `sha256:${'0'.repeat(64)}`

function onlyBroken(error: unknown): null {
  if (error instanceof VerificationError) return null
  throw error
}

/** What a store holds, with the sizes; null where it cannot list it. */
async function heldBlobs(store: Store): Promise<ReadonlyMap<Digest, number> | null> {
  if (store.blobs === undefined) return null
  const found = new Map<Digest, number>()
  for await (const { digest, size } of store.blobs()) found.set(digest, size)
  return found
}

/** Blobs that no manifest of the graph and no tag names. */
function unreferencedIn(
  blobs: ReadonlyMap<Digest, number>,
  named: ReadonlyMap<string, Digest>,
  nodes: ReadonlyMap<Digest, GraphNode>,
): GcReport['unreferenced'] {
  const used = new Set<Digest>([...named.values(), ...nodes.keys()])
  for (const { content } of nodes.values()) for (const { digest } of referencedBlobs(content)) used.add(digest)
  return [...blobs].filter(([digest]) => !used.has(digest)).map(([digest, size]) => ({ digest, size }))
}

async function missingBlobs(
  store: Store,
  nodes: Iterable<GraphNode>,
  blobs: ReadonlyMap<Digest, number>,
): Promise<MissingBlob[]> {
  const found: MissingBlob[] = []
  for (const { content, descriptor } of nodes) {
    const named = isIndex(content) ? [] : referencedBlobs(content).map(({ digest }) => digest)
    const lost = [...new Set(named)].filter((digest) => !blobs.has(digest))
    if (lost.length === 0) continue
    const purged = await purgedLayers(store, descriptor)
    found.push(...lost.map((digest) => ({ digest, parent: descriptor.digest, purged: purged.has(digest) })))
  }
  return found
}

/** Layers that records of an archive list as purged, by the word of anybody. */
async function purgedLayers(store: Store, subject: Descriptor): Promise<ReadonlySet<unknown>> {
  const onBroken = (): void => {}
  const records = await findStatements(store, subject, { predicateTypes: [noticeTypes.archive], onBroken })
  return new Set(
    records.flatMap(({ statement }) => {
      const { purged } = statement.predicate
      const layers = isObject(purged) ? purged['layers'] : null
      return Array.isArray(layers) ? layers : []
    }),
  )
}
