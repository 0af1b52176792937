import { TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { u16 } from './bytes.ts'
import { encodeCommand } from './command.ts'
import type { TpmTransport } from './transport.ts'
import { commandTimeoutMs } from './transport.ts'

/** Where tpm2-tools find the TPM (a daemon, a socket): set by the admin of a machine whose device this user may not open. */
const toolsVariable = 'TPM2TOOLS_TCTI'
/** tpm2-abrmd, whom a user may reach who may not open the device. Never the tools' own default, which ends with whoever listens on a port. */
const daemon = 'tabrmd:bus_type=system'
const probeTimeoutMs = 15_000

/** What tpm2-tools see of our environment. */
export function toolEnvironment({ env, roots }: Ports): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'DBUS_SYSTEM_BUS_ADDRESS']
  const given = kept.flatMap((name): [string, string][] => {
    const value = env[name]
    return value === undefined ? [] : [[name, value]]
  })
  return { TMPDIR: roots.temp, ...Object.fromEntries(given), [toolsVariable]: interfaceOf(env) }
}

function interfaceOf(env: Ports['env']): string {
  const given = env[toolsVariable] ?? ''
  return given === '' ? daemon : given
}

/**
 * True where tpm2-tools reach a TPM: by the way that the admin named, else by the daemon. Asked with TPM2_GetRandom.
 *
 * @param deviceExists the machine has the device, and only the right to it is missing; without it the daemon has none either
 */
export async function hasTools(ports: Ports, deviceExists: boolean): Promise<boolean> {
  if (!deviceExists && (ports.env[toolsVariable] ?? '') === '') return false
  if ((await ports.exec.find('tpm2_send')) === null) return false
  const input = encodeCommand({ name: 'GetRandom', parameters: u16(4) })
  const options = { input, env: toolEnvironment(ports), timeoutMs: probeTimeoutMs, allowFailure: true }
  const answer = await ports.exec.run('tpm2_send', [], options).catch((error: unknown) => {
    if (error instanceof TransportError) return null
    throw error
  })
  return answer?.code === 0 && answer.stdout.length === 16
}

/**
 * Single commands by `tpm2_send`, which takes a command as it is. A resource manager forgets keys and sessions after each, so that this
 * serves only commands that need none: PCRs, NV indices, capabilities, persistent keys.
 */
export function toolTransport(ports: Ports): TpmTransport {
  return {
    name: `tpm2-tools (${interfaceOf(ports.env)})`,
    exchange: async (command) => {
      const options = { input: command, env: toolEnvironment(ports), timeoutMs: commandTimeoutMs }
      return (await ports.exec.run('tpm2_send', [], options)).stdout
    },
    close: async () => {},
  }
}
