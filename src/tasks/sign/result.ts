import type { AgentStatus } from '../../agent/protocol.ts'
import type { Published } from './source.ts'
import type { Receipt } from './writer.ts'

/** What a signing run gave. */
export interface SignAttestResult {
  published: Published
  identity: string
  receipts: Receipt[]
  bundles: Buffer[]
  /** PEM of the key, if one signed, else of the agent. */
  publicKeyPem: string
  agent: AgentStatus | null
}
