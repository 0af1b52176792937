import { eachOf } from '../../base/each-of.ts'
import { VerificationError } from '../../base/errors.ts'
import { inOrder } from '../../base/in-order.ts'
import type { JournalEvent } from '../../journal/event.ts'
import { admissionsOf } from '../../journal/subject-roles.ts'
import { collectGraph, putAllManifests } from '../../oci/copy-graph.ts'
import { attachmentCopier } from '../../oci/copy-whole.ts'
import type { GraphNode } from '../../oci/graph.ts'
import { isIndex } from '../../oci/manifest.ts'
import { resolveImage } from '../../oci/open.ts'
import type { Digest, NewManifest, Store } from '../../oci/types.ts'
import { isBundleMediaType } from '../../sign/bundle.ts'
import { mergeLegacyTag } from '../../sign/legacy.ts'
import type { StepContext } from '../context.ts'
import { describeNode } from '../graph/describe.ts'
import { verifiedAt } from '../job-image.ts'
import type { Published } from './source.ts'

/** Manifests that are read and copied at a time. */
const parallel = 4

/**
 * Brings what others signed of an admitted image to where it is published: Sigstore bundles and cosign's `.sig` and `.att` tags of the plain digest.
 * The gate reads the publisher's signature there. The plain manifest and its layers stay where they are: registries take referrers of a subject that
 * they do not have (distribution-spec 1.1, "Pushing Manifests with Subject"). What is marked as not publishable stays, as with `promote`.
 *
 * @param journal events of the job, null where no agent runs
 * Nothing is written where the image is not one that the job admitted. Whoever calls it waits until the store has settled.
 */
export async function carryPublisher(
  { store, plain }: Published,
  journal: readonly JournalEvent[] | null,
  { ports, state }: StepContext,
): Promise<void> {
  if (journal === null || admissionsOf(journal, plain).length === 0) return
  const place = await state.recall(verifiedAt(plain))
  if (place === null) return
  const from = await resolveImage(place, ports)
  if (from.store.name === store.name) return
  const nodes = await attachedTo(from.store, plain)
  const bring = attachmentCopier(from.store, store)
  const whole: GraphNode[] = []
  const manifests: NewManifest[] = []
  for await (const [node, got] of inOrder(
    nodes,
    parallel,
    async (node) => [node, await bring(node.descriptor.digest)] as const,
  )) {
    if (got instanceof VerificationError) continue
    whole.push(node)
    manifests.push(got)
  }
  await putAllManifests(store, manifests)
  for (const { tag, descriptor } of whole) if (tag !== null) await mergeLegacyTag(store, tag, descriptor.digest)
  ports.log.info(`carried ${whole.length} signatures and statements about ${plain} to ${store.name}`)
}

export async function attachedTo(from: Store, plain: Digest): Promise<GraphNode[]> {
  const takes = ({ content, parent, tag }: GraphNode): boolean =>
    parent === plain &&
    (tag === null
      ? !isIndex(content) && content.layers.some(({ mediaType }) => isBundleMediaType(mediaType))
      : /\.(?:sig|att)$/.test(tag))
  const { copied } = await collectGraph(from, plain, { takes })
  const nodes = copied.filter(({ attached }) => attached)
  const internal = new Set<GraphNode>()
  await eachOf(nodes, parallel, async (node) => {
    if (!(await describeNode(from, node)).publishable) internal.add(node)
  })
  return nodes.filter((node) => !internal.has(node))
}
