import type { Ports } from '../../base/ports.ts'
import type { TpmTransport } from './transport.ts'
import { commandTimeoutMs } from './transport.ts'

/** Where tpm2-tools find the TPM (a daemon, a socket): set by the admin of a machine whose device this user may not open. */
export const toolsVariable = 'TPM2TOOLS_TCTI'

/** What tpm2-tools see of our environment. */
export function toolEnvironment({ env, roots }: Ports): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'DBUS_SYSTEM_BUS_ADDRESS', toolsVariable]
  const given = kept.flatMap((name): [string, string][] => {
    const value = env[name]
    return value === undefined ? [] : [[name, value]]
  })
  return { TMPDIR: roots.temp, ...Object.fromEntries(given) }
}

/** True where the admin named a TPM for tpm2-tools, and the tools are there. */
export async function hasTools(ports: Ports): Promise<boolean> {
  return (ports.env[toolsVariable] ?? '') !== '' && (await ports.exec.find('tpm2_send')) !== null
}

/**
 * Single commands by `tpm2_send`, which takes a command as it is. A resource manager forgets keys and sessions after each, so that this
 * serves only commands that need none: PCRs, NV indices, capabilities, persistent keys.
 */
export function toolTransport(ports: Ports): TpmTransport {
  return {
    name: `tpm2-tools (${ports.env[toolsVariable] ?? ''})`,
    exchange: async (command) => {
      const options = { input: command, env: toolEnvironment(ports), timeoutMs: commandTimeoutMs }
      return (await ports.exec.run('tpm2_send', [], options)).stdout
    },
    close: async () => {},
  }
}
