import { inOrder } from '../../base/in-order.ts'
import { walkGraph, type GraphGap, type GraphNode } from '../../oci/graph.ts'
import type { Digest, Store } from '../../oci/types.ts'
import { describeNode, type NodeFacts } from './describe.ts'

/** A manifest with what hangs on it. */
export interface Branch {
  readonly node: Omit<GraphNode, 'content'>
  readonly facts: NodeFacts
  readonly branches: Branch[]
}

export interface Tree {
  /** Name of the store. */
  readonly store: string
  readonly root: Branch
  readonly manifests: number
  /** What is named and is not there or cannot be read. */
  readonly gaps: readonly GraphGap[]
}

/** Manifests that are described at a time: each may have a bundle to read. */
const parallel = 4

/** Everything that is attached to an image, as a tree. Nothing is verified. @throws as `walkGraph` */
export async function readGraphTree(store: Store, digest: Digest): Promise<Tree> {
  const gaps: GraphGap[] = []
  const branches = new Map<Digest, Branch>()
  const walk = walkGraph(store, digest, (gap) => gaps.push(gap))
  const described = inOrder(walk, parallel, async (node) => ({ node, facts: await describeNode(store, node) }))
  let root: Branch | null = null
  for await (const { node, facts } of described) {
    const { content: _, ...rest } = node
    const branch: Branch = { node: rest, facts, branches: [] }
    branches.set(node.descriptor.digest, branch)
    if (node.parent === null) root = branch
    else branches.get(node.parent)?.branches.push(branch)
  }
  if (root === null) throw new TypeError('a graph without a root')
  return { store: store.name, root, manifests: branches.size, gaps }
}
