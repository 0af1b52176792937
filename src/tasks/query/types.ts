import type { Digest } from '../../oci/types.ts'

/** `invalid`: it cannot be read, is about something else, or claims a signer that counts and does not verify. */
export type RowVerdict = 'verified' | 'unverified' | 'invalid'

/** A period; null has no end on that side. */
export interface Period {
  readonly from: Date | null
  readonly to: Date | null
}

/** One image of a store, under all tags that the query named. */
export interface QueriedImage {
  readonly store: string
  readonly digest: Digest
  readonly tags: readonly string[]
}

/** One thing that is attached to an image. */
export interface QueryRow {
  readonly image: QueriedImage
  /** What it is attached to: the image, a member of it, or another attached manifest. */
  readonly subject: Digest
  readonly manifest: Digest
  /** `statement`, `signature` or `artifact`. */
  readonly kind: string
  readonly artifactType: string | null
  readonly predicateType: string | null
  readonly verdict: RowVerdict
  /** Why it is not verified; null for a verified row. */
  readonly why: string | null
  /** Proven signers of a verified row, else whom it names itself: hints of keys, names and issuers of certificates. */
  readonly signers: readonly string[]
  /** `trusted` where a source that the policy names vouches for it; else what the statement, or an annotation, says. */
  readonly time: { readonly at: Date; readonly by: 'trusted' | 'claimed' } | null
  /** Package URLs that the query asked for; null where it asked for none, or the SBOM could not be searched. */
  readonly packages: readonly string[] | null
  /** When the image was in production, by this statement. */
  readonly production: Period | null
  readonly notes: readonly string[]
}

/** What a statement is chosen by; empty lists and nulls choose all. */
export interface RowSelectors {
  readonly types: readonly string[]
  readonly predicates: readonly string[]
  readonly signers: readonly string[]
  readonly identities: readonly string[]
  readonly issuers: readonly string[]
  readonly verdicts: readonly RowVerdict[]
  readonly period: Period | null
  /** Only rows whose time is trusted. */
  readonly trustedTime: boolean
  readonly package: string | null
  /** Of each image, kind, verdict and signer. */
  readonly newest: number | null
}
