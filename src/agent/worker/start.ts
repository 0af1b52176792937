import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { connect } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { Duplex } from 'node:stream'
import { InternalError, TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { inheritedBy } from '../environment.ts'

/** One worker process, as its agent sees it. */
export interface RunningWorker {
  duplex: Duplex
  /** True when it ended by itself and well; resolves when nothing of it is left. */
  ended: Promise<boolean>
  /** Ends it and all that it started. */
  kill(): void
}

export type StartWorker = () => Promise<RunningWorker>

/** What a worker gets after it was asked to end, before it is killed. */
const graceMs = 2000

/** Program of a worker beside the agent's own: `dist/worker/index.js` beside `dist/agent/index.js`, else by the file's name. */
export function workerEntry(agentEntry: string): string {
  const name = basename(agentEntry)
  return name === 'index.js'
    ? join(dirname(dirname(agentEntry)), 'worker/index.js')
    : join(dirname(agentEntry), name.replace('agent', 'worker'))
}

/** Workers of a job's own agent: children of it, under the same user, each in a process group of its own. */
export function childWorkers(entry: string, directory: string, ports: Ports): StartWorker {
  return async () => {
    const log = await open(join(directory, 'agent.log'), 'a', 0o600)
    try {
      const child = spawn(
        '/bin/sh',
        ['-c', 'ulimit -c 0; umask 077; exec "$@"', 'sh', process.execPath, '--disable-sigusr1', entry],
        {
          cwd: directory,
          env: { ...inheritedBy(ports.env), SEALWRIGHT_WORKER_DIRECTORY: join(directory, 'work') },
          detached: true,
          stdio: ['pipe', 'pipe', log.fd],
        },
      )
      const { stdin, stdout, pid } = child
      if (stdin === null || stdout === null || pid === undefined) throw new InternalError('a worker did not start')
      const signal = (name: 'SIGTERM' | 'SIGKILL'): void => {
        try {
          process.kill(-pid, name)
        } catch {
          // Nothing of the group is left.
        }
      }
      const ended = new Promise<boolean>((resolve) => {
        child.once('exit', (code) => {
          // What it may have left behind: nothing outlives its task.
          signal('SIGKILL')
          resolve(code === 0)
        })
        child.once('error', () => resolve(false))
      })
      const kill = (): void => {
        signal('SIGTERM')
        setTimeout(() => signal('SIGKILL'), graceMs).unref()
      }
      return { duplex: Duplex.from({ readable: stdout, writable: stdin }), ended, kill }
    } finally {
      await log.close()
    }
  }
}

/**
 * Workers behind a listener that another user runs: systemd with `Accept=yes`, or the root launcher (TRUST §4). Each connection is a fresh
 * process there; the listener ends it, and all that it started, when the connection ends.
 */
export function socketWorkers(path: string): StartWorker {
  return () =>
    new Promise((resolve, reject) => {
      const socket = connect(path)
      const ended = new Promise<boolean>((done) => {
        socket.once('close', (hadError) => done(!hadError))
      })
      socket.once('error', (cause) => {
        reject(
          new TransportError('agent-error', `the listener of workers at ${path} does not answer: ${cause.message}`, {
            subject: path,
            cause,
            remedy: 'Start it: systemctl start sealwright-worker.socket, or sealwright agent launcher.',
          }),
        )
      })
      socket.once('connect', () => resolve({ duplex: socket, ended, kill: () => void socket.destroy() }))
    })
}
