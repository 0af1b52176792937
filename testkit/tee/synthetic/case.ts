import type { Technology } from '../../../src/base/technology.ts'
import type { JsonValue } from '../../../src/base/json.ts'
import type { TeeVerdict } from '../../../src/tee/types.ts'

/** SYNTHETIC evidence with one fault, and the check that refuses it. Other checks pass, unless they meet the same fault again. */
export interface SyntheticCase {
  name: string
  technology: Technology
  expectedCheck: string
  /** Checks that meet the same fault on another path: a signer of two documents, say. */
  echoes?: readonly string[]
  /** A fact that tells which of several faults a check refused: a TCB status. */
  fact?: readonly [name: string, value: JsonValue]
  run(): TeeVerdict
}

export function failedChecks({ checks }: TeeVerdict): string[] {
  return checks.filter(({ ok }) => !ok).map(({ name }) => name)
}
