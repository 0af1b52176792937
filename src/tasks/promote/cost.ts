import { eachOf } from '../../base/each-of.ts'
import type { GraphNode } from '../../oci/graph.ts'
import { isIndex } from '../../oci/manifest.ts'
import { referencedBlobs } from '../../oci/referrers.ts'
import type { Store } from '../../oci/types.ts'

interface Amount {
  readonly blobs: number
  readonly bytes: number
}

/** What a promotion would move, as far as the target can be asked without writing. */
export interface TransferCost {
  /** Sent from the source to the target. */
  readonly copy: Amount
  /** Of the same registry: taken over without sending. */
  readonly mount: Amount
  /** At the target already. */
  readonly present: Amount
  readonly manifests: number
}

const parallel = 8

/** Asks the target for each blob; writes nothing. @throws TransportError */
export async function transferCost(from: Store, to: Store, nodes: readonly GraphNode[]): Promise<TransferCost> {
  const blobs = new Map(
    nodes
      .flatMap(({ content }) => (isIndex(content) ? [] : referencedBlobs(content)))
      .map((blob) => [blob.digest, blob.size]),
  )
  const sums = { copy: { blobs: 0, bytes: 0 }, mount: { blobs: 0, bytes: 0 }, present: { blobs: 0, bytes: 0 } }
  const mounts = from.location !== undefined && from.location.host === to.location?.host
  await eachOf([...blobs], parallel, async ([digest, size]) => {
    const sum = sums[(await to.hasBlob(digest)) ? 'present' : mounts ? 'mount' : 'copy']
    sum.blobs += 1
    sum.bytes += size
  })
  return { ...sums, manifests: nodes.length }
}
