import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { failureOf, type Sandbox } from '../sandbox/open.ts'
import { inside } from '../sandbox/types.ts'

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

/** Folders of one pass, outside. */
export interface PassFolders {
  /** Name that the pass's folder has inside as well, so that what depends on a path shows. */
  name: string
  context: string
  home: string
  temp: string
}

/** Environment of foreign steps inside the sandbox, beside PATH and HOME. */
export function stepEnvironment(epoch: number, around: Surroundings): Record<string, string> {
  return { LANG: 'C.UTF-8', TZ: around.timezone, SOURCE_DATE_EPOCH: String(epoch) }
}

/**
 * Runs the `prepare` command with `sh -c` in the copy of the context, in the sandbox (TRUST §4): what it starts ends with it.
 *
 * @throws InputError `input-invalid` when it fails: the command is the author's
 */
export async function runPrepare(
  command: string,
  folders: PassFolders,
  env: Record<string, string>,
  around: Surroundings,
  sandbox: Sandbox,
  ports: Ports,
): Promise<void> {
  const context = `/build/${folders.name}/context`
  const done = await sandbox.run({
    command: ['/bin/sh', '-c', command],
    as: 'user',
    cwd: context,
    env,
    umask: around.umask,
    programs: 'job',
    shared: [
      { from: folders.context, at: context, as: 'own' },
      { from: folders.home, at: inside.home, as: 'own' },
      { from: folders.temp, at: '/tmp', as: 'own' },
      { from: folders.temp, at: '/var/tmp', as: 'own' },
    ],
    onLine: (line) => ports.log.progress(`prepare: ${line}`),
  })
  if (done.code === 0) return
  const cause = failureOf('sh', done)
  throw new InputError('input-invalid', `the prepare command failed: ${cause.message}`, {
    subject: 'prepare',
    cause,
    remedy: `${networkHint(sandbox.network)}Run it by hand in a fresh checkout: it sees /usr, the tool cache, folders of PATH and the context, an empty HOME, and no variables of the workflow.`,
  })
}

/** What a failed step may have lacked. */
export function networkHint(network: 'none' | 'default'): string {
  return network === 'none' ? 'It ran without a network. If it needs one, set `network: default`. ' : ''
}
