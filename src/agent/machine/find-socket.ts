import { stat } from 'node:fs/promises'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { defaultMachineSocket } from './protocol.ts'

/**
 * The socket of the machine's agent: the input, else what the job-started hook exported, else the default place where there is one.
 *
 * @param given the input: a path, `none` for no such agent, '' for whichever there is
 * @returns its path; null where the job's agent is to be a child of its step
 * @throws InputError `no-agent` where one was named and is not there: a job must not fall back to an agent that proves less
 */
export async function findMachineSocket(given: string, ports: Ports): Promise<string | null> {
  if (given === 'none') return null
  const named = given === '' ? (ports.env['SEALWRIGHT_AGENT_SOCKET'] ?? '') : given
  const path = named === '' ? defaultMachineSocket : named
  const found = await stat(path).catch(() => null)
  if (found?.isSocket() === true) return path
  if (named === '') return null
  throw new InputError('no-agent', `${path} is no socket of the machine's agent`, {
    subject: 'agent-socket',
    remedy: 'Start it (systemctl start sealwright-agent.socket), or set `agent-socket: none`.',
  })
}
