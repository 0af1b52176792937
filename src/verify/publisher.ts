import { VerificationError } from '../base/errors.ts'
import { isObject, textOf } from '../base/json.ts'
import { runnableChildren } from '../image/platforms.ts'
import { isIndex } from '../oci/manifest.ts'
import type { Digest, Store } from '../oci/types.ts'
import { readAttached } from './attached.ts'
import type { Gate } from './candidate.ts'
import { CertificateSigners } from './certificate-signers.ts'
import type { PublisherWord } from './foreign.ts'
import { Notes } from './notes.ts'
import { countsBy, legacySigners, releaseKeysAt, signingParties } from './parties.ts'
import type { Policy } from './policy/load.ts'
import type { PublisherRules } from './policy/publisher.ts'
import type { Claim } from './statements.ts'

/**
 * Reads who of a publisher signed an image, from the referrers and cosign tags of its own digest. The image itself need not be in the store: only
 * what speaks of its digest is read, and nothing of it is believed without a signature. Publishers often sign an index alone: whose signature covers
 * an index vouches for the manifests that it lists, if the index is in the store.
 *
 * @param index through which the job reached the image, by its journal; null for none
 * @throws TransportError when the store does not answer: that is never "nobody signed it"
 */
export async function readPublisher(
  { policy: own, at, subject: { store } }: Pick<Gate, 'policy' | 'at' | 'subject'>,
  rules: PublisherRules,
  plain: Digest,
  index: Digest | null,
): Promise<PublisherWord> {
  const isThere = index !== null && (await store.resolve({ digest: index })) !== null
  const targets = isThere && (await isListed(store, index, plain)) ? [plain, index] : [plain]
  const { releaseKeys, identities, threshold } = rules
  const policy: Policy = { ...own, releaseKeys, identities, threshold }
  const certificates = new CertificateSigners(policy, at)
  const keys = releaseKeysAt(policy, at)
  const known = { keys, certificates, identities: identities.map(({ rule }) => rule.name) }
  const legacy = await legacySigners(store, targets, known)
  const lacks = (claims: readonly Claim[]): Promise<boolean> =>
    Promise.resolve(
      signingParties(claims, legacy, known).length < threshold ||
        (rules.builders !== null && !claims.some((claim) => builderOf(claim) !== null)),
    )
  const attached = await readAttached(
    store,
    targets,
    keys,
    certificates,
    () => Promise.resolve(null),
    new Notes(),
    lacks,
    own.time,
    own.log,
  )
  const parties = signingParties(attached.claims, legacy, known)
  return {
    policy,
    parties,
    certificates,
    claims: attached.claims.filter(
      (claim) => claim.subject !== null && parties.some(({ id }) => countsBy(claim, id, keys)),
    ),
    lackingIndex: isThere ? null : index,
    stray: attached.claims.find(({ subject }) => subject === null)?.manifest ?? null,
  }
}

/** Whether a runtime could take a manifest from an index that the store has. */
async function isListed(store: Store, index: Digest, manifest: Digest): Promise<boolean> {
  try {
    const { content } = await store.getManifest(index)
    const children = isIndex(content) ? await runnableChildren(store, index, content) : []
    return children.some(({ descriptor }) => descriptor.digest === manifest)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return false
  }
}

/** Provenance of SLSA before 1.0, which BuildKit and others still write. */
const olderProvenance = /^https:\/\/slsa\.dev\/provenance\/v0\.[12]$/

/** Builder id that a provenance names, of whatever tool; null for another statement. */
export function builderOf({ kind, predicateType, statement: { predicate } }: Claim): string | null {
  const details = kind === 'provenance' ? predicate['runDetails'] : predicate
  if (kind !== 'provenance' && !olderProvenance.test(predicateType)) return null
  const builder = isObject(details) ? details['builder'] : undefined
  const id = isObject(builder) ? textOf(builder['id'] ?? '') : ''
  return id === '' ? null : id
}
