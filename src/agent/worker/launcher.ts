import { spawn, type ChildProcess } from 'node:child_process'
import { chmod, chown, lstat, mkdir, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { inheritedBy } from '../environment.ts'

export interface LauncherOptions {
  /** Path of the socket. */
  listen: string
  /** Who may connect: the machine's agent. */
  agent: { uid: number; gid: number }
  /** Who workers run as. */
  worker: { uid: number; gid: number; home: string }
  /** Folder of the workers alone. */
  directory: string
  /** Program of a worker. */
  entry: string
}

/** The longest life of a worker, as that of a job's agent: 6 hours. */
const longestMs = 6 * 3600 * 1000

/**
 * The root launcher of workers, for guests without systemd (TRUST §4). For each connection it starts one worker under the workers' user, in a
 * PID namespace of its own, with the connection as its standard input and output. It reads no byte of what is sent and keeps no end of the
 * connection: a worker ends when the agent closes it, and with the worker all that it started.
 *
 * @returns closes the socket and ends every worker
 * @throws InputError `file-invalid` where others than root and the agent could put another socket into its place
 */
export async function serveWorkers(options: LauncherOptions, ports: Ports): Promise<() => void> {
  const { listen, agent, worker, directory } = options
  await mkdir(dirname(listen), { recursive: true, mode: 0o755 })
  await ownedAbove(listen, agent.uid)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await chown(directory, worker.uid, worker.gid)
  await chmod(directory, 0o700)
  await rm(listen, { force: true })
  const running = new Set<ChildProcess>()
  // Paused: what arrives stays in the kernel until the worker reads it.
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    const child = startWorker(socket, options, ports)
    running.add(child)
    child.once('close', () => running.delete(child))
  })
  await listening(server, listen)
  await chown(listen, agent.uid, agent.gid)
  await chmod(listen, 0o600)
  return () => {
    server.close()
    for (const child of running) endAll(child)
  }
}

/** No moment in which somebody else could connect. */
async function listening(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
  } finally {
    process.umask(before)
  }
}

async function ownedAbove(path: string, agent: number): Promise<void> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { uid, mode } = await lstat(folder)
    const sticky = (mode & 0o1000) !== 0
    if ((uid !== 0 && uid !== agent) || ((mode & 0o022) !== 0 && !sticky)) {
      throw new InputError('file-invalid', `others than root can change ${folder}, the folder of the workers' socket`, {
        subject: 'listen',
        remedy: `Name a path in a folder of root: chown root ${folder} && chmod go-w ${folder}.`,
      })
    }
    if (folder === dirname(folder)) return
  }
}

function startWorker(socket: Socket, { worker, directory, entry }: LauncherOptions, { env, log }: Ports): ChildProcess {
  socket.on('error', () => {})
  const child = spawn(
    'unshare',
    [
      // Its first process is the worker: with it the namespace ends, whoever was forked into it.
      ...['--pid', '--fork', '--mount-proc', '--'],
      ...['setpriv', `--reuid=${worker.uid}`, `--regid=${worker.gid}`, '--clear-groups', '--inh-caps=-all'],
      // What newuidmap(1) may take for the sandbox of a build, as in examples/runner/units/sealwright-worker@.service.
      '--bounding-set=-all,+setuid,+setgid,+dac_override,+sys_admin',
      // Changing the user clears what `unshare --kill-child` asks of the kernel, so it is asked for behind that.
      ...['--pdeathsig=KILL', '--'],
      ...['/bin/sh', '-c', 'ulimit -c 0; umask 077; exec "$@"', 'sh', process.execPath, '--disable-sigusr1', entry],
    ],
    {
      cwd: directory,
      env: {
        ...inheritedBy(env),
        HOME: worker.home,
        TMPDIR: directory,
        SEALWRIGHT_WORKER_DIRECTORY: directory,
      },
      stdio: [socket, socket, 'inherit'],
      detached: true,
    },
  )
  // The child has it: the connection must end when the worker's end of it does.
  socket.destroy()
  const late = setTimeout(() => endAll(child), longestMs)
  child.once('error', (error) => log.warn(`a worker did not start: ${error.message}`))
  child.once('close', (code, signal) => {
    clearTimeout(late)
    endAll(child)
    if (code !== 0) log.warn(`a worker ended with ${signal ?? code ?? 'no code'}`)
  })
  return child
}

/** The group is that of `unshare` and the worker; what the worker started dies with its namespace. */
function endAll({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // Nothing of it is left.
  }
}
