import { InputError, VerificationError } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { putAllManifests } from '../../oci/copy-graph.ts'
import { attachmentCopier } from '../../oci/copy-whole.ts'
import { isEncryptedType } from '../../oci/descriptor.ts'
import { isAttachedTag, isDigest } from '../../oci/digest.ts'
import { isIndex } from '../../oci/manifest.ts'
import { openStore } from '../../oci/open.ts'
import { parseReference } from '../../oci/reference.ts'
import type { Descriptor, Digest, NewManifest, Reference, Store } from '../../oci/types.ts'
import { findLimits, findStatements } from '../../sign/find.ts'
import { predicateTypes } from '../../statement/types.ts'
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
  /** Statements at the source by a signer that counts that cannot be read or copied, and indexes of the target that cannot be walked. */
  broken: { manifest: Digest; error: VerificationError }[]
  dryRun: boolean
}

/** Tagged images of a target that are looked at. */
const mostTags = 1000
/** Plain forms of one manifest that are looked at: anybody may attach an encryption statement. */
const mostForms = 16

/**
 * Carries what the publisher says of images since they were copied: the standing status statements of the source, verified against the signers that the
 * policy names. Nothing else is copied, a lower serial replaces nothing, and what is there is not written again. The image itself may be gone at the
 * source: its statements are found by digest. Of an encrypted image those about its plain form are also carried, because the publisher speaks of that one.
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
  for (const subject of await subjects(source, target, stores, to, result.broken)) {
    const statuses = await wanted(subject, stores, trust, ports.clock.now(), result)
    const going = statuses.filter(({ outcome }) => outcome === 'carried' || outcome === 'contradictory')
    const failed = dryRun ? [] : await copyStatements(stores, going, result.broken)
    result.statuses.push(...statuses.filter((one) => !failed.includes(one)))
  }
  if (!dryRun) await stores.target.settle?.()
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
async function subjects(
  source: Reference,
  target: Reference,
  stores: Stores,
  to: string,
  broken: Carried['broken'],
): Promise<Digest[]> {
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
    found.add(root)
    try {
      for (const one of await statusTargets(stores.target, root)) {
        found.add(one.digest)
        for (const plain of await plainForms(stores.target, one)) found.add(plain)
      }
    } catch (error) {
      // One index that nobody can walk does not keep the revocation of another image.
      if (!(error instanceof VerificationError)) throw error
      broken.push({ manifest: root, error })
    }
  }
  return [...found]
}

/** What an encrypted image was made of, by the word of anybody: what is then carried is signed by those who count. */
async function plainForms(store: Store, image: Descriptor): Promise<Digest[]> {
  const content = await store.getManifest(image.digest).then(
    (stored) => stored.content,
    (error: unknown) => {
      // Of an index that lacks this one the others count.
      if (!(error instanceof VerificationError)) throw error
      return null
    },
  )
  if (content === null || isIndex(content) || !content.layers.some(({ mediaType }) => isEncryptedType(mediaType)))
    return []
  const found = await findStatements(store, image, { predicateTypes: [predicateTypes.encryption], onBroken: () => {} })
  return found
    .map(({ statement: { predicate } }) => (isObject(predicate['plain']) ? predicate['plain']['manifest'] : null))
    .filter(isDigest)
    .slice(0, mostForms)
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

/**
 * Blobs first, then all manifests, so that the listing of the subject is written once. Anybody may wrap a publisher's statement in a manifest that is not
 * whole, so any other that holds it will do.
 *
 * @returns those that no whole manifest holds
 */
async function copyStatements(
  { source, target }: Stores,
  all: readonly CarriedStatus[],
  broken: Carried['broken'],
): Promise<CarriedStatus[]> {
  const bring = attachmentCopier(source, target, findLimits.smallBytes)
  const manifests: NewManifest[] = []
  const failed: CarriedStatus[] = []
  for (const one of all) {
    const { manifest, manifests: holders = [manifest] } = one.statement
    let last: VerificationError | null = null
    for (const digest of holders) {
      const got = await bring(digest)
      last = got instanceof VerificationError ? got : null
      if (got instanceof VerificationError) continue
      manifests.push(got)
      break
    }
    if (last === null) continue
    failed.push(one)
    broken.push({ manifest, error: last })
  }
  if (manifests.length > 0) await putAllManifests(target, manifests)
  return failed
}

function notFound(name: string): InputError {
  return new InputError('not-found', `${name} is not there`, {
    subject: 'to',
    remedy: 'Promote the image first. Statements alone are carried to copies that exist, so `to` names one of them.',
  })
}
