import { spawn } from 'node:child_process'
import { chmod, chown, mkdir, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import type { Log } from '../../base/ports.ts'
import { inheritedBy } from '../environment.ts'
import type { Ports } from '../../base/ports.ts'

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

/**
 * The root launcher of workers, for guests without systemd (TRUST §4). For each connection it starts one worker under the workers' user, in a
 * PID namespace of its own, with the connection as its standard input and output, and ends it when the connection ends. It reads no byte of
 * what is sent.
 */
export async function serveWorkers(options: LauncherOptions, ports: Ports): Promise<Server> {
  const { listen, agent, worker, directory } = options
  await mkdir(dirname(listen), { recursive: true, mode: 0o755 })
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await chown(directory, worker.uid, worker.gid)
  await rm(listen, { force: true })
  // Paused: what arrives stays in the kernel until the worker reads it.
  const server = createServer({ pauseOnConnect: true }, (socket) => startWorker(socket, options, ports))
  const before = process.umask(0o177)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(listen, () => resolve())
  }).finally(() => process.umask(before))
  await chown(listen, agent.uid, agent.gid)
  await chmod(listen, 0o600)
  return server
}

function startWorker(socket: Socket, { worker, directory, entry }: LauncherOptions, ports: Ports): void {
  socket.on('error', () => {})
  // The namespace ends with its first process, and with it all that the worker started.
  const child = spawn(
    'unshare',
    [
      ...['--pid', '--fork', '--kill-child', '--mount-proc', '--'],
      ...['setpriv', `--reuid=${worker.uid}`, `--regid=${worker.gid}`, '--init-groups', '--inh-caps=-all', '--'],
      ...['/bin/sh', '-c', 'ulimit -c 0; umask 077; exec "$@"', 'sh', process.execPath, '--disable-sigusr1', entry],
    ],
    {
      cwd: directory,
      env: { ...inheritedBy(ports.env), HOME: worker.home, SEALWRIGHT_WORKER_DIRECTORY: directory },
      stdio: [socket, socket, 'inherit'],
    },
  )
  child.once('error', (error) => told(ports.log, `a worker did not start: ${error.message}`, socket))
  child.once('exit', () => socket.destroy())
  watch(socket, () => child.kill('SIGKILL'))
}

function told(log: Log, message: string, socket: Socket): void {
  log.warn(message)
  socket.destroy()
}

/** The worker holds the connection itself; that the agent closed its end shows here as soon as the socket is readable no more. */
function watch(socket: Socket, ended: () => void): void {
  socket.once('close', ended)
}
