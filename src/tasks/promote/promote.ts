import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { copyGraph } from '../../oci/copy-graph.ts'
import { openStore, resolveImage, type ResolvedImage } from '../../oci/open.ts'
import { fallbackTag, isAttachedTag } from '../../oci/digest.ts'
import { formatReference, parseTarget } from '../../oci/reference.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import { mergeLegacyTag } from '../../sign/legacy.ts'
import { foundContent } from '../../verify/found-content.ts'
import type { Policy } from '../../verify/policy/load.ts'
import { verifyImage, type VerifyOptions } from '../../verify/verify-image.ts'
import type { Verdict } from '../../verify/types.ts'
import { transferCost, type TransferCost } from './cost.ts'
import { requireAttached, type ReceiversWord } from './facts.ts'
import { parseFilter, type Filter } from './filter.ts'
import { copiedItems, leftItems, missingItems, type LeftItem, type MissingItem, type TransferItem } from './items.ts'
import { newestTrust } from './newest.ts'
import { withoutLeft } from './partial-view.ts'
import { planPromotion } from './plan.ts'
import { spoolBlobs } from './spool.ts'

export interface TransferRequest {
  readonly from: string
  /** Store and tag; without a tag that of `from`, else `latest`. */
  readonly to: string
  readonly policy: Policy
  readonly filter: Filter
  /** For the record; an `archive` also takes along what is marked as not publishable. */
  readonly word: ReceiversWord
  /** Verify at the source and say what would be copied, no more. */
  readonly dryRun: boolean
  /** What the gate is asked beside the policy. */
  readonly gate?: Pick<VerifyOptions, 'collateral' | 'opener' | 'keySource' | 'trust'> | undefined
}

/** What was copied to the target, still without the image's tag. JSON alone. */
export interface Transfer {
  readonly digest: Digest
  readonly descriptor: Descriptor
  /** `…@DIGEST` at the target, with its tag. */
  readonly image: string
  /** The target without tag, by digest. */
  readonly place: string
  readonly from: { readonly name: string; readonly tag: string | null }
  readonly to: { readonly name: string; readonly tag: string }
  /** Of the source; where it refuses, nothing was copied. */
  readonly source: Verdict
  /** Of what would go along, where something stays behind; where it refuses, nothing was copied. */
  readonly expected: Verdict | null
  /** Of the copy, by its own bytes; null where nothing was copied. */
  readonly target: Verdict | null
  readonly copied: readonly TransferItem[]
  readonly left: readonly LeftItem[]
  readonly missing: readonly MissingItem[]
  /** Rules of `exclude` that fit nothing. */
  readonly unused: readonly string[]
  /** For a dry run. */
  readonly cost: TransferCost | null
}

/** The verdict that stopped it, and where; null where none did. */
export function refusalOf({ source, expected, target }: Pick<Transfer, 'source' | 'expected' | 'target'>): {
  where: 'source' | 'selection' | 'copy'
  verdict: Verdict
} | null {
  if (!source.verified) return { where: 'source', verdict: source }
  if (expected?.verified === false) return { where: 'selection', verdict: expected }
  return target?.verified === false ? { where: 'copy', verdict: target } : null
}

/**
 * Copies an image with what vouches for it to another store, if it passes the policy at the source, and verifies the copy by its own bytes. Where
 * something stays behind, the gate first judges what would go along, so that nothing is copied in vain. The image's tag is not written.
 *
 * @returns verdicts, also for a refusal
 * @throws InputError, TransportError, VerificationError (`missing-blob`, `digest-mismatch`)
 */
export async function transfer(request: TransferRequest, ports: Ports): Promise<Transfer> {
  // The same reader for gate, plan and copy: what was judged is what is copied, and what was read once is not read again.
  const from = await resolveImage(request.from, ports, (store) => store.anew?.() ?? store)
  const { store, close } = await spoolBlobs(from.store, ports)
  try {
    return await transferFrom({ ...from, store }, request, ports)
  } finally {
    await close()
  }
}

async function transferFrom(from: ResolvedImage, request: TransferRequest, ports: Ports): Promise<Transfer> {
  const { policy, dryRun, gate = {} } = request
  const rules = parseFilter(request.filter)
  const to = parseTarget(request.to, ports.roots.cwd)
  if (to.digest !== undefined) {
    throw new InputError('reference-invalid', `${request.to} names a digest, and the target's is that of the source`, {
      subject: 'to',
      remedy: 'Name a store and a tag in `to`.',
    })
  }
  const tag = to.tag ?? from.tag ?? 'latest'
  if (isAttachedTag(tag))
    throw new InputError('reference-invalid', `${tag} is the tag of what is attached to a digest, not of an image`, {
      subject: 'to',
      remedy: 'Name another tag in `to`: this one would replace signatures or a list of referrers at the target.',
    })
  const { digest } = from.descriptor
  // A tag may name what is gone: a damaged copy, not a wrong name as it is for the gate, which is given the digest.
  await from.store.getManifest(digest)
  const place = formatReference({ ...to, tag: undefined, digest })
  const target = openStore({ ...to, tag: undefined, digest }, ports)
  const found = foundContent()
  const judge = (where: string, view?: VerifyOptions['view']): Promise<Verdict> =>
    verifyImage(where, policy, { ...gate, view, foundContent: found }, ports)
  // The walk reads all tags in any case: read first, they spare the gate to ask for each of cosign's.
  const tags = await from.store.tags()
  const source = await judge(from.reference, () => from.store)
  const about: Omit<Transfer, 'expected'> = {
    digest,
    descriptor: from.descriptor,
    image: formatReference({ ...to, tag, digest }),
    place,
    from: { name: from.store.identity, tag: from.tag },
    to: { name: target.identity, tag },
    source,
    target: null,
    copied: [],
    left: [],
    missing: [],
    unused: [],
    cost: null,
  }
  if (!source.verified) return { ...about, expected: null }
  const plan = await planPromotion(from.store, digest, {
    rules,
    internal: request.word.class === 'archive',
    trust: rules.newest === null ? undefined : newestTrust(policy, source),
  })
  requireAttached(request.word, [...plan.copied, ...plan.left])
  const expected = plan.left.length === 0 ? null : await judge(from.reference, () => withoutLeft(from.store, plan.left))
  const planned = {
    ...about,
    expected,
    copied: copiedItems(plan),
    left: leftItems(plan),
    missing: missingItems(plan),
    unused: plan.unused,
  }
  if (dryRun) return { ...planned, cost: await transferCost(from.store, target, plan.copied) }
  if (expected?.verified === false) return planned
  // Cosign's tags are part of what vouches for the copy, so they are there before it is verified; what stands under them is kept.
  const done = await copyGraph(from.store, target, digest, {
    collected: plan,
    unsettled: true,
    putAttached,
    log: ports.log,
  })
  const broken = { ...plan, gaps: done.gaps, copied: done.copied, left: leftOf(done, plan) }
  const tagged = new Set(tags)
  const copy = await judgeCopy(
    target,
    plan.copied.some(({ descriptor, tag }) => tag !== null || tagged.has(fallbackTag(descriptor.digest))),
    (view) => judge(place, view),
  )
  return {
    ...planned,
    copied: copiedItems(broken),
    left: leftItems(broken),
    missing: missingItems(broken),
    target: copy,
  }
}

/**
 * The verdict of a copy by the target's own bytes, made while its listings are watched: where other writers take entries out meanwhile, they are
 * written again, and a verdict that missed them is made again.
 *
 * @param tagged much is attached under tags, so that their list spares the gate to ask for each
 */
async function judgeCopy(
  target: Store,
  tagged: boolean,
  judge: (view: VerifyOptions['view']) => Promise<Verdict>,
): Promise<Verdict> {
  const fresh = async (): Promise<Verdict> => {
    const reader = target.anew?.() ?? target
    // Where the list cannot be had, each tag is asked for.
    if (tagged) await reader.tags().catch(() => {})
    return judge(() => reader)
  }
  const settled = target.settle?.()
  settled?.catch(() => {})
  let verdict: Verdict
  try {
    verdict = await fresh()
  } finally {
    await settled
  }
  return verdict.verified || settled === undefined ? verdict : fresh()
}

/** What the plan leaves, and what turned out not to be whole. */
function leftOf(
  done: Awaited<ReturnType<typeof copyGraph>>,
  plan: Awaited<ReturnType<typeof planPromotion>>,
): Awaited<ReturnType<typeof planPromotion>>['left'] {
  const planned = new Map(plan.left.map((node) => [node.descriptor.digest, node]))
  return done.left.map((node) => {
    const known = planned.get(node.descriptor.digest)
    if (known !== undefined) return known
    const gap = done.gaps.find(({ manifest }) => manifest === node.descriptor.digest)
    const reason =
      gap === undefined
        ? `what it hangs on stays behind (${node.parent ?? ''})`
        : `it is not whole: ${gap.error.message}`
    return { ...node, reason }
  })
}

/** What the receiver signed at the target stays, whenever the image is promoted again. */
function putAttached(target: Store, tag: string, digest: Digest): Promise<void> {
  return /\.(?:sig|att)$/.test(tag) ? mergeLegacyTag(target, tag, digest) : target.tag(tag, digest)
}
