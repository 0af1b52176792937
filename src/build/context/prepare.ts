import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError, TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'

/** What the network needs to be reached; everything else of our environment stays out. */
const passed = [
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
  ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
]

/** How a pass differs on purpose, so that what depends on it shows. */
export interface Surroundings {
  umask: string
  timezone: string
  jobs: number
}

/** Environment for programs that work on the context: no token, no input, no socket of the agent, no home of the user. */
export async function cleanEnvironment(
  ports: Ports,
  workdir: string,
  epoch: number,
  around: Surroundings,
): Promise<Record<string, string>> {
  const home = join(workdir, 'home')
  const temp = join(workdir, 'tmp')
  await mkdir(home, { recursive: true, mode: 0o700 })
  await mkdir(temp, { recursive: true, mode: 0o700 })
  const env: Record<string, string> = {
    PATH: ports.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: home,
    TMPDIR: temp,
    LANG: 'C.UTF-8',
    TZ: around.timezone,
    SOURCE_DATE_EPOCH: String(epoch),
  }
  for (const name of passed) {
    const value = ports.env[name]
    if (value !== undefined && value !== '') env[name] = value
  }
  return env
}

/**
 * Runs the `prepare` command with `sh -c` in the copy of the context.
 *
 * @throws InputError `input-invalid` when it fails: the command is the author's
 */
export async function runPrepare(
  command: string,
  context: string,
  env: Record<string, string>,
  around: Surroundings,
  ports: Ports,
): Promise<void> {
  const script = `umask ${around.umask}\n${command}`
  try {
    await ports.exec.run('sh', ['-c', script], {
      cwd: context,
      env,
      onLine: (line) => ports.log.progress(`prepare: ${line}`),
    })
  } catch (cause) {
    if (!(cause instanceof TransportError)) throw cause
    throw new InputError('input-invalid', `the prepare command failed: ${cause.message}`, {
      subject: 'prepare',
      cause,
      remedy:
        'Run it by hand in a fresh checkout: it sees an empty HOME and no variables of the workflow, only PATH, LANG, TZ, proxies and SOURCE_DATE_EPOCH.',
    })
  }
}
