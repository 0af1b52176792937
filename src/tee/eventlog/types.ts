import type { BankHash } from './hashes.ts'

/** How an event's data is tied to what was measured; without a tie the data is a label that anybody could write. */
export type Coverage =
  /** The digest is the hash of the whole data. */
  | 'data'
  /** The digest is the hash of the value inside a UEFI_VARIABLE_DATA; name and GUID beside it are labels. */
  | 'variable-value'
  | 'none'

export interface LogEvent {
  /** Place in the log; the specification event has none. */
  index: number
  /** Byte at which the record begins. */
  offset: number
  /** PCR of a TPM log; measurement register of a CCEL (0 is MRTD, n is RTMR n-1). */
  register: number
  /** TCG event type. No digest covers it: the same measured bytes under another type replay equally. */
  type: number
  typeName: string
  digests: ReadonlyMap<BankHash, Buffer>
  /** View of the log. Trusted only as far as {@link coverage} says. */
  data: Buffer
  /** False for EV_NO_ACTION, which is recorded but not measured. */
  extended: boolean
}

/** A crypto-agile log (TCG PC Client Platform Firmware Profile §10), of a TPM or a CCEL. */
export interface EventLog {
  /** Hash algorithms of the specification event that we can replay. */
  banks: BankHash[]
  events: LogEvent[]
  /** Locality of TPM2_Startup as recorded; 0 when nothing is. It is the last byte that PCR 0 begins with. */
  startupLocality: number
  /** Bytes read; what follows in a CCEL area is padding. */
  bytes: number
}
