import type { TdxStatus } from './status.ts'
import type { ComponentRule } from './tcb-level.ts'

/** What is accepted of a TD and its machine. Measurements are facts: the gate compares them with reference values. */
export interface TdxPolicy {
  statuses: readonly TdxStatus[]
  componentRule: ComponentRule
  /** Lowest tcbEvaluationDataNumber of TCB info and QE identity. */
  minimumEvaluation: number
  /** False accepts a TD whose memory can be taken away unseen (Azure's paravisor clears the bit). */
  requireSeptVeDisable: boolean
  /** True accepts a TD that may be moved to another machine. */
  acceptMigratable: boolean
  /** True accepts bytes behind the quote that are not zero. */
  acceptTrailingBytes: boolean
  /** Features that the TD may use, 16 hex digits, compared for equality; any where it is left out. */
  xfam?: string | undefined
  /** MRSEAM of admitted modules, hex; where left out, any that Intel lists and signed. */
  mrSeams?: readonly string[] | undefined
}

/** Applies where a policy is silent. */
export const strictPolicy: TdxPolicy = {
  statuses: ['UpToDate'],
  componentRule: 'intel',
  minimumEvaluation: 0,
  requireSeptVeDisable: true,
  acceptMigratable: false,
  acceptTrailingBytes: false,
}
