import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError, TransportError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import type { Technology } from '../base/technology.ts'
import { withLock } from '../oci/lock.ts'
import { agentClient } from './client.ts'
import { agentFileName, ensureState, readAgentFile, type AgentFile } from './files.ts'
import { jobMark, sameJob, type JobMark } from './job.ts'
import { replaceFile } from '../base/files.ts'
import { defaultChoice, type TeeChoice } from '../tee/choice.ts'
import { launch } from './launch.ts'
import { machineClient } from './machine/client.ts'
import type { AgentClient, AgentStatus } from './protocol.ts'

export interface SpawnOptions {
  /** Program to run: the bundle's stub `dist/agent/index.js`, or a source file. */
  entry: string
  /** State directory of the job. */
  directory: string
  technology: Technology | 'auto'
  nonce: string
  /** Seconds after which the agent ends by itself. */
  lifetime: number
  /** What the workflow chose of the TEE; without it every default. */
  tee?: Partial<TeeChoice> | undefined
  /** Socket of the machine's agent, which then starts the job's; without it the agent is a child of this process. */
  machineSocket?: string | null | undefined
}

export interface RunningAgent {
  client: AgentClient
  status: AgentStatus
  /** The job had one already. */
  reused: boolean
}

/**
 * Starts the agent of this job, as a process of its own or by the machine's agent, or finds the one that runs.
 *
 * @param start how an agent is started that is not the machine's: as a process, unless a test has it run in its own
 * @throws InputError `state-conflict` when another job's agent lives in this state; whatever kept the agent from starting
 */
export async function spawnAgent(options: SpawnOptions, ports: Ports, start = launch): Promise<RunningAgent> {
  await ensureState(options.directory)
  // Of two at once the second finds the agent of the first.
  return withLock(options.directory, ports, () => spawnLocked(options, ports, start))
}

async function spawnLocked(options: SpawnOptions, ports: Ports, start: typeof launch): Promise<RunningAgent> {
  const { directory } = options
  const mark = await jobMark(ports)
  const file = await readAgentFile(directory)
  if (file !== null) {
    const living = await contact(file, ports)
    if (living !== null && !sameJob(file, mark)) throw foreign(directory)
    if (living !== null) {
      if (options.technology !== 'auto' && options.technology !== living.status.technology) {
        throw new InputError('state-conflict', `this job's agent already runs with ${living.status.technology}`, {
          subject: 'technology',
          remedy: 'Set one technology for the whole job.',
        })
      }
      return { ...living, reused: true }
    }
    ports.log.info(`the agent ${file.pid} is dead and is replaced; what it had not sealed is lost`)
    await rm(join(directory, agentFileName), { force: true })
    // The machine's sockets are not ours to remove.
    await rm(file.socket, { force: true }).catch(() => {})
  }
  if (typeof options.machineSocket === 'string') return byMachine(options, options.machineSocket, mark, ports)
  const { file: started } = await start(ports, {
    directory,
    entry: options.entry,
    technology: options.technology,
    nonce: options.nonce,
    lifetime: options.lifetime,
    ...mark,
    environment: jobEnvironment(ports.env),
    tee: { ...defaultChoice, ...options.tee },
    machine: null,
  })
  const living = await contact(started, ports)
  if (living === null)
    throw new TransportError('agent-error', 'the agent started and does not answer', { subject: started.socket })
  return { ...living, reused: false }
}

/** The agent that an `agent.json` names, if it lives and is the one that wrote it. */
export async function contact(
  file: AgentFile,
  ports: Ports,
): Promise<{ client: AgentClient; status: AgentStatus } | null> {
  const client = agentClient(file.socket, ports)
  const status = await client.status().catch((error: unknown) => {
    if (error instanceof TransportError) return null
    throw error
  })
  return status === null || status.keyId !== file.keyId ? null : { client, status }
}

export function foreign(directory: string): InputError {
  return new InputError('state-conflict', `the agent in ${directory} belongs to another job`, {
    subject: directory,
    remedy:
      'Give each job a state directory of its own, or end that agent with "sealwright agent stop". All steps of a job need the same RUNNER_TRACKING_ID.',
  })
}

/** Has the machine's agent start this job's. It runs as another user, so that this side only keeps a note of where it is. */
async function byMachine(options: SpawnOptions, socket: string, mark: JobMark, ports: Ports): Promise<RunningAgent> {
  if ((options.tee?.tpmDevice ?? '') !== '') {
    throw new InputError('input-invalid', "the machine's agent chooses the TPM by itself", {
      subject: 'tpm-device',
      remedy: 'Leave `tpm-device` out, or set `agent-socket: none`.',
    })
  }
  const { file, reused } = await machineClient(socket, ports).start({
    nonce: options.nonce,
    lifetime: options.lifetime,
    ...mark,
    environment: jobEnvironment(ports.env),
  })
  const living = await contact(file, ports)
  if (living === null)
    throw new TransportError('agent-error', "the machine's agent started one that does not answer", {
      subject: file.socket,
      remedy: 'See that this user is in the group of the folder of sockets (sealwright runner self-test).',
    })
  if (options.technology !== 'auto' && options.technology !== living.status.technology) {
    throw new InputError('state-conflict', `this machine's agent works with ${living.status.technology}`, {
      subject: 'technology',
      remedy: 'Leave `technology` out, or name that one.',
    })
  }
  await replaceFile(join(options.directory, agentFileName), `${JSON.stringify(file)}\n`)
  return { ...living, reused }
}

/** Handed over by pipe, not by environment: `/proc` of the agent shows no token. */
function jobEnvironment(env: Ports['env']): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && /^(?:GITHUB_|ACTIONS_ID_TOKEN_REQUEST_)/.test(name)) found[name] = value
  }
  return found
}
