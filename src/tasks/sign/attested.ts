import type { AgentClient, AgentStatus } from '../../agent/protocol.ts'
import { sha256 } from '../../base/streams.ts'
import { jcs } from '../../encoding/jcs.ts'
import { evidenceMediaTypes } from '../../journal/evidence-bundle.ts'
import { evidenceLayers } from '../../journal/evidence-manifest.ts'
import { putArtifact } from '../../oci/artifact.ts'
import type { Descriptor } from '../../oci/types.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import type { Envelope } from '../../statement/types.ts'
import { keyedSigner, type KeyIdentity, type KeyServices, type StatementSigner } from './signer.ts'
import type { Published } from './source.ts'
import type { StatementWriter } from './writer.ts'

/** The agent and what its signatures are checked with. */
export interface Attested {
  client: AgentClient
  by: KeyIdentity
}

export async function agentIdentity(agent: AgentClient): Promise<KeyIdentity> {
  const { publicKeyPem } = await agent.status()
  return { name: 'agent', publicKeyPem, hint: loadPublicKey(publicKeyPem, 'agent key').hint }
}

/** The agent, for a statement that it has signed. */
export function signedBy({ by }: Attested, envelope: Envelope, services: KeyServices): StatementSigner {
  return keyedSigner(by, () => Promise.resolve(envelope), services)
}

/** Where statements go, and what their signatures get beside. */
export interface AttestedPlace {
  published: Pick<Published, 'store' | 'descriptor'>
  services: KeyServices
  writer: StatementWriter
}

/** Seals the journal, puts the raw evidence and signs the statement that points to it. */
export async function attachEvidence(
  agent: Attested,
  { published: { store, descriptor }, services, writer }: AttestedPlace,
): Promise<AgentStatus> {
  const { client } = agent
  const before = await store.referrers(descriptor.digest, evidenceMediaTypes.index)
  const sealed = await client.seal()
  const put = await putArtifact(store, {
    artifactType: evidenceMediaTypes.index,
    subject: descriptor,
    layers: evidenceLayers(sealed),
  })
  writer.receipts.push({
    kind: 'evidence-bundle',
    signer: null,
    payload: sha256(jcs(sealed.index)),
    manifest: put.digest,
    state: stateOf(put, before),
  })
  const signed = await client.statement({
    kind: 'evidence',
    subject: descriptor.digest,
    documents: {},
    evidence: {
      digest: put.digest,
      size: put.size,
      subject: { mediaType: descriptor.mediaType, size: descriptor.size },
    },
  })
  await writer.statement('evidence', signed.payload, signedBy(agent, signed.envelope, services))
  return client.status()
}

/** Whether an artifact was attached before. */
export function stateOf(put: Descriptor, before: readonly Descriptor[]): 'added' | 'present' {
  return before.some(({ digest }) => digest === put.digest) ? 'present' : 'added'
}
