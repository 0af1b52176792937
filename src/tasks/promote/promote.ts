import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { collectGraph, copyGraph, type CopiedGraph } from '../../oci/copy-graph.ts'
import { openStore, resolveImage } from '../../oci/open.ts'
import { formatReference, parseTarget } from '../../oci/reference.ts'
import type { Digest, Store } from '../../oci/types.ts'
import type { Policy } from '../../verify/policy/load.ts'
import { mergeLegacyTag } from '../../sign/legacy.ts'
import { verifyImage } from '../../verify/verify-image.ts'
import type { Verdict } from '../../verify/types.ts'
import { typeFilter, type TypeFilter } from './filter.ts'

export interface PromoteRequest {
  readonly from: string
  /** Store and tag; without a tag that of `from`, else `latest`. */
  readonly to: string
  readonly policy: Policy
  readonly filter: TypeFilter
  /** Verify at the source and say what would be copied, no more. */
  readonly dryRun: boolean
}

export interface Promoted {
  /** Of the source; where it refuses, nothing was copied. */
  readonly source: Verdict
  /** Of the copy, by its own bytes; null where nothing was copied. */
  readonly target: Verdict | null
  /** `…@DIGEST` at the target. */
  readonly image: string
  readonly tag: string
  readonly graph: CopiedGraph | null
}

/**
 * Copies an image with what vouches for it to another store, if it passes the policy at the source, and tags it there only if the copy passes
 * the same policy by its own bytes.
 *
 * @returns verdicts, also for a refusal
 * @throws InputError, TransportError, VerificationError (`missing-blob`, `digest-mismatch`)
 */
export async function promote(request: PromoteRequest, ports: Ports): Promise<Promoted> {
  const { policy, filter, dryRun } = request
  const from = await resolveImage(request.from, ports)
  const to = parseTarget(request.to, ports.roots.cwd)
  if (to.digest !== undefined) {
    throw new InputError('reference-invalid', `${request.to} names a digest, and the target's is that of the source`, {
      subject: 'to',
      remedy: 'Name a store and a tag.',
    })
  }
  const tag = to.tag ?? from.tag ?? 'latest'
  const { digest } = from.descriptor
  const place = { ...to, tag: undefined, digest }
  const target = openStore(place, ports)
  const image = formatReference({ ...place, tag })
  const source = await verifyImage(from.reference, policy, {}, ports)
  if (!source.verified) return { source, target: null, image, tag, graph: null }
  const takes = typeFilter(from.store, filter)
  if (dryRun) {
    const graph = await collectGraph(from.store, digest, { takes })
    return { source, target: null, image, tag, graph: { ...graph, root: from.descriptor, tagged: false } }
  }
  let copy: Verdict | null = null
  const beforeTags = async (): Promise<boolean> => {
    copy = await verifyImage(formatReference(place), policy, {}, ports)
    return copy.verified
  }
  const graph = await copyGraph(from.store, target, digest, { takes, tag, beforeTags, putAttached, log: ports.log })
  return { source, target: copy, image, tag, graph }
}

/** What the receiver signed at the target stays, whenever the image is promoted again. */
function putAttached(target: Store, tag: string, digest: Digest): Promise<void> {
  return /\.(?:sig|att)$/.test(tag) ? mergeLegacyTag(target, tag, digest) : target.tag(tag, digest)
}
