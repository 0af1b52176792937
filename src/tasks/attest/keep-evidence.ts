import { parseJson } from '../../base/json.ts'
import { sha256 } from '../../base/streams.ts'
import { writeFile } from '../../base/write-file.ts'
import { jcs } from '../../encoding/jcs.ts'
import type { Digest } from '../../oci/types.ts'
import type { StepContext } from '../context.ts'
import type { EarFinding } from './findings.ts'
import type { StartedAgent } from './start-agent.ts'
import type { AttestResult } from './task.ts'

export interface KeptEvidence {
  /** File of the binding and its evidence, as canonical JSON. */
  evidencePath: string
  /** Digest of that file. */
  digest: Digest
  publicKeyPath: string
}

/** Writes what set-up found into the state directory, for later steps and for artifacts: evidence, public key, tokens and the log's checkpoint. */
export async function keepEvidence(
  report: Pick<AttestResult, 'binding' | 'evidence'>,
  ears: readonly EarFinding[],
  { status, nonce }: Pick<StartedAgent, 'status' | 'nonce'>,
  { state }: StepContext,
): Promise<KeptEvidence> {
  const keep = async (name: string, bytes: string | Buffer): Promise<string> => {
    const path = await state.path(name)
    await writeFile(path, bytes)
    return path
  }
  const member = (name: 'binding' | 'evidence') => parseJson(Buffer.from(report[name], 'base64').toString('utf8'), name)
  const document = jcs({ binding: member('binding'), evidence: member('evidence') })
  const evidencePath = await keep('evidence.json', document)
  const publicKeyPath = await keep('agent.pub', status.publicKeyPem)
  const [ear, second] = ears
  if (ear !== undefined) await keep('ear.jwt', ear.jwt)
  if (second !== undefined) await keep('ear-kbs.jwt', second.jwt)
  if (nonce.checkpoint !== null) await keep('nonce-checkpoint.txt', nonce.checkpoint)
  return { evidencePath, digest: sha256(document), publicKeyPath }
}
