import { readFile } from 'node:fs/promises'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { serveWorkers } from '../../agent/worker/launcher.ts'
import { workerEntry } from '../../agent/worker/start.ts'
import { InputError, InternalError } from '../../base/errors.ts'

/** Serves the root launcher of workers until it is told to end. */
export async function launcher(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string> }> {
  const entry = ports.env['SEALWRIGHT_AGENT_ENTRY']
  if (entry === undefined || entry === '') throw new InternalError('the door did not say where the agent program is')
  if (process.getuid?.() !== 0) {
    throw new InputError('unsupported', '`agent launcher` must run as root: it starts workers under another user', {
      subject: 'agent launcher',
      remedy: 'Start it as root at boot, or use sealwright-worker.socket of systemd (examples/runner).',
    })
  }
  const listen = inputs.path('listen')
  const agent = await user(inputs.text('agent-user'), 'agent-user')
  const worker = await user(inputs.text('worker-user'), 'worker-user')
  if (agent.uid === worker.uid) {
    throw new InputError('input-invalid', '`--worker-user`: workers would run as the agent does', {
      subject: 'worker-user',
      remedy: 'Name a user that nothing else runs as.',
    })
  }
  const close = await serveWorkers(
    {
      listen,
      agent,
      worker,
      directory: inputs.path('directory'),
      entry: workerEntry(entry),
    },
    ports,
  )
  ports.log.info(`workers are started for connections to ${listen}`)
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  close()
  return { outputs: { socket: listen } }
}

/** A user of the machine's own list. @throws InputError `input-invalid` */
async function user(name: string, option: string): Promise<{ uid: number; gid: number; home: string }> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const found = lines.find(([own]) => own === name)
  const [uid, gid] = [Number(found?.[2]), Number(found?.[3])]
  if (found !== undefined && Number.isInteger(uid) && Number.isInteger(gid) && uid !== 0)
    return { uid, gid, home: found[5] ?? '/' }
  throw new InputError('input-invalid', `\`--${option}\`: "${name}" is not an unprivileged user of this machine`, {
    subject: option,
    remedy: `Create it: useradd --system ${name}.`,
  })
}
