import type { GraphNode, Relation } from '../../oci/graph.ts'
import type { Digest } from '../../oci/types.ts'
import { madeInWords } from './newest.ts'
import type { PromotionPlan } from './plan.ts'

/** One manifest of a promotion, as outputs, reports and the record show it. */
export interface TransferItem {
  readonly digest: Digest
  readonly relation: Relation
  readonly parent: Digest | null
  /** False for the image and the children of an index. */
  readonly attached: boolean
  readonly tag: string | null
  readonly artifactType: string | null
  /** Predicate type, artifact type, or the kind of manifest. */
  readonly type: string
  /** Who signed by his own word; null where nobody says. */
  readonly signer: string | null
  /** When it was made, in words, and whose word that is; null where nobody says. */
  readonly made: string | null
}

export interface LeftItem extends TransferItem {
  readonly reason: string
}

/** What the source names and does not have. */
export interface MissingItem {
  readonly manifest: Digest
  readonly parent: Digest
  readonly why: string
}

export function copiedItems({ copied, facts }: PromotionPlan): TransferItem[] {
  return copied.map((node) => itemOf(node, facts))
}

export function leftItems({ left, facts }: PromotionPlan): LeftItem[] {
  return left.map((node) => ({ ...itemOf(node, facts), reason: node.reason }))
}

export function missingItems({ gaps }: PromotionPlan): MissingItem[] {
  return gaps.map(({ manifest, parent, error }) => ({ manifest, parent, why: error.message }))
}

function itemOf(
  { descriptor, relation, parent, tag, attached }: GraphNode,
  facts: PromotionPlan['facts'],
): TransferItem {
  const { digest, artifactType = null } = descriptor
  const is = facts.get(digest)
  return {
    digest,
    relation,
    parent,
    attached,
    tag,
    artifactType,
    type: is?.type ?? is?.kind ?? artifactType ?? descriptor.mediaType,
    signer: is?.signer ?? null,
    made: is?.made ? madeInWords(is.made) : null,
  }
}
