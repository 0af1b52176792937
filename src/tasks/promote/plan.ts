import { inOrder } from '../../base/in-order.ts'
import { collectGraph, isKnown, type CollectedGraph } from '../../oci/copy-graph.ts'
import type { GraphGap, GraphNode } from '../../oci/graph.ts'
import { partGraph } from '../../oci/graph-parts.ts'
import type { Digest, Store } from '../../oci/types.ts'
import { describeNode, type NodeFacts } from '../graph/describe.ts'
import { filteredOut, unusedRules, type Filtered, type FilterRules } from './filter.ts'
import { madeInWords, olderOnes, type Aged, type NewestTrust } from './newest.ts'

/** What goes along, and what stays behind with the reason. */
export interface PromotionPlan extends CollectedGraph {
  readonly left: readonly LeftNode[]
  /** What each attached manifest says of itself. */
  readonly facts: ReadonlyMap<Digest, NodeFacts>
  /** Rules of `exclude` that fit nothing. */
  readonly unused: readonly string[]
}

export interface LeftNode extends GraphNode {
  readonly reason: string
}

/** What decides beside the rules. */
export interface PlanOptions {
  readonly rules: FilterRules
  /** Takes along what is marked as not publishable: for an archive of the same owner. */
  readonly internal: boolean
  /** What counts as newest; without it no time is proven and no statement counts more than another. */
  readonly trust?: NewestTrust | undefined
}

/** Manifests that are described at a time: each may have a bundle to read. */
const parallel = 4

/**
 * Decides what of an image's graph is promoted. The image itself always is, with the children of an index. Predicate types and signers are those of
 * the statements: annotations may lie.
 *
 * @throws VerificationError `missing-blob` where the image itself is not whole · TransportError
 */
export async function planPromotion(from: Store, digest: Digest, options: PlanOptions): Promise<PromotionPlan> {
  const all = await collectGraph(from, digest, {})
  const chosen = all.copied.filter(({ relation, attached }) => attached && relation !== 'child')
  const facts = new Map<Digest, NodeFacts>()
  const times = options.rules.newest === null ? null : (options.trust?.times ?? null)
  const described = inOrder(chosen, parallel, async (node) => ({ node, is: await describeNode(from, node, times) }))
  for await (const { node, is } of described) facts.set(node.descriptor.digest, is)
  const out = decide(chosen, facts, options)
  const { copied, left } = partGraph(all.copied, new Set(out.keys()))
  return {
    copied,
    left: [...left, ...all.left].map((node) => ({ ...node, reason: reasonOf(node, out, all.gaps) })),
    gaps: all.gaps,
    facts,
    unused: unusedRules(
      options.rules,
      chosen.flatMap((node) => filteredOf(node, facts) ?? []),
    ),
  }
}

function filteredOf({ descriptor, tag }: GraphNode, known: ReadonlyMap<Digest, NodeFacts>): Filtered | null {
  const { digest, artifactType = null, annotations = {} } = descriptor
  const facts = known.get(digest)
  if (facts === undefined) return null
  return { artifactType, suffix: tag === null ? null : `.${tag.split('.').slice(1).join('.')}`, annotations, facts }
}

/** The manifests that stay by a rule of their own. */
function decide(
  nodes: readonly GraphNode[],
  facts: ReadonlyMap<Digest, NodeFacts>,
  { rules, internal, trust }: PlanOptions,
): Map<Digest, string> {
  const out = new Map<Digest, string>()
  const kinds = new Map<string, Aged[]>()
  for (const node of nodes) {
    const { digest } = node.descriptor
    const [is, item] = [facts.get(digest), filteredOf(node, facts)]
    if (is === undefined || item === null) continue
    const why = filteredOut(rules, item) ?? (is.publishable || internal ? null : 'it is marked as not publishable')
    if (why !== null) out.set(digest, why)
    else if (is.made !== null) {
      const kind = JSON.stringify([node.parent, is.type ?? item.artifactType ?? is.kind])
      kinds.set(kind, [...(kinds.get(kind) ?? []), { digest, made: is.made, payload: is.payload }])
    }
  }
  // Without a time nobody can say that it is an older one, so it goes along.
  const { newest } = rules
  if (newest !== null)
    for (const group of kinds.values())
      for (const { digest, made } of olderOnes(group, newest, trust?.counted))
        out.set(digest, `there are ${newest} newer ones of its kind: it is of ${madeInWords(made)}`)
  return out
}

function reasonOf(node: GraphNode, out: ReadonlyMap<Digest, string>, gaps: readonly GraphGap[]): string {
  const { descriptor, parent, tag } = node
  if (!isKnown(node)) return `its tag ${tag ?? ''} is none of cosign's (.sig, .att, .sbom)`
  const own = out.get(descriptor.digest)
  if (own !== undefined) return own
  const gap = gaps.find((one) => one.parent === descriptor.digest)
  if (gap !== undefined) return `it is not whole: ${gap.error.message}`
  return `what it hangs on stays behind (${parent ?? ''})`
}
