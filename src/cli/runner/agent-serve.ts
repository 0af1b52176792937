import { dirname, join } from 'node:path'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { defaultMachineSocket } from '../../agent/machine/protocol.ts'
import type { Listen } from '../../agent/socket-server.ts'
import { InputError, InternalError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { technologies } from '../../base/technology.ts'

/** Serves the machine's agent until it is told to end. */
export async function agentServe(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string> }> {
  const entry = ports.env['SEALWRIGHT_AGENT_ENTRY']
  if (entry === undefined || entry === '') throw new InternalError('the door did not say where the agent program is')
  const socket = inputs.text('socket') === '' ? defaultMachineSocket : inputs.path('socket')
  const listen = listenOn(socket, ports)
  const { Supervisor } = await import('../../agent/machine/supervisor.ts')
  const supervisor = await Supervisor.start(
    {
      entry,
      listen,
      sockets: inputs.text('sockets') === '' ? join(dirname(socket), 'jobs') : inputs.path('sockets'),
      directory: inputs.text('directory') === '' ? '/var/lib/sealwright' : inputs.path('directory'),
      technology: inputs.choice('technology', ['auto', ...technologies]),
      tee: {
        tpmDevice: inputs.text('tpm-device'),
        register: inputs.text('tpm-register'),
        tpmKey: inputs.choice('tpm-key', ['', 'ecc', 'rsa']),
        akActivation: inputs.text('ak-activation') === '' ? '' : inputs.path('ak-activation'),
        collateral: inputs.text('collateral') === '' ? '' : inputs.path('collateral'),
      },
      workers: inputs.text('workers') === '' ? '' : inputs.path('workers'),
      source: inputs.choice('source', ['download', 'image']),
      lifetime: inputs.integer('lifetime', 60, 86_400),
    },
    ports,
  )
  ports.log.info(`the machine's agent listens on ${'fd' in listen ? 'the socket of systemd' : listen.path}`)
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  await supervisor.close()
  return { outputs: { socket } }
}

/** A descriptor that systemd opened (sd_listen_fds(3)): the path then is root's, and no job's user can put another socket there. */
function listenOn(path: string, { env }: Ports): Listen {
  if (env['LISTEN_PID'] !== String(process.pid)) return { path, mode: 0o660 }
  if (env['LISTEN_FDS'] === '1') return { fd: 3 }
  throw new InputError('input-invalid', `systemd gave ${env['LISTEN_FDS'] ?? 'no'} sockets, not one`, {
    subject: 'socket',
    remedy: 'Write one ListenStream= into the socket unit.',
  })
}
