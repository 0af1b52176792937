import { VerificationError, type ReasonCode } from '../base/errors.ts'
import { isWithin, windowText, type Window } from '../base/window.ts'
import { artifactOf, artifactOfDigest, type Artifact } from '../bundle/artifact.ts'
import { identityText, mismatch, readIdentity, unlikeRule, type CertificateIdentity } from '../bundle/identity.ts'
import { legacyBundle } from '../bundle/legacy.ts'
import { readBundle, type SealedBundle } from '../bundle/read.ts'
import { verifyBundle, type VerifiedBundle } from '../bundle/verify.ts'
import type { Digest } from '../oci/types.ts'
import type { FulcioClaims } from '../sign/certificate/claims.ts'
import type { SignedDocument } from '../sign/documents.ts'
import { describeKey } from '../sign/public-key.ts'
import type { FoundSignature, Place } from '../sign/find.ts'
import type { CertificateFit } from './assign-parties.ts'
import type { Acceptance } from './policy/accept.ts'
import type { Policy } from './policy/load.ts'
import { identityId } from './identity-id.ts'

/** A signature by a certificate that does not count, for the reason of a refusal. */
export interface CertificateSighting {
  manifest: Digest
  /** Whom the certificate names, as it says itself; null where that cannot be read. */
  who: string | null
  code: ReasonCode
  why: string
}

/** Largest bundle whose signer is told although the policy names no identity. */
const toldBytes = 1 << 20
/** What is kept of signatures that do not count. */
const keptSightings = 16

/** Verifies signatures by certificates with the trusted root and the identities of a policy (TRUST §6). */
export class CertificateSigners {
  /** Why the first of those that do not count do not. */
  readonly sightings: CertificateSighting[] = []
  /** Claims of the certificate of a party, by the party's id: of the first signature that counts. */
  readonly #claims = new Map<string, FulcioClaims>()
  readonly #policy: Pick<Policy, 'identities' | 'trustedRoot'>
  readonly #at: Date

  readonly #idOf: typeof identityId

  /** @param idOf what stands for an identity among signers, by its name */
  constructor(policy: Pick<Policy, 'identities' | 'trustedRoot'>, at: Date, idOf = identityId) {
    this.#policy = policy
    this.#idOf = idOf
    this.#at = at
  }

  /** Claims of the certificate of a party; empty for one that did not sign. */
  claimsOf(id: string): FulcioClaims {
    return this.#claims.get(id) ?? {}
  }

  /** The signature of a document over one of some digests, with the identities of the policy that it fits; null where it does not count. */
  signersOf(
    document: Pick<SignedDocument, 'bundle' | 'envelope'>,
    places: readonly Pick<Place, 'manifest' | 'legacy'>[],
    targets: readonly Digest[],
  ): CertificateFit | null {
    const { bundle, envelope } = document
    const legacy = places.find((place) => place.legacy !== null)
    if (bundle === null && legacy === undefined) return null
    const [place] = legacy === undefined ? places : [legacy]
    if (place === undefined) return null
    // Where nobody can count, a large document is not read a second time only to tell its signer.
    if (this.#policy.identities.length === 0 && (bundle?.length ?? 0) > toldBytes) return null
    const read = (): SealedBundle =>
      bundle === null && place.legacy !== null
        ? legacyBundle(place.legacy, { kind: 'envelope', envelope })
        : readBundle(bundle ?? Buffer.alloc(0))
    return this.#judge(place.manifest, read, targets.map(artifactOfDigest))
  }

  /** The same for cosign's older signature of an image, whose payload says which image is meant. */
  signersOfLegacy({ manifest, payload, signature, legacy }: FoundSignature): CertificateFit | null {
    if (legacy === null) return null
    const read = (): SealedBundle => legacyBundle(legacy, { kind: 'message', digest: null, signature })
    return this.#judge(manifest, read, [artifactOf(payload, 'the payload of the signature')])
  }

  #judge(manifest: Digest, read: () => SealedBundle, artifacts: readonly Artifact[]): CertificateFit | null {
    let bundle: SealedBundle | null = null
    try {
      bundle = read()
      const verified = this.#verify(bundle, artifacts)
      if (verified.signer.kind !== 'certificate' || bundle.material.kind !== 'certificate') return null
      const { identity } = verified.signer
      const ids = this.#fitting(verified).map(({ rule }) => this.#idOf(rule.name))
      for (const id of ids) if (!this.#claims.has(id)) this.#claims.set(id, identity.claims)
      const { leaf } = bundle.material
      const key = describeKey(leaf.key, leaf.name).pem
      const [at] = verified.times.map(({ time }) => time).toSorted((a, b) => a.getTime() - b.getTime())
      return { by: identityText(identity), key, ids, lacks: lackOf(verified), ...(at === undefined ? {} : { at }) }
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      if (this.sightings.length < keptSightings) {
        const identity = identityOf(bundle)
        const rules = this.#policy.identities.map(({ rule }) => rule)
        const isOther = error.code === 'identity-mismatch' && identity !== null && rules.length > 0
        this.sightings.push({
          manifest,
          who: identity === null ? null : identityText(identity),
          code: error.code,
          why: isOther ? mismatch(identity, rules) : error.message,
        })
      }
      return null
    }
  }

  /** Over the first digest that the statement speaks of: the image's, or that of the index that was named. */
  #verify(bundle: SealedBundle, artifacts: readonly Artifact[]): VerifiedBundle {
    const { trustedRoot, identities } = this.#policy
    if (trustedRoot === null || identities.length === 0)
      throw new VerificationError('identity-mismatch', 'the policy names no identity')
    let reason: VerificationError | null = null
    for (const artifact of artifacts) {
      try {
        const verified = verifyBundle(bundle, artifact, {
          signer: { kind: 'identity', rules: identities.map(({ rule }) => rule) },
          root: trustedRoot,
          // What is there has to hold; what is missing is judged by the steps, where the policy may accept it by name.
          entries: 0,
          certificateTimestamps: 0,
          now: this.#at,
        })
        return verified
      } catch (error) {
        if (!(error instanceof VerificationError)) throw error
        if (error.code !== 'subject-mismatch') throw error
        reason ??= error
      }
    }
    throw reason ?? new VerificationError('subject-mismatch', 'the signature is over nothing that was asked for')
  }

  /**
   * The identities that a signature fits. The window of an identity is compared with the proven time of the signature.
   *
   * @throws VerificationError `expired` where all of them count at other times
   */
  #fitting({ signer, times }: VerifiedBundle): Policy['identities'] {
    if (signer.kind !== 'certificate') return []
    const named = this.#policy.identities.filter(({ rule }) => unlikeRule(rule, signer.identity) === null)
    const outside = (window: Window): Date | undefined => times.find(({ time }) => !isWithin(window, time))?.time
    const fitting = named.filter(({ window }) => outside(window) === undefined)
    const [first] = named
    if (fitting.length > 0 || first === undefined) return fitting
    throw new VerificationError(
      'expired',
      `the identity ${first.rule.name} counts ${windowText(first.window)}, not at ${outside(first.window)?.toISOString() ?? ''}`,
    )
  }
}

function lackOf({ signer, entries }: VerifiedBundle): Acceptance[] {
  const lacks: Acceptance[] = []
  if (entries.length === 0) lacks.push('accept-unlogged-signature')
  if (signer.kind === 'certificate' && signer.certificateLogs.length === 0) lacks.push('accept-unlogged-certificate')
  return lacks
}

function identityOf(bundle: SealedBundle | null): CertificateIdentity | null {
  if (bundle?.material.kind !== 'certificate') return null
  try {
    return readIdentity(bundle.material.leaf)
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}
