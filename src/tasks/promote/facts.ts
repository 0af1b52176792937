import { InputError } from '../../base/errors.ts'
import type { GraphNode } from '../../oci/graph.ts'
import type { Digest } from '../../oci/types.ts'
import type { PromotionClass, PromotionFacts } from '../../statement/promotion.ts'
import type { Transfer } from './promote.ts'

/** What the receiver says beside what happened. */
export interface ReceiversWord {
  readonly environment: string | null
  readonly class: PromotionClass | null
  /** Manifests that are attached at the source. */
  readonly supersedes: readonly Digest[]
}

/** @throws InputError `not-found` where `supersedes` names what is not attached */
export function requireAttached({ supersedes }: ReceiversWord, nodes: readonly Pick<GraphNode, 'descriptor'>[]): void {
  const attached = new Set(nodes.map(({ descriptor }) => descriptor.digest))
  const unknown = supersedes.find((digest) => !attached.has(digest))
  if (unknown !== undefined)
    throw new InputError('not-found', `supersedes: ${unknown} is not attached to the image at the source`, {
      subject: 'supersedes',
      remedy: 'Give digests of attached manifests in `supersedes`; "sealwright tree IMAGE" lists them.',
    })
}

/** The facts of a record. The image itself is the subject, so only what hangs on it is listed, with the children of an index. */
export function recordFacts({ from, to, copied, left }: Transfer, word: ReceiversWord): PromotionFacts {
  return {
    from,
    to,
    environment: word.environment,
    class: word.class,
    supersedes: word.supersedes,
    copied: copied.filter(({ relation }) => relation !== 'root').map(({ digest, type }) => ({ digest, type })),
    left: left.map(({ digest, type, reason }) => ({ digest, type, reason })),
  }
}
