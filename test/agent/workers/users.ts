import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { serveWorkers } from '../../../src/agent/worker/launcher.ts'
import { endProcess } from '../../../testkit/end-process.ts'
import { peer, root, withPeers } from '../../../testkit/peers.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'

/** Users of a machine as examples/runner makes it. No account is needed for them. */
export const users = { agent: 54_311, job: 54_312, sockets: 54_313, worker: 54_314 }
export const workerEntry = join(root, 'testkit/worker-entry.ts')
export const program = [process.execPath, '--disable-warning=ExperimentalWarning', join(root, 'bench/from-sources.ts')]

/** Tests that need root: other users can be tried by it alone. */
export function asUsers(title: string, fn: () => Promise<void>, ms = 240_000): void {
  const needs = ['setpriv', 'unshare', 'systemd-socket-activate']
  if (process.getuid?.() === 0) withPeers(needs, title, fn, ms)
  else test.skip(`skipped: not root here: ${title}`, () => {})
}

export const until = async (holds: () => boolean, ms = 30_000): Promise<void> => {
  for (const end = Date.now() + ms; !holds();) {
    if (Date.now() > end) throw new Error('it did not come about')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export const user = (uid: number, groups = '--clear-groups'): string[] => [
  ...['setpriv', `--reuid=${uid}`, `--regid=${uid}`, groups, '--'],
]

export function folder(path: string, mode: number, uid: number, gid = uid): string {
  mkdirSync(path, { recursive: true })
  chownSync(path, uid, gid)
  chmodSync(path, mode)
  return path
}

/** Live processes of a user. */
export function processesOf(uid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const zombie = readFileSync(`/proc/${name}/stat`, 'latin1').includes(') Z ')
        return !zombie && statSync(`/proc/${name}`).uid === uid
      } catch {
        return false
      }
    })
    .map(Number)
}

/** A listener of workers: the socket, their folder, and how it ends. */
export interface Listener {
  socket: string
  directory: string
  close(): Promise<void>
}

export type ListenerKind = 'launcher' | 'systemd'

/** By our root launcher, or as systemd does with `Accept=yes`. */
export async function listener(
  kind: ListenerKind,
  agent: number = users.agent,
  entry: string = workerEntry,
): Promise<Listener> {
  const top = folder(scratch('w'), 0o755, 0)
  const socket = join(top, 'run/worker.sock')
  const directory = join(top, 'build')
  if (kind === 'launcher') {
    const ids = { agent: { uid: agent, gid: agent }, worker: { uid: users.worker, gid: users.worker, home: directory } }
    const made = testPorts()
    // What root's shell happened to hold is not the unit's.
    const ports = { ...made, env: { ...made.env, GITHUB_TOKEN: 'secret' } }
    const end = await serveWorkers({ listen: socket, ...ids, directory, entry }, ports)
    return { socket, directory, close: async () => end() }
  }
  folder(join(top, 'run'), 0o755, 0)
  folder(directory, 0o700, users.worker)
  const unit: ChildProcess = spawn(
    peer('systemd-socket-activate'),
    [
      ...['--accept', '--inetd', '-E', 'PATH', '-E', `STATE_DIRECTORY=${directory}`, '-l', socket],
      ...[...user(users.worker), process.execPath, entry],
    ],
    { cwd: '/', stdio: 'ignore' },
  )
  await until(() => existsSync(socket))
  chownSync(socket, agent, agent)
  chmodSync(socket, 0o600)
  return { socket, directory, close: () => endProcess(unit) }
}

/** Runs a program as a user. */
export function runAs(uid: number, command: string[], env: Record<string, string> = {}, groups = '--clear-groups') {
  const [first = '', ...rest] = [...user(uid, groups), ...command]
  const given = { PATH: process.env['PATH'] ?? '', ...env }
  const { status, stdout, stderr } = spawnSync(first, rest, { cwd: '/', env: given, timeout: 120_000 })
  return { status, stdout: stdout.toString(), stderr: stderr.toString() }
}

/** As {@link runAs}, while this process goes on: it may be the launcher that the program waits for. */
export async function runBeside(
  uid: number,
  command: string[],
  env: Record<string, string>,
  groups: string,
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const [first = '', ...rest] = [...user(uid, groups), ...command]
  const child = spawn(first, rest, { cwd: '/', env: { PATH: process.env['PATH'] ?? '', ...env }, timeout: 60_000 })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => (stdout += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  child.stdin.end()
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, stdout, stderr }
}

/** What a connection to a socket gives a user: `open`, or an error's code. */
export function connectAs(uid: number, path: string): string {
  const code = `const s=require('net').connect(process.argv[1],()=>{console.log('open');s.destroy()});s.on('error',(e)=>console.log(e.code))`
  return runAs(uid, [process.execPath, '-e', code, path]).stdout.trim()
}
