import type { AgentStatus } from '../../agent/protocol.ts'
import type { CertificateIdentity } from '../../bundle/identity.ts'
import type { SigningServices } from '../../bundle/keyless/signing-config.ts'
import type { Digest } from '../../oci/types.ts'
import type { Published } from './source.ts'
import type { Receipt } from './writer.ts'

/** Whom the certificates of a run name, and the services that its signing configuration names. */
export interface KeylessSigning {
  identity: CertificateIdentity
  services: SigningServices
}

/** What a signing run gave. */
export interface SignAttestResult {
  published: Published
  identity: string
  /** All that is attached, with the manifest that it is attached to. */
  receipts: (Receipt & { subject: Digest })[]
  /** Manifests of an index that were not signed, because the agent's job did not make them. */
  left: Digest[]
  bundles: Buffer[]
  /** PEM of the key, if one signed, else of the agent; null where an identity alone signed. */
  publicKeyPem: string | null
  /** Null where nobody signed keyless. */
  keyless: KeylessSigning | null
  agent: AgentStatus | null
}
