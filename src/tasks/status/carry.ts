import { InputError, type VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { blobCopier } from '../../oci/copy-blob.ts'
import { putAllManifests } from '../../oci/copy-graph.ts'
import { isAttachedTag } from '../../oci/digest.ts'
import { keepWritten } from '../../oci/keep-written.ts'
import { openStore } from '../../oci/open.ts'
import { parseReference } from '../../oci/reference.ts'
import { referencedBlobs } from '../../oci/referrers.ts'
import type { Digest, NewManifest, Reference, Store } from '../../oci/types.ts'
import { trustOf } from '../../verify/policy/status.ts'
import type { Policy } from '../../verify/policy/load.ts'
import { withTrustedRoot } from '../../verify/policy/trusted-root.ts'
import { contradicts, effectiveStatus, replaces, type StatusStatement } from '../../verify/status/effective.ts'
import { readNotices, type NoticeTrust } from '../../verify/status/read.ts'
import { statusTargets } from './targets.ts'

export interface CarryRequest {
  from: string
  to: string
  /** Its section `status` names whose statements are carried. */
  policy: Policy
  /** Says what would be carried, and writes nothing. */
  dryRun?: boolean
}

/** What became of one statement of the source. */
export interface CarriedStatus {
  statement: StatusStatement
  /** `kept`: the target has a statement of the same signer that replaces it. `contradictory`: carried, and equal in rank to a different one. */
  outcome: 'carried' | 'present' | 'kept' | 'contradictory'
}

export interface Carried {
  statuses: CarriedStatus[]
  /** Manifests about which the source holds no statement of a signer that counts. */
  silent: Digest[]
  /** Statements at the source by a signer that counts that cannot be read. */
  broken: { manifest: Digest; error: VerificationError }[]
  dryRun: boolean
}

/** Tagged images of a target that are looked at. */
const mostTags = 1000

/**
 * Carries what the publisher says of images since they were copied: the standing status statements of the source, verified against the signers that the
 * policy names. Nothing else is copied, a lower serial replaces nothing, and what is there is not written again. The image itself may be gone at the
 * source: its statements are found by digest.
 *
 * @throws InputError `no-policy` where the policy names no status signers, `not-found`; TransportError
 */
export async function carryStatuses(
  { from, to, policy: written, dryRun = false }: CarryRequest,
  ports: Ports,
): Promise<Carried> {
  const policy = await withTrustedRoot(written, ports)
  if (policy.status === null)
    throw new InputError('file-invalid', 'the policy has no section status, so nobody’s statement can be carried', {
      subject: 'policy',
      remedy: 'Name in `status` of the policy who may sign a status (docs/status.md).',
    })
  const trust = trustOf(policy.status, policy)
  const [source, target] = [parseReference(from, ports.roots.cwd), parseReference(to, ports.roots.cwd)]
  const stores = { source: storeOf(source, ports), target: storeOf(target, ports) }
  const result: Carried = { statuses: [], silent: [], broken: [], dryRun }
  for (const subject of await subjects(source, target, stores, to)) {
    const statuses = await wanted(subject, stores, trust, ports.clock.now(), result)
    result.statuses.push(...statuses)
    const manifests = statuses
      .filter(({ outcome }) => outcome === 'carried' || outcome === 'contradictory')
      .map(({ statement }) => statement.manifest)
    if (manifests.length === 0 || dryRun) continue
    await copyManifests(stores, manifests)
  }
  if (!dryRun) await keepWritten(stores.target, [], ports)
  return result
}

interface Stores {
  source: Store
  target: Store
}

function storeOf(reference: Reference, ports: Ports): Store {
  return openStore({ ...reference, tag: undefined, digest: undefined }, ports)
}

/** Digests of the target whose status is asked for at the source: of one image, or of every tagged one. */
async function subjects(source: Reference, target: Reference, stores: Stores, to: string): Promise<Digest[]> {
  const roots = new Set<Digest>()
  const add = async (store: Store, { tag, digest }: Pick<Reference, 'tag' | 'digest'>): Promise<void> => {
    const found = digest ?? (tag === undefined ? undefined : (await store.resolve({ tag }))?.digest)
    if (found === undefined) throw notFound(`${store.name}:${tag ?? ''}`)
    roots.add(found)
  }
  if (target.digest !== undefined || target.tag !== undefined) await add(stores.target, target)
  else if (source.digest !== undefined || source.tag !== undefined) await add(stores.source, source)
  else {
    const tags = (await stores.target.tags()).filter((tag) => !isAttachedTag(tag))
    if (tags.length > mostTags)
      throw new InputError('input-invalid', `${stores.target.name} has ${tags.length} tags, more than ${mostTags}`, {
        subject: 'to',
        remedy: 'Name the tag in `to`.',
      })
    for (const tag of tags) await add(stores.target, { tag })
  }
  const found = new Set<Digest>()
  for (const root of roots) {
    if ((await stores.target.resolve({ digest: root })) === null) throw notFound(to)
    for (const { digest } of await statusTargets(stores.target, root)) found.add(digest)
  }
  return [...found]
}

/** What of the source's statements about one manifest the target lacks. */
async function wanted(
  subject: Digest,
  { source, target }: Stores,
  trust: NoticeTrust,
  at: Date,
  result: Carried,
): Promise<CarriedStatus[]> {
  const [there, here] = await Promise.all([
    readNotices('status', source, subject, trust, at),
    readNotices('status', target, subject, trust, at),
  ])
  result.broken.push(...there.broken)
  const { standing } = effectiveStatus(there.counted, at)
  if (standing.length === 0) result.silent.push(subject)
  return standing.map((statement) => {
    const others = here.counted.filter(({ signers }) => signers.some((one) => statement.signers.includes(one)))
    const outcome = others.some(({ payload }) => payload === statement.payload)
      ? 'present'
      : others.some((one) => replaces(one, statement))
        ? 'kept'
        : [...others, ...standing].some((one) => contradicts(one, statement))
          ? 'contradictory'
          : 'carried'
    return { statement, outcome }
  })
}

/** Blobs first, then all manifests, so that the listing of the subject is written once. */
async function copyManifests({ source, target }: Stores, digests: readonly Digest[]): Promise<void> {
  const copyBlob = blobCopier(source, target)
  const manifests: NewManifest[] = []
  for (const digest of digests) {
    const { bytes, content, descriptor } = await source.getManifest(digest)
    for (const blob of referencedBlobs(content)) await copyBlob(blob)
    manifests.push({ bytes, mediaType: descriptor.mediaType })
  }
  await putAllManifests(target, manifests)
}

function notFound(name: string): InputError {
  return new InputError('not-found', `${name} is not there`, {
    subject: 'to',
    remedy: 'Promote the image first. Statements alone are carried to copies that exist, so `to` names one of them.',
  })
}
