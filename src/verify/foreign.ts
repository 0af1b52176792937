import type { JournalEvent } from '../journal/event.ts'
import type { Digest } from '../oci/types.ts'
import type { CertificateSigners } from './certificate-signers.ts'
import type { Party } from './parties.ts'
import type { Policy } from './policy/load.ts'
import type { Claim } from './statements.ts'

/** What the publisher of an image says of it, beside the statements of the job that admitted it. */
export interface PublisherWord {
  /** The gate's policy with the publisher's keys and identities in place of its own. */
  policy: Policy
  /** Keys and identities of the publisher that signed the plain image. */
  parties: readonly Party[]
  certificates: CertificateSigners
  /** Statements about the plain image by one of these parties. */
  claims: readonly Claim[]
  /** The index through which the job reached the image, where the store lacks it: a signature of it cannot count. */
  lackingIndex: Digest | null
  /** A manifest with a statement of the publisher's about something else; null where there is none. */
  stray: Digest | null
}

/** An image that others built, as far as it was verified. */
export interface ForeignImage {
  plain: Digest
  /** The verification that admitted it; null where none counts. */
  admission: JournalEvent | null
  word: PublisherWord | null
  /** Who of the publisher signed it, in words; null for nobody. */
  signers: string | null
  /** Builder id of the publisher's provenance; null where none counts. */
  builder: string | null
}
