import type { Log } from '../base/ports.ts'
import { eachOf } from '../base/each-of.ts'
import { VerificationError } from '../base/errors.ts'
import { inOrder } from '../base/in-order.ts'
import { blobCopier } from './copy-blob.ts'
import { walkGraph, type GraphGap, type GraphNode } from './graph.ts'
import { membersFirst, partGraph } from './graph-parts.ts'
import { inOneStep } from './lazy-store.ts'
import { isCosignTag } from './digest.ts'
import { isIndex } from './manifest.ts'
import { referencedBlobs } from './referrers.ts'
import type { Descriptor, Digest, NewManifest, Store } from './types.ts'

/** Manifests that are copied at a time. */
const parallel = 16
/** Blobs that are copied at a time, those of at most so many bytes beside the larger ones. */
const blobs = { small: 16, large: 4, smallBytes: 1 << 20 } as const

/** What a copy of a graph takes. */
export interface GraphPlan {
  /** Whether a manifest, and with it all that hangs on it, goes along; the root and children of indexes always do. */
  readonly takes?: ((node: GraphNode) => boolean | Promise<boolean>) | undefined
  /** What {@link collectGraph} gave before, in place of walking the source again; `takes` is not asked then. */
  readonly collected?: CollectedGraph | undefined
  /** Looks at the copied graph before any tag is written. Where it says false or throws, no tag at the target is replaced. */
  readonly beforeTags?: ((target: Store) => Promise<boolean>) | undefined
  readonly tag?: string | undefined
  /** The caller waits for `settle` of the target itself, before it says that anything is attached. */
  readonly unsettled?: boolean | undefined
  /** Writes one of cosign's tags, which may stand at the target already; by default it is moved. */
  readonly putAttached?: ((target: Store, tag: string, digest: Digest) => Promise<void>) | undefined
  readonly log?: Log | undefined
}

/** What was copied, and what was not. */
export interface CopiedGraph {
  readonly root: Descriptor
  readonly copied: readonly GraphNode[]
  /** Whether the tags were written. */
  readonly tagged: boolean
  /** Left out by the plan, or not whole. */
  readonly left: readonly GraphNode[]
  /** Named at the source, but not there or not as it is named. */
  readonly gaps: readonly GraphGap[]
}

/** What would be copied, and what would not. */
export type CollectedGraph = Omit<CopiedGraph, 'root' | 'tagged'>

/**
 * Copies an image with what is attached to it. In this order: blobs, members before their index, the root, referrers from below with one listing
 * for each subject, cosign's tags, the image's tag. So a tag never names an image whose evidence is not there yet, and an interrupted copy is
 * gone on with by running it again. What is attached and not whole is left out and told: anybody may attach (TRUST §5.2). So is what stands under another
 * tag than cosign's.
 *
 * @throws VerificationError `missing-blob`, `digest-mismatch`: what is missing of the image itself ends the copy
 */
export async function copyGraph(from: Store, to: Store, digest: Digest, plan: GraphPlan = {}): Promise<CopiedGraph> {
  const wanted = plan.collected ?? (await collectGraph(from, digest, plan))
  return inOneStep(to, () => copyCollected(from, to, digest, plan, wanted))
}

async function copyCollected(
  from: Store,
  to: Store,
  digest: Digest,
  plan: GraphPlan,
  wanted: Omit<CopiedGraph, 'root' | 'tagged'>,
): Promise<CopiedGraph> {
  const [root] = wanted.copied
  if (root === undefined) throw new TypeError('a graph without a root')
  // What hangs on an image that the target lacks is not there either: nothing of it is asked for one by one.
  const absent = await lacks(to, digest)
  const broken = await copyBlobs(from, to, wanted.copied, absent, plan.log)
  const { copied, left } = partGraph(wanted.copied, new Set(broken.map(({ manifest }) => manifest)))
  const bytesOf = async ({ descriptor }: GraphNode): Promise<NewManifest> => {
    const { bytes } = await from.getManifest(descriptor.digest)
    return { bytes, mediaType: descriptor.mediaType, digest: descriptor.digest, absent }
  }
  for (const group of membersFirst(copied.filter(({ attached }) => !attached))) {
    await eachOf(group, parallel, async (node) => {
      const { bytes, mediaType, ...named } = await bytesOf(node)
      await to.putManifest(bytes, mediaType, named)
    })
  }
  // The walk gives what hangs on a manifest after it, so that from behind everything that hangs on one is there before it.
  for (const group of membersFirst(copied.filter(({ attached }) => attached).toReversed())) {
    const manifests: NewManifest[] = []
    for await (const manifest of inOrder(group, parallel, bytesOf)) manifests.push(manifest)
    await putAllManifests(to, manifests)
  }
  const result = {
    root: root.descriptor,
    copied,
    left: [...wanted.left, ...left],
    gaps: [...wanted.gaps, ...broken],
  }
  if (plan.unsettled !== true) await to.settle?.()
  if ((await plan.beforeTags?.(to)) === false) return { ...result, tagged: false }
  const put = plan.putAttached ?? ((target, tag, of) => target.tag(tag, of))
  for (const { tag, descriptor } of copied) if (tag !== null) await put(to, tag, descriptor.digest)
  if (plan.tag !== undefined) await to.tag(plan.tag, digest)
  return { ...result, tagged: true }
}

/** Whether a store has no manifest of this digest; one that it has and that is damaged is not absent. */
async function lacks(store: Store, digest: Digest): Promise<boolean> {
  // A folder is asked at no cost.
  if (store.location === undefined) return false
  try {
    return (await store.resolve({ digest })) === null
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return false
  }
}

/** Puts manifests; each subject's listing is written once where the store can do that. */
export async function putAllManifests(to: Store, manifests: readonly NewManifest[]): Promise<void> {
  if (to.putManifests !== undefined) await to.putManifests(manifests)
  else for (const { bytes, mediaType, ...named } of manifests) await to.putManifest(bytes, mediaType, named)
}

/** What a copy would take, and what it would leave. @throws as {@link copyGraph} */
export async function collectGraph(from: Store, digest: Digest, { takes }: GraphPlan): Promise<CollectedGraph> {
  const nodes: GraphNode[] = []
  const gaps: GraphGap[] = []
  const out = new Set<Digest>()
  for await (const node of walkGraph(from, digest, (gap) => gaps.push(gap))) {
    nodes.push(node)
    const below = node.parent !== null && out.has(node.parent)
    const asked = node.relation === 'referrer' || node.relation === 'tagged'
    if (asked && (below || !isKnown(node) || (await takes?.(node)) === false)) out.add(node.descriptor.digest)
  }
  // A referrer that a retention rule deleted is a note; an image without a child that its index names is no whole image.
  const members = new Set(
    nodes.flatMap(({ content, attached }) =>
      isIndex(content) && !attached ? content.manifests.map((child) => child.digest) : [],
    ),
  )
  const broken = gaps.find(({ manifest }) => members.has(manifest))
  if (broken !== undefined) throw broken.error
  return { ...partGraph(nodes, out), gaps }
}

/** Nobody can say what a tag of another tool means at another place, and under a name of its own it could stand for anything there. */
export function isKnown({ tag }: Pick<GraphNode, 'tag'>): boolean {
  return tag === null || isCosignTag(tag)
}

/**
 * Copies the blobs of the image, then those of what is attached.
 *
 * @returns attached manifests whose blobs are not there, or not as they say
 */
async function copyBlobs(
  from: Store,
  to: Store,
  nodes: readonly GraphNode[],
  absent: boolean,
  log: Log | undefined,
): Promise<GraphGap[]> {
  const blobsOf = ({ content }: GraphNode): Descriptor[] => (isIndex(content) ? [] : referencedBlobs(content))
  const total = new Set(nodes.flatMap(blobsOf).map(({ digest }) => digest)).size
  const done = new Map<Digest, number>()
  const copyBlob = blobCopier(from, to, undefined, absent)
  const copy = async (blob: Descriptor): Promise<void> => {
    await copyBlob(blob)
    done.set(blob.digest, blob.size)
    log?.progress(`${done.size} of ${total} blobs are in ${to.name}`)
  }
  await eachBlob(distinct(nodes.filter(({ attached }) => !attached).flatMap(blobsOf)), copy)
  const attached = nodes.filter((node) => node.attached)
  const failed = new Map<string, VerificationError>()
  await eachBlob(distinct(attached.flatMap(blobsOf)), async (blob) => {
    const size = done.get(blob.digest)
    if (size === blob.size) return
    try {
      // One blob has one size: registries do not compare it.
      if (size !== undefined) throw otherSize(blob, size)
      await copy(blob)
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      failed.set(nameOf(blob), error)
    }
  })
  return attached.flatMap((node) => {
    const error = blobsOf(node)
      .map((blob) => failed.get(nameOf(blob)))
      .find((found) => found !== undefined)
    return error === undefined || node.parent === null
      ? []
      : [{ manifest: node.descriptor.digest, parent: node.parent, error }]
  })
}

/** Small blobs cost an answer each, large ones memory and the registry's processor. */
async function eachBlob(all: readonly Descriptor[], copy: (blob: Descriptor) => Promise<void>): Promise<void> {
  const [large, small] = [true, false].map((is) => all.filter(({ size }) => size > blobs.smallBytes === is))
  let failed = false
  const unlessFailed = async (blob: Descriptor): Promise<void> => {
    if (failed) return
    await copy(blob).catch((error: unknown) => {
      failed = true
      throw error
    })
  }
  const ended = await Promise.allSettled([
    eachOf(large ?? [], blobs.large, unlessFailed),
    eachOf(small ?? [], blobs.small, unlessFailed),
  ])
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}

function nameOf({ digest, size }: Descriptor): string {
  return `${digest} ${size}`
}

function distinct(blobs: readonly Descriptor[]): Descriptor[] {
  return [...new Map(blobs.map((blob) => [nameOf(blob), blob])).values()]
}

function otherSize({ digest, size }: Descriptor, is: number): VerificationError {
  return new VerificationError('digest-mismatch', `${digest} has ${is} bytes, not ${size}`, { subject: digest })
}
