import type { JsonObject } from '../../base/json.ts'
import type { QuoteFacts, TpmLogFacts } from './tpm.ts'

/** What Azure's paravisor, its vTPM and the processor below state. */
export interface AzureFacts<Processor> extends TpmLogFacts {
  evidenceVersion: number
  hclVersion: number
  akUses: string[]
  /** As the paravisor wrote it. */
  vmConfiguration: JsonObject
  /** Hex; null for a paravisor that has no such member. */
  userData: string | null
  userDataBound: boolean
  /** The processor's own report; null where it cannot be read. */
  report: Processor | null
  /** The vTPM's quote; null where it cannot be read. */
  quote: QuoteFacts | null
}
