import type { Check } from '../base/check.ts'
import type { JsonObject } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import type { Technology } from '../base/technology.ts'
import type { FactsOf } from './facts/types.ts'

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
  /**
   * @param reportData exactly 48 bytes: SHA-384 of a binding (TRUST §2)
   * @param runtimeLog the register's own log so far, which travels as `runtime-log`; none where there is no register
   * @throws TransportError when the TEE does not answer
   */
  collect(reportData: Buffer, ports: Ports, runtimeLog?: Buffer): Promise<TeeEvidence>
  /** Opens the runtime register. Absent where the technology has none; null where this machine has none. */
  openRegister?(ports: Ports): Promise<RuntimeRegister | null>
}

/** A register that software extends and cannot set back (src/tee/register), open for one agent. */
export interface RuntimeRegister {
  /** As in `measured`: `pcr14`, `rtmr3`. */
  readonly name: string
  /** What was found in it at the opening that no boot log explains, in words: an agent that started before in this boot. */
  readonly warning: string | null
  /** Extends one record and adds it to the log. @throws TransportError when the hardware refuses */
  extend(record: RegisterRecord): Promise<void>
  /** What was extended through this value, in the form of the document `runtime-log`. */
  log(): Buffer
}

/** One named step of a verification, in the order of the specification it names. */
export type TeeCheck = Check

/** A register that software can extend and not set back, replayed from its first extension to the attested value. */
export interface RegisterVerdict {
  /** As in `measured`: `pcr14`, `rtmr3`. */
  name: string
  /** PCRs 16 and 23 can be set back by whoever has the device: for tests only. */
  resettable: boolean
  /** The agent's records in order (src/tee/register). */
  records: RegisterRecord[]
  /** What others extended, each in words; with its content only where the digest covers it. */
  foreign: string[]
}

/** One extension by the agent: `agent-start` (key thumbprint and job digest) or `journal` (head and count). Content is JCS text. */
export interface RegisterRecord {
  operation: string
  content: string
}

/** What a verification found, with the facts of one technology. */
export interface Judged<Facts> {
  status: 'verified' | 'refused'
  /** What the evidence states; null where it could not be read. A rule that needs a fact fails without it. */
  facts: Facts | null
  /**
   * What reference values are compared with, lower-case hex by a fixed name, only values that the hardware signed: `measurement`, `host-data`,
   * `id-key-digest`, `author-key-digest` (SNP), `mr-td`, `mr-config-id`, `mr-owner`, `mr-owner-config`, `rtmr0` … `rtmr3` (TDX), `pcr0` …
   * `pcr23` of the SHA-256 bank (TPM). Azure's have those of their hardware and of their vTPM.
   */
  measured: Record<string, string>
  /** The runtime register that the agent extends; null where the platform has none, or the evidence brings no log of it. */
  register: RegisterVerdict | null
  checks: TeeCheck[]
  /** Identifies the machine within one boot, for TRUST §5.4; null where the technology has none (`sample`). */
  machine: string | null
}

/** The verdict on evidence of one technology. */
export type VerdictOf<T extends Technology> = { technology: T } & Judged<FactsOf[T]>

/** A verdict on evidence: a union by `technology`, so that its facts are those of that technology. JSON only when written (src/tee/facts/json.ts). */
export type TeeVerdict = { [T in Technology]: VerdictOf<T> }[Technology]
