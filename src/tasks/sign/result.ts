import type { AgentStatus } from '../../agent/protocol.ts'
import type { Digest } from '../../oci/types.ts'
import type { Published } from './source.ts'
import type { Receipt } from './writer.ts'

/** What a signing run gave. */
export interface SignAttestResult {
  published: Published
  identity: string
  /** All that is attached, with the manifest that it is attached to. */
  receipts: (Receipt & { subject: Digest })[]
  /** Manifests of an index that were not signed, because the agent's job did not make them. */
  left: Digest[]
  bundles: Buffer[]
  /** PEM of the key, if one signed, else of the agent. */
  publicKeyPem: string
  agent: AgentStatus | null
}
