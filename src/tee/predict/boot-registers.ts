import type { PcrEvent } from '../measure/pcr.ts'
import type { ReferenceRow } from '../reference/values.ts'
import type { RecordedInputs } from './files.ts'
import type { Note } from './prediction.ts'

/** Events of the PCRs that one kind of boot decides. */
export interface BootRegisters {
  /** Name of the main file. */
  readonly name: string
  readonly inputs: RecordedInputs
  /** One entry for each machine shape, with events by register: `pcr4` and so on. */
  readonly shapes: readonly { readonly shape: ReferenceRow['shape']; readonly registers: Registers }[]
  readonly notes: readonly Note[]
}

/** Events by register. */
export type Registers = Readonly<Record<string, readonly PcrEvent[]>>
