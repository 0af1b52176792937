import type { Bank } from '../measure/pe.ts'
import { securePcr7 } from '../measure/secure-boot.ts'
import { parseVariableStore } from '../measure/variable-store.ts'
import type { Registers } from './boot-registers.ts'
import { recordedFile, type NamedFile, type RecordedInputs } from './files.ts'

/** States of Secure Boot that can be predicted: `off`, or `absent` where the firmware is built without it. */
export const secureBootStates = ['absent', 'off'] as const
export type SecureBootState = (typeof secureBootStates)[number]

/** A machine with Secure Boot off and without shim. */
export interface SecureBoot {
  readonly state: SecureBootState
  /** OVMF variable store; null for a machine without any keys. */
  readonly vars: NamedFile | null
}

/** Data of the variable SecureBoot (UEFI 2.10 §3.3): one zero byte where it is off, none where the firmware is built without it. */
export function secureBootValue(state: SecureBootState): Buffer {
  return Buffer.alloc(state === 'off' ? 1 : 0)
}

/**
 * Events of PCR 7 with Secure Boot off (TCG PC Client firmware profile §3.3.4.8). With Secure Boot on, PCR 7 also holds the key that vouched for
 * each image.
 *
 * @throws VerificationError `format-invalid` for a file that is not a variable store, and for databases whose measurement is not known
 */
export function secureBootRegisters(
  { state, vars }: SecureBoot,
  bank: Bank,
): { registers: Registers; inputs: RecordedInputs } {
  const store = vars === null ? null : parseVariableStore(vars.bytes, vars.name)
  return {
    registers: { pcr7: securePcr7(store, bank, secureBootValue(state)) },
    inputs: vars === null ? {} : { 'vars-file': recordedFile(vars) },
  }
}
