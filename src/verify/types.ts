import type { ReasonCode } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { Digest } from '../oci/types.ts'

/** One check of the gate, in the order of TRUST §5. */
export interface Check {
  /** Stable id, e.g. `evidence.binding`. */
  id: string
  /** Where the rule stands, e.g. `TRUST §5.3`. */
  clause: string
  status: 'passed' | 'failed' | 'accepted' | 'skipped'
  /** Why it failed, or what the policy accepted. */
  reason: ReasonCode | null
  /** One sentence for the reader, with the values that were compared. */
  why: string
  subject: string | null
}

/** What the gate returns: data, never a thrown refusal. Stored in JCS form. */
export interface Verdict {
  v: 1
  verified: boolean
  /** Reasons of all failed checks, first failure first, without repeats. */
  reasons: ReasonCode[]
  image: {
    /** What was verified, by digest: the index that was named where all its children passed, else one manifest. */
    reference: string
    digest: Digest
    plainDigest: Digest | null
    configDigest: Digest | null
    /** The manifests that a runtime could take from an index, each with its own verdict; absent for a single manifest. */
    children?: {
      digest: Digest
      platform: string
      verified: boolean
      reasons: ReasonCode[]
      /** Job of each, which need not be the same. */
      job: Verdict['job']
    }[]
  }
  policy: { digest: Digest }
  /** Of an image that others built, `id` is the publisher's word (`origin.builder`); `technology` and `level` are those of the evidence. */
  builder: { id: string; technology: string | null; level: string | null }
  /** Only for an image that others built (TRUST §4): who built it, and what admitted it. */
  origin?:
    | {
        /** The image that the publisher signed; null for an index, whose manifests have one each. */
        plain: Digest | null
        /** Builder id of the publisher's own provenance; null where none counts. */
        builder: string | null
        /** Keys and identities of the publisher that signed the plain image, in words; null for nobody. */
        signers: string | null
        /** Policy of the verification that admitted it, and the builder id of the machine of that job. */
        admitted: { policy: Digest | null; builder: string }
      }
    | undefined
  /** What the hardware's reports say of the machine; null where none was verified, and for sample evidence. */
  machine: {
    /** One machine in one boot, as far as its technology tells it. */
    id: string | null
    /** Chip id or PPID; null where it is masked or there is none. */
    chip: string | null
    /** Facts that say how good the machine is, e.g. `tcb-status`, `advisories`, `softwareTpm`. */
    status: Record<string, JsonValue>
    measured: Record<string, string>
    /** Name of the reference values that it has. */
    reference: string | null
    register: {
      name: string
      resettable: boolean
      records: { operation: string; content: string }[]
      foreign: string[]
    } | null
  } | null
  job: { assurance: string | null; claims: Record<string, JsonValue>; instance: string | null; digest: Digest | null }
  /** Relaxations of the policy that this verdict needed, by name (`accept-…`). */
  exceptions: string[]
  checks: Check[]
  /** What is attached and was ignored, one line a kind: it neither helps nor hurts. */
  notes: string[]
  /** Digests of the statements and evidence that were used, for the VSA. */
  inputs: { kind: string; digest: Digest }[]
  /** RFC 3339 UTC: a summary of this verdict holds no longer, because what it rests on ends then. Absent where nothing limits it. */
  until?: string
  /** Key thumbprints (RFC 7638) or hints of the signers of what was used. */
  keys: string[]
}
