import type { VerificationError } from '../base/errors.ts'
import type { Digest } from '../oci/types.ts'
import type { ClaimKind } from '../statement/claims/types.ts'
import type { StatementKind } from '../statement/types.ts'
import type { Admission } from './admitted.ts'
import type { CertificateSigners } from './certificate-signers.ts'
import type { EvidenceHead } from './evidence.ts'
import type { Claim } from './statements.ts'

/** A job key with all evidence bundles that are bound to it. */
export interface JobKey {
  key: EvidenceHead['key']
  /** `iat` of the token in seconds, or null where token or `job` entry do not hold. */
  admitted: number | null
  /** The same by the jobs that may sign promotion records, which vouch for no image; null where none of them holds. */
  received: number | null
  /** Bundles and what their manifests name as subject. */
  heads: { manifest: Digest; subject: Digest }[]
}

/** A bundle that claims more than it proves: it names the key of a job, or points to its evidence, and somebody else signed it. */
export interface Sighting {
  manifest: Digest
  /** As its annotation says. */
  kind: StatementKind | null
  hint: string | null
  /** Hex digests of evidence that its payload names. */
  pointers: string[]
}

/** A statement that a key signed which may count, and that cannot be read. */
export interface BrokenClaim {
  manifest: Digest
  error: VerificationError
  signers: readonly string[]
}

/** What is attached to an image and may count; everything else is in the notes. */
export interface Attached {
  keys: JobKey[]
  /** Statements by one of these keys or by a release key. */
  claims: Claim[]
  broken: BrokenClaim[]
  /** A bounded number, to tell why what somebody attached does not help. */
  sightings: Sighting[]
  /** One manifest of each kind of claim that no key that counts signed, by what its annotation says. */
  foreignClaims: Map<ClaimKind, Digest>
}

/** Who signs promotion records beside keys: they count on these records, and on nothing else. Each is null where the policy names none. */
export interface Receivers {
  certificates: CertificateSigners | null
  admit: Admission | null
}

/** What a reader of an image knows to be missing still, beside what sealed journals name: for pinned keys, which have no journal. */
export type Lacks = (claims: readonly Claim[]) => Promise<boolean>
