import type { GraphNode } from './graph.ts'
import { isIndex } from './manifest.ts'
import type { Digest } from './types.ts'

/** Digests of all that an index names; what is not a manifest is never copied, and a layout refuses an index without it. */
function membersOf({ content }: GraphNode): Digest[] {
  return isIndex(content) ? content.manifests.map(({ digest }) => digest) : []
}

/**
 * Divides a graph into what is copied and what is left out, so that nothing is copied without what it hangs on, and no attached index without all of
 * its members: registries refuse such an index, and anybody may attach one.
 *
 * @param out what is left out in any case
 */
export function partGraph(
  nodes: readonly GraphNode[],
  out: ReadonlySet<Digest>,
): { copied: GraphNode[]; left: GraphNode[] } {
  let copied = nodes.filter(({ descriptor }) => !out.has(descriptor.digest))
  for (;;) {
    const there = new Set(copied.map(({ descriptor }) => descriptor.digest))
    const named = new Set(copied.flatMap(membersOf))
    const stays = (node: GraphNode): boolean => {
      if (!node.attached) return true
      if (!membersOf(node).every((digest) => there.has(digest))) return false
      // Another index may name the member, too.
      return node.relation === 'child'
        ? named.has(node.descriptor.digest)
        : node.parent !== null && there.has(node.parent)
    }
    const next = copied.filter(stays)
    if (next.length === copied.length) break
    copied = next
  }
  const there = new Set(copied)
  return { copied, left: nodes.filter((node) => !there.has(node)) }
}

/** Manifests in groups: the members of an index stand in groups before that of the index. */
export function membersFirst(nodes: readonly GraphNode[]): GraphNode[][] {
  const byDigest = new Map(nodes.map((node) => [node.descriptor.digest, node]))
  const heights = new Map<Digest, number>()
  const heightOf = (node: GraphNode): number => {
    const { digest } = node.descriptor
    const known = heights.get(digest)
    if (known !== undefined) return known
    const below = membersOf(node).flatMap((member) => byDigest.get(member) ?? [])
    const height = below.reduce((most, member) => Math.max(most, heightOf(member) + 1), 0)
    heights.set(digest, height)
    return height
  }
  const groups = Map.groupBy(nodes, heightOf)
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group)
}
