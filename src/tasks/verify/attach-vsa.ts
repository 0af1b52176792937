import type { AgentClient } from '../../agent/protocol.ts'
import type { Ports } from '../../base/ports.ts'
import type { Digest, Store } from '../../oci/types.ts'
import type { KeySource } from '../../sign/signers/types.ts'
import { timeStamperFor } from '../sign/time-stamp.ts'
import type { Verdict } from '../../verify/types.ts'
import { signVsaByAgent, signVsaByKey } from '../../verify/vsa/sign.ts'

export interface VsaRequest {
  verdict: Verdict
  store: Store
  /** Signs where it is given: only over the verdict of its own worker. */
  agent: AgentClient | null
  key: KeySource | null
  /** Address of an RFC 3161 service that stamps the summary; null for none. */
  timestamp: URL | null
}

/** Has a passed verdict signed as a verification summary and attaches it; null where nothing is signed. */
export async function attachVsa(
  { verdict, store, agent, key, timestamp }: VsaRequest,
  ports: Ports,
): Promise<{ digest: Digest; publicKeyPem: string } | null> {
  const subject = await store.resolve({ digest: verdict.image.digest })
  if (subject === null || !verdict.verified) return null
  if (agent !== null) {
    const { publicKeyPem } = await agent.status()
    const stamper = await timeStamperFor(timestamp, agent, [publicKeyPem], ports)
    return { digest: await signVsaByAgent(agent, verdict, { store, subject }, { stamper }), publicKeyPem }
  }
  if (key === null) return null
  const { openSigner } = await import('../../sign/signers/open.ts')
  const signer = await openSigner(key, ports)
  const { publicKeyPem } = signer
  const stamper = await timeStamperFor(timestamp, null, [publicKeyPem], ports)
  const place = { store, subject }
  return { digest: await signVsaByKey(signer, verdict, place, ports.clock.now(), { stamper }), publicKeyPem }
}
