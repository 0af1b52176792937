import type { Log } from '../base/ports.ts'
import { eachOf } from '../base/each-of.ts'
import { inOrder } from '../base/in-order.ts'
import { walkGraph, type GraphGap, type GraphNode } from './graph.ts'
import { isIndex } from './manifest.ts'
import { referencedBlobs } from './referrers.ts'
import type { Descriptor, Digest, NewManifest, Store } from './types.ts'

/** Blobs and manifests that are read at a time. */
const parallel = 4

/** What a copy of a graph takes. */
export interface GraphPlan {
  /** Whether a manifest, and with it all that hangs on it, goes along; the root and children of indexes always do. */
  readonly takes?: ((node: GraphNode) => boolean | Promise<boolean>) | undefined
  /** Looks at the copied graph before any tag is written. Where it says false or throws, no tag at the target is replaced. */
  readonly beforeTags?: ((target: Store) => Promise<boolean>) | undefined
  readonly tag?: string | undefined
  readonly log?: Log | undefined
}

/** What was copied, and what was not. */
export interface CopiedGraph {
  readonly root: Descriptor
  readonly copied: readonly GraphNode[]
  /** Whether the tags were written. */
  readonly tagged: boolean
  /** Left out by the plan. */
  readonly left: readonly GraphNode[]
  /** Named at the source, but not there. */
  readonly gaps: readonly GraphGap[]
}

/**
 * Copies an image with what is attached to it. In this order: blobs, children before their index, the root, referrers from below with one listing
 * for each subject, cosign's tags, the image's tag. So a tag never names an image whose evidence is not there yet, and an interrupted copy is
 * gone on with by running it again.
 *
 * @throws VerificationError `missing-blob`, `digest-mismatch`: a child of an index that is not at the source ends the copy
 */
export async function copyGraph(from: Store, to: Store, digest: Digest, plan: GraphPlan = {}): Promise<CopiedGraph> {
  const { copied, left, gaps } = await collectGraph(from, digest, plan)
  const [root] = copied
  if (root === undefined) throw new TypeError('a graph without a root')
  const mountFrom =
    from.location !== undefined && from.location.host === to.location?.host ? from.location.repository : undefined
  await copyBlobs(from, to, copied, mountFrom, plan.log)
  const bytesOf = async ({ descriptor }: GraphNode): Promise<NewManifest> => {
    const { bytes } = await from.getManifest(descriptor.digest)
    return { bytes, mediaType: descriptor.mediaType }
  }
  // The walk gives what hangs on a manifest after it, so that from behind everything that one names is there before it.
  for (const node of copied.toReversed()) {
    if (node.relation !== 'child' && node.relation !== 'root') continue
    const { bytes, mediaType } = await bytesOf(node)
    await to.putManifest(bytes, mediaType)
  }
  const referrers = copied.filter(({ relation }) => relation === 'referrer')
  const manifests: NewManifest[] = []
  for await (const manifest of inOrder(referrers.toReversed(), parallel, bytesOf)) manifests.push(manifest)
  await putAllManifests(to, manifests)
  const tagged = copied.filter(({ relation }) => relation === 'tagged')
  for (const node of tagged) {
    const { bytes, mediaType } = await bytesOf(node)
    await to.putManifest(bytes, mediaType)
  }
  const result = { root: root.descriptor, copied, left, gaps }
  if ((await plan.beforeTags?.(to)) === false) return { ...result, tagged: false }
  for (const { tag, descriptor } of tagged) if (tag !== null) await to.tag(tag, descriptor.digest)
  if (plan.tag !== undefined) await to.tag(plan.tag, digest)
  return { ...result, tagged: true }
}

/** Puts manifests; each subject's listing is written once where the store can do that. */
export async function putAllManifests(to: Store, manifests: readonly NewManifest[]): Promise<void> {
  if (to.putManifests !== undefined) await to.putManifests(manifests)
  else for (const { bytes, mediaType } of manifests) await to.putManifest(bytes, mediaType)
}

/** What a copy would take, and what it would leave. @throws as {@link copyGraph} */
export async function collectGraph(
  from: Store,
  digest: Digest,
  { takes }: GraphPlan,
): Promise<Omit<CopiedGraph, 'root' | 'tagged'>> {
  const copied: GraphNode[] = []
  const left: GraphNode[] = []
  const gaps: GraphGap[] = []
  const leftOut = new Set<Digest>()
  for await (const node of walkGraph(from, digest, (gap) => gaps.push(gap))) {
    const below = node.parent !== null && leftOut.has(node.parent)
    const asked = node.relation === 'referrer' || node.relation === 'tagged'
    if (!below && !(asked && (await takes?.(node)) === false)) {
      copied.push(node)
      continue
    }
    leftOut.add(node.descriptor.digest)
    left.push(node)
  }
  // A referrer that a retention rule deleted is a note; an index without a child that it names is no whole image.
  const members = new Set(
    copied.flatMap(({ content }) => (isIndex(content) ? content.manifests.map((d) => d.digest) : [])),
  )
  const broken = gaps.find(({ manifest }) => members.has(manifest))
  if (broken !== undefined) throw broken.error
  return { copied, left, gaps }
}

async function copyBlobs(
  from: Store,
  to: Store,
  nodes: readonly GraphNode[],
  mountFrom: string | undefined,
  log: Log | undefined,
): Promise<void> {
  const blobs = new Map<Digest, Descriptor>()
  for (const { content } of nodes)
    if (!isIndex(content)) for (const blob of referencedBlobs(content)) blobs.set(blob.digest, blob)
  let done = 0
  await eachOf([...blobs.values()], parallel, async ({ digest, size }) => {
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield* await from.openBlob({ digest, size })
    }
    // `putBlob` reads the source only where the target lacks the blob.
    await to.putBlob({ stream: bytes(), expect: { digest, size }, mountFrom })
    done += 1
    log?.progress(`${done} of ${blobs.size} blobs are in ${to.name}`)
  })
}
