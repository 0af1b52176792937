import { VerificationError } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import { jcs } from '../encoding/jcs.ts'
import type { Digest } from '../oci/types.ts'
import type { PredicateOf } from './schemas/predicate.ts'

/** Classes of a target: dependencies that builds consume, or evidence that is kept for good. */
export const promotionClasses = ['golden', 'archive'] as const
export type PromotionClass = (typeof promotionClasses)[number]

/** Where an image lies: the name of the repository (`localhost/FOLDER` for an OCI layout) and the tag. */
export interface PromotionPlace {
  readonly name: string
  readonly tag: string | null
}

/** One manifest that was attached to the image at the source. */
export interface PromotedItem {
  readonly digest: Digest
  /** Predicate type, artifact type, or the kind of manifest. */
  readonly type: string
}

/** What happened, as far as whoever promoted did it: everything but the time and who signs. */
export interface PromotionFacts {
  readonly from: PromotionPlace
  readonly to: PromotionPlace
  /** What the receiver allows the image for; null where it says nothing. */
  readonly environment: string | null
  readonly class: PromotionClass | null
  /** Manifests of the publisher's statements that the receiver replaces by its own. */
  readonly supersedes: readonly Digest[]
  readonly copied: readonly PromotedItem[]
  readonly left: readonly (PromotedItem & { readonly reason: string })[]
}

/** What of a verdict goes into a record; a `Verdict` has these members. */
export interface PromotionVerdict {
  readonly verified: boolean
  readonly image: { readonly digest: Digest }
  readonly policy: { readonly digest: Digest }
  readonly builder: { readonly id: string }
  readonly keys: readonly string[]
  readonly exceptions: readonly string[]
}

/**
 * Predicate of a promotion record: the receiver verified the image by a policy and copied it to another place.
 *
 * @param verdictDigest SHA-256 of the verdict's RFC 8785 form
 * @throws VerificationError `denied` for a refused verdict: a copy of a refused image is never recorded (TRUST §4)
 */
export function promotionPredicate(
  facts: PromotionFacts,
  verdict: PromotionVerdict,
  verdictDigest: Digest,
  at: Date,
): JsonObject {
  const { from, to, environment, supersedes, copied, left } = facts
  if (!verdict.verified)
    throw new VerificationError('denied', 'a refused image gets no promotion record', {
      subject: verdict.image.digest,
    })
  return {
    promotedOn: `${at.toISOString().slice(0, 19)}Z`,
    from: placeOf(from),
    to: placeOf(to),
    policy: { digest: verdict.policy.digest },
    verdict: {
      digest: verdictDigest,
      builder: verdict.builder.id,
      signers: [...verdict.keys],
      exceptions: [...verdict.exceptions],
    },
    copied: copied.map(({ digest, type }) => ({ digest, type })),
    leftBehind: left.map(({ digest, type, reason }) => ({ digest, type, reason })),
    environment,
    class: facts.class,
    supersedes: [...supersedes],
  }
}

/** The facts that a record was made of: what the `promote` event of its job names by the digest of their RFC 8785 form. */
export function factsOfRecord({
  from,
  to,
  environment,
  class: kind,
  supersedes = [],
  copied = [],
  leftBehind = [],
}: PredicateOf<'promotion'>): JsonObject {
  const place = ({ name, tag }: PredicateOf<'promotion'>['from']): JsonObject => ({ name, tag: tag ?? null })
  return {
    from: place(from),
    to: place(to),
    environment: environment ?? null,
    class: kind ?? null,
    supersedes: [...supersedes],
    copied: copied.map(({ digest, type }) => ({ digest, type })),
    left: leftBehind.map(({ digest, type, reason }) => ({ digest, type, reason })),
  }
}

/** What two records of one promotion have in common: all but the time, and the words of the verdict, which ages change. */
export function promotionIdentity(predicate: PredicateOf<'promotion'>): Buffer {
  const { promotedOn: _made, verdict, ...rest } = predicate
  const { builder, signers, exceptions } = verdict
  return jcs({ ...rest, verdict: { builder, signers, exceptions } })
}

function placeOf({ name, tag }: PromotionPlace): JsonObject {
  return tag === null ? { name } : { name, tag }
}
