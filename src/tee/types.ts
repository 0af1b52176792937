import type { JsonObject, JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import type { Technology } from '../base/technology.ts'

/** What a TEE gave for 48 bytes of report data. Stored in JCS form, so all numbers in it are integers. */
export interface TeeEvidence {
  technology: Technology
  /** The primary evidence in the JSON form that Trustee's verifier for this technology takes (coco.md §7.2). */
  evidence: JsonObject
  /** Other documents, base64, by name: `tsm-outblob`, `tsm-auxblob`, `ccel`, `ima-log`, `tcg-event-log` … */
  documents: Record<string, string>
}

/** Takes evidence from one kind of TEE. SNP, TDX and TPM fill the same interface. */
export interface Collector {
  readonly technology: Technology
  /** Null when evidence can be had here; otherwise what is missing (a device, a kernel option, a group) in one sentence. */
  missing(ports: Ports): Promise<string | null>
  /** @param reportData exactly 48 bytes: SHA-384 of a binding (TRUST §2). @throws TransportError when the TEE does not answer */
  collect(reportData: Buffer, ports: Ports): Promise<TeeEvidence>
}

/** One named step of a verification, in the order of the specification it names. */
export interface TeeCheck {
  name: string
  ok: boolean
  why: string
}

export interface TeeVerdict {
  technology: Technology
  status: 'verified' | 'refused'
  /** What the hardware said, each value with its own name; nothing here comes from the job. */
  facts: Record<string, JsonValue>
  checks: TeeCheck[]
  /** Identifies the machine within one boot, for TRUST §5.4; null where the technology has none (`sample`). */
  machine: string | null
}

/** Checks evidence of one technology against its 48 bytes of report data. */
export interface TeeVerifier {
  readonly technology: Technology
  verify(evidence: TeeEvidence, reportData: Buffer, at: Date): TeeVerdict
}
