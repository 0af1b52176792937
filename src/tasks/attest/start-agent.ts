import { findMachineSocket } from '../../agent/machine/find-socket.ts'
import { fetchNonce, type Nonce } from '../../agent/nonce.ts'
import type { AgentStatus } from '../../agent/protocol.ts'
import { spawnAgent } from '../../agent/spawn.ts'
import { InternalError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import type { Technology } from '../../base/technology.ts'
import type { TeeChoice } from '../../tee/choice.ts'
import type { StepContext } from '../context.ts'

/** What a step asks of the agent that it starts. */
export interface AgentRequest {
  technology: Technology | 'auto'
  /** Who makes the reports fresh, as {@link fetchNonce} reads it. */
  nonce: string
  /** File of the key that a log's checkpoint must be signed by. */
  logKey: string | null
  kbsUrl: string | null
  /** What the collector is told of the TEE. */
  tee: TeeChoice
  /** Socket of the machine's agent; 'none' for an agent of this job's own, '' for whichever there is. */
  agentSocket: string
  /** Seconds. */
  lifetime: number
}

export interface StartedAgent {
  status: AgentStatus
  /** The job had an agent already. */
  reused: boolean
  /** The machine's agent started it, under another user. */
  machine: boolean
  nonce: Nonce
}

/**
 * Starts the agent of the job, or finds the one that runs.
 *
 * @throws InputError `no-agent`, `file-missing`, `state-conflict`; TransportError and VerificationError of the nonce's source
 */
export async function startAgent(request: AgentRequest, { ports, state }: StepContext): Promise<StartedAgent> {
  const entry = ports.env['SEALWRIGHT_AGENT_ENTRY']
  if (entry === undefined || entry === '') throw new InternalError('the door did not say where the agent program is')
  const { technology, kbsUrl, logKey, lifetime, tee } = request
  const key = logKey === null ? null : (await readNamedFile(logKey, 'log-key')).toString('utf8')
  const nonce = await fetchNonce({ nonce: request.nonce, kbsUrl, technology, logKey: key }, ports)
  const machineSocket = await findMachineSocket(request.agentSocket, ports)
  // A runner whose TPM is elsewhere says so itself, so that workflows need not know.
  const choice = { ...tee, tpmDevice: tee.tpmDevice || (ports.env['SEALWRIGHT_TPM_DEVICE'] ?? '') }
  const { status, reused } = await spawnAgent(
    { entry, directory: state.directory, technology, nonce: nonce.given, lifetime, tee: choice, machineSocket },
    ports,
  )
  return { status, reused, machine: machineSocket !== null, nonce }
}
