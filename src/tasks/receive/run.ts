import type { Caller } from '../../agent/caller.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { openStore } from '../../oci/open.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import { stageWrites } from '../../oci/staged.ts'
import { mergeLegacyTag } from '../../sign/legacy.ts'
import type { PromotionFacts } from '../../statement/promotion.ts'
import { isAllowed } from '../../verify/checks/promotion.ts'
import type { Policy } from '../../verify/policy/load.ts'
import type { Verdict } from '../../verify/types.ts'
import { verifyImage } from '../../verify/verify-image.ts'
import { recordArchive, type Archived, type ArchiveRequest } from '../archive/record.ts'
import type { StepContext } from '../context.ts'
import { verifiedAt } from '../job-image.ts'
import type { KeyRequest } from '../keys.ts'
import type { NoticeSigning } from '../status/signer.ts'
import { keepWritten } from '../sign/keep.ts'
import { performTask } from '../tasks.ts'
import { policyFiles, type GatePolicy } from '../verify/gate-policy.ts'
import type { ReceiversWord } from '../promote/facts.ts'
import { parseFilter, type Filter } from '../promote/filter.ts'
import { refusalOf, type Transfer } from '../promote/promote.ts'
import { openRecordSigner, type AttachedRecord, type RecordSigner, type RecordSigning } from './record.ts'
import { reissue, requireReissuer } from './reissue.ts'

/** One image and where it goes, with what the receiver says of it. */
export interface PromotionEntry {
  readonly from: string
  readonly to: string
  readonly policy: GatePolicy
  /** What the copy has to pass with its record, before the tag is written; null for `policy` alone. */
  readonly toPolicy: GatePolicy | null
  readonly filter: Filter
  readonly word: ReceiversWord
}

/** What is the same for all images of a run. */
export interface PromotionRun {
  readonly signing: RecordSigning
  /** Signs the copies in cosign's older form too. */
  readonly reissue: boolean
  /** When the images were in production, for the archive's record of class `archive`; null for none. */
  readonly inProduction: ArchiveRequest['inProduction'] | null
  /** Age in seconds from which a record is renewed; null for half of what `to-policy` allows. */
  readonly renewAfter: number | null
  readonly dryRun: boolean
  /** Absolute folder of collateral, in place of the policies' own; null for these. */
  readonly collateral: string | null
  readonly keySource: string
  readonly keys: KeyRequest
  readonly secret: Caller['secret']
}

/** What became of one image. */
export interface Promotion extends Transfer {
  readonly record: AttachedRecord | null
  /** By `to-policy`, record included; null where none was given or nothing was copied. */
  readonly admitted: Verdict | null
  /** Archive records of the image and the manifests of an index. */
  readonly archived: readonly Archived[]
  readonly reissued: number
  readonly tagged: boolean
}

/** The verdict that stopped a promotion, and where; null where none did. */
export function stoppedBy(done: Promotion): { where: string; verdict: Verdict } | null {
  if (done.admitted?.verified === false) return { where: 'copy, by `to-policy`,', verdict: done.admitted }
  return refusalOf(done)
}

/** Promotes images one after the other with one signer. */
export interface Promoter {
  readonly signer: RecordSigner
  promote(entry: PromotionEntry): Promise<Promotion>
}

/**
 * Opens what a run needs: the receiver's signer before anything is copied.
 *
 * @throws as {@link openRecordSigner}
 */
export async function openPromoter(run: PromotionRun, context: StepContext): Promise<Promoter> {
  const signer = await openRecordSigner(run.signing, await context.state.agent(), context.ports)
  let warned = run.signing.signer !== 'none'
  return {
    signer,
    promote: (entry) => {
      const { environment, class: kind } = entry.word
      if (!warned && (environment !== null || kind === 'golden')) {
        warned = true
        context.ports.log.warn('no promotion record is signed (signer: none), so nothing says the environment or class')
      }
      return promoteOne(entry, run, signer, context)
    },
  }
}

/**
 * Promotes one image. In this order: verdict at the source, blobs, children, the image, what is attached, verdict of the copy by its own bytes, the
 * verdict by `to-policy` over the copy with its record, the record, the archive's record, the tag. Killed at any moment and run again it ends in the same state.
 *
 * @throws InputError, TransportError; VerificationError for an image that is not whole
 */
async function promoteOne(
  entry: PromotionEntry,
  run: PromotionRun,
  signer: RecordSigner,
  context: StepContext,
): Promise<Promotion> {
  const { ports } = context
  const { policy, toPolicy, filter, word } = entry
  parseFilter(filter)
  if (run.reissue) requireReissuer(signer.key, (toPolicy ?? policy).policy)
  const { inProduction, renewAfter } = run
  const archiving = inProduction === null ? null : archiveSigning(run, word.class)
  const collateral = run.collateral ?? policy.collateral
  const { transfer, facts } = await performTask(
    'promote',
    {
      from: absolute(entry.from, ports),
      to: absolute(entry.to, ports),
      policy: { text: policy.text, path: policy.path },
      collateral: collateral !== null,
      filter: { include: [...filter.include], exclude: [...filter.exclude] },
      class: word.class,
      environment: word.environment,
      supersedes: [...word.supersedes],
      dryRun: run.dryRun,
      keySource: run.keySource,
      keys: run.keys,
    },
    { fetch: policyFiles(policy, collateral), secret: run.secret, deliver: () => Promise.resolve() },
    context,
  )
  const nothing = { ...transfer, record: null, admitted: null, archived: [], reissued: 0, tagged: false }
  const { target } = transfer
  if (target === null || facts === null) return nothing
  // As after verify-deploy: what the publisher signed is carried from there to where the job publishes the image.
  await context.state.remember(verifiedAt(transfer.digest), transfer.place)
  const { place, to, digest } = transfer
  const store = openStore(parseReference(place, ports.roots.cwd), ports)
  // A record allows something: it becomes visible only once the copy is admitted with it.
  const staged = stageWrites(store, mergeLegacyTag)
  const renewed = renewAfter ?? halfAllowed(toPolicy?.policy, facts)
  const written = await signer.attach({ place, tag: to.tag, verdict: target, facts, renewAfter: renewed }, staged.store)
  const signed = run.reissue && signer.key !== null ? await reissue(transfer, signer.key, staged.store, ports) : []
  const record = written?.record ?? null
  const admitted =
    toPolicy === null
      ? null
      : await verifyImage(place, toPolicy.policy, { collateral: run.collateral ?? undefined, view: staged.view }, ports)
  if (admitted?.verified === false) return { ...nothing, record: record?.state === 'present' ? record : null, admitted }
  await staged.commit()
  const writers = [...signed, ...(written === null || written.writer === null ? [] : [written.writer])]
  if (writers.length > 0) await keepWritten(store, writers, ports)
  const archived =
    inProduction === null || archiving === null
      ? []
      : await recordArchive({ image: place, inProduction, keys: [], signing: archiving }, ports)
  await store.tag(to.tag, digest)
  const reissued = signed.flatMap(({ receipts }) => receipts).filter(({ state }) => state === 'added').length
  return { ...nothing, record, admitted, archived, reissued, tagged: true }
}

/**
 * Who signs the archive's record: the signer of the promotion record.
 *
 * @throws InputError `input-invalid` where nothing is archived, or nobody signs whose word lasts longer than the job
 */
function archiveSigning(
  { signing: { key, keyless, timestamp }, reissue: reissues }: PromotionRun,
  kind: ReceiversWord['class'],
): NoticeSigning {
  const refused = (why: string, remedy: string): InputError =>
    new InputError('input-invalid', `\`in-production\`: ${why}`, { subject: 'in-production', remedy })
  if (kind !== 'archive') throw refused('the target is not an archive', 'Set `class: archive`.')
  if (reissues)
    throw refused('a key that signs images signs no archive record', 'Leave `reissue` out, or use another `key`.')
  if (keyless !== null) return { keyless }
  if (key !== null) return { key, timestamp }
  throw refused('the archive record needs a signer that outlives the job', 'Set `signer: key` and `key`.')
}

/** Half of the least `max-age` in seconds that a policy allows a record for this place and environment; null where it sets none. */
function halfAllowed(policy: Policy | undefined, { environment, to }: PromotionFacts): number | null {
  const ages = (policy?.claims ?? []).flatMap(({ promotion, maxAgeSeconds }) =>
    promotion !== null && maxAgeSeconds !== null && isAllowed(promotion, { environment, to }) ? [maxAgeSeconds] : [],
  )
  return ages.length === 0 ? null : Math.min(...ages) / 2
}

/** A worker knows no folder of the job: the folder of a layout is made absolute before it is named. */
function absolute(text: string, ports: Pick<Ports, 'roots'>): string {
  return formatReference(parseReference(text, ports.roots.cwd))
}
