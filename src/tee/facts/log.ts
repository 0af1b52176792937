import type { AaelRecord } from '../eventlog/aael.ts'
import type { Coverage } from '../eventlog/types.ts'

/** Size and SHA-256 (hex) of a variable's value. */
export interface VariableValue {
  size: number
  sha256: string
}

/** What an event's digest covers. The kind is ours: the log's own event type is a label that no digest covers. */
export type Measured =
  | { kind: 'variable'; guid: string; name: string; value: VariableValue }
  /** The digest covers the value of a variable, but not its name. */
  | { kind: 'value'; value: VariableValue }
  | { kind: 'separator'; separator: string }
  | { kind: 'aael'; aael: AaelRecord | 'malformed' }
  | { kind: 'text'; text: string }
  | { kind: 'version'; version: string }
  | { kind: 'bytes'; size: number }

/** One event of a log that was replayed to attested values. */
export interface EventFact {
  index: number
  /** PCR number; on TDX the index of the CCEL: 0 is MRTD, n is RTMR n-1. */
  register: number
  type: string
  /** Hex; null where the event has none of this bank. */
  digest: string | null
  extended: boolean
  covers: Coverage
  /** Null where the digest covers nothing of the data. */
  measured: Measured | null
}

/** A firmware log that leads to the attested registers. */
export interface LogFacts {
  events: EventFact[]
  /** Reasons why the log is ambiguous although it replays. */
  findings: string[]
}
