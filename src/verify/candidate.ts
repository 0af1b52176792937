import type { VerificationError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import type { ByteSource } from '../base/streams.ts'
import type { Image } from '../image/types.ts'
import type { LogHistory } from '../log/history.ts'
import type { JournalEvent } from '../journal/event.ts'
import type { Described } from '../sbom/scan.ts'
import type { Descriptor, Digest, Platform, Store } from '../oci/types.ts'
import type { ClaimKind } from '../statement/claims/types.ts'
import type { TeeVerdict } from '../tee/types.ts'
import type { VerifyContext } from '../tee/verify/verifier.ts'
import type { Evidence } from './evidence.ts'
import type { BrokenClaim, JobKey, Sighting } from './attached-types.ts'
import type { ForeignImage } from './foreign.ts'
import type { Notes } from './notes.ts'
import type { SignatureTime } from './signature-times.ts'
import type { Claim } from './statements.ts'
import type { CertificateSigners } from './certificate-signers.ts'
import type { Party } from './parties.ts'
import type { JudgedStatus } from './status/judge.ts'
import type { Acceptance } from './policy/accept.ts'
import type { Policy, ResolvedJob } from './policy/load.ts'

/** Opens one blob of an image as plain bytes; null where it stays encrypted. */
export type Opener = (descriptor: Descriptor) => Promise<ByteSource>

/** The image that is judged. */
export interface Subject {
  store: Store
  /** `…@DIGEST`, as the verdict shows it. */
  reference: string
  /** The manifest that is judged: of an index, one child. */
  descriptor: Descriptor
  /** Null when it could not be read; `error` then says why. */
  image: Image | null
  error: VerificationError | null
  /** Indexes on the way from what the caller named to this manifest, the named one first; empty where the manifest was named. */
  via: readonly Digest[]
  /** All manifests that a runtime could take from the named index; this one alone where a manifest was named. */
  siblings: readonly Digest[]
  /** Platform that the caller asked for: the configuration must be for it, whatever an index says. Null where none was asked for. */
  wanted: Platform | null
}

/** The key whose signatures count, and where it comes from. */
export interface GateKey {
  /** `evidence`: bound to a report; `release`: pinned by the policy alone (`signature-only`). */
  source: 'evidence' | 'release'
  /** Of a party without evidence: its id, as in `signers` of a claim. */
  pem: string
  /** RFC 7638 thumbprint for an evidence key, the SPKI hint for a release key, the name of an identity. */
  id: string
}

/** What earlier checks verified and later ones build on; null until then. */
export interface Found {
  journal: JournalEvent[] | null
  /** Number of events that the last seal covers. */
  sealed: number
  tee: TeeVerdict[] | null
  /** Name of the reference values that the reports have. */
  reference: string | null
  /** Claims of the verified token, or null for a self-asserted job. */
  claims: Record<string, JsonValue> | null
  /** Entries of the policy's `job` whose keys verify the token: claims are compared with these alone. */
  jobs?: readonly ResolvedJob[] | undefined
  /** What was fetched and counted, beside what the policy and the evidence hold; among the inputs of a verdict. */
  inputs?: { kind: string; digest: Digest }[] | undefined
  level: 'agent-exclusive' | 'machine-only' | null
  builderId: string | null
  plainDigest: string | null
  /** Where the policy has a section `publisher`: the image that others built. */
  foreign?: ForeignImage | undefined
  /** The earliest time that a pinned source states for the statement that points to this evidence, and so to its seal; null without one. */
  sealTime?: SignatureTime | null | undefined
  /** Nobody may rely on the verdict after this; absent where nothing limits it. */
  until?: Date | undefined
}

/** What is known of a candidate before its first step runs. @param known what does not come from a step */
export function nothingFound(known: Pick<Found, 'sealTime' | 'inputs'>): Found {
  return {
    journal: null,
    sealed: 0,
    tee: null,
    reference: null,
    claims: null,
    level: null,
    builderId: null,
    plainDigest: null,
    ...known,
  }
}

/** Everything that the checks of one candidate read (TRUST §5). */
export interface Gate {
  ports: Ports
  policy: Policy
  at: Date
  /** How evidence is verified: the policy's rules, and the collateral at hand. */
  context: VerifyContext
  /** Nonce that this verifier had issued to the job, or null. */
  nonce: string | null
  subject: Subject
  /** What the caller wants to find, so that a tag moved back is seen (TRUST §5.13). */
  expect?: { commit?: string | undefined; digest?: string | undefined } | undefined
  /** Tag that was asked for; null where a digest was. */
  tag?: string | null | undefined
  /** What is remembered of the log that the policy pins; absent where nobody remembers. */
  history?: LogHistory | undefined
  /** Statements by any key that may count: of a job whose evidence is attached, or a release key. */
  claims: readonly Claim[]
  /** Statements by such a key that cannot be read. */
  broken: readonly BrokenClaim[]
  /** What names this key or its evidence and was signed by somebody else. */
  sightings: readonly Sighting[]
  /** Claims of other parties that no key that counts signed: a manifest of each kind. */
  foreignClaims: ReadonlyMap<ClaimKind, Digest>
  /** What is attached and was ignored. */
  notes: Notes
  evidence: Evidence | null
  evidenceError: VerificationError | null
  /** Keys of jobs whose evidence is attached. */
  jobKeys: readonly JobKey[]
  /** Thumbprints of all keys that some evidence of this image is bound to. */
  evidenceKeys: readonly string[]
  key: GateKey | null
  /** Whether token and signature made this a candidate; of others only the reason is of interest. */
  counts: boolean
  /** Statements that the key signed over this image, or over the index that was named; nothing else counts. */
  mine: readonly Claim[]
  /** Statements that the key signed over something else. */
  elsewhere: readonly Claim[]
  /** Release keys and identities of the policy that signed the image. */
  parties: readonly Party[]
  /** Signatures by certificates: why those that do not count do not, and what those that count lack. */
  certificates: CertificateSigners
  /** Why this image cannot be looked into, or null. */
  sealedContent: string | null
  /** The line of the policy that accepts that. */
  sealedBy: Acceptance
  /** Reads every layer once, however many checks and candidates ask. */
  content: () => Promise<Described>
  /** What whoever the policy names says of the image's status and of its plain forms; read once, however many candidates ask. */
  status: (plain: readonly Digest[], foreign?: ForeignImage) => Promise<readonly JudgedStatus[]>
  found: Found
}
