import { spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { agentClient } from '../../../src/agent/client.ts'
import type { JournalEvent } from '../../../src/journal/event.ts'
import { endProcess } from '../../../testkit/end-process.ts'
import { peer } from '../../../testkit/peers.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { folder, listener, program, runBeside, until, user, users, type ListenerKind } from './users.ts'

interface Said {
  status: number | null
  outputs: Record<string, string>
  error: { code: string; message: string } | null
}

/** A machine as examples/runner makes it: agent, workers and jobs each have a user, and a job has been set up. */
export async function startMachine(kind: ListenerKind) {
  const top = folder(scratch('machine'), 0o755, 0)
  const workers = await listener(kind)
  const sockets = folder(join(top, 'jobs'), 0o2750, users.agent, users.sockets)
  const directory = folder(join(top, 'state'), 0o700, users.agent)
  const home = folder(join(top, 'home'), 0o700, users.job)
  const socket = join(top, 'agent.sock')
  const unit = spawn(
    peer('systemd-socket-activate'),
    [
      ...['-E', 'PATH', '-l', socket, ...user(users.agent), ...program, 'agent', 'serve', '--technology', 'sample'],
      ...['--source', 'image', '--socket', socket, '--sockets', sockets, '--directory', directory],
      ...['--workers', workers.socket],
    ],
    { cwd: '/', stdio: 'ignore' },
  )
  await until(() => existsSync(socket))
  chownSync(socket, 0, users.sockets)
  chmodSync(socket, 0o660)
  const state = join(home, 'state')
  const env = {
    ...{ HOME: home, RUNNER_TEMP: home, GITHUB_RUN_ID: '1', GITHUB_RUN_ATTEMPT: '1', GITHUB_TOKEN: 'token-of-the-job' },
    ...{ HTTPS_PROXY: 'http://127.0.0.1:1', NODE_EXTRA_CA_CERTS: '/etc/hostname' },
  }
  const inside = `--groups=${users.sockets}`
  const asJob = (...command: string[]): ReturnType<typeof runBeside> => runBeside(users.job, command, env, inside)
  const step = async (...args: string[]): Promise<Said> => {
    const { status, stdout, stderr } = await asJob(...program, ...args, '--state', state, '--json')
    if (!stdout.startsWith('{')) throw new Error(`${args[0] ?? ''} printed no JSON: ${stdout}${stderr}`)
    const { outputs = {}, error = null } = JSON.parse(stdout) as Partial<Said>
    return { status, outputs, error }
  }
  const jobSocket = join(sockets, 'job-1.sock')
  const attack = [...program.slice(0, -1), join(import.meta.dirname, 'attack.ts')]
  return {
    ...{ workers, home, state, jobSocket, asJob, step, env, attackProgram: attack },
    /** A hostile step: see attack.ts. */
    attack: async (how: string, name = '', body: unknown = null) => {
      const { stdout, stderr } = await asJob(...attack, how, jobSocket, name, JSON.stringify(body))
      const line = stdout.trim().split('\n').at(-1) ?? ''
      if (!line.startsWith('{')) throw new Error(`the attack printed: ${stdout}${stderr}`)
      return JSON.parse(line) as { result: unknown; masked: string[] }
    },
    journal: async (): Promise<JournalEvent[]> => agentClient(jobSocket, testPorts()).journal(),
    agentPid: () => (JSON.parse(readFileSync(join(state, 'agent.json'), 'utf8')) as { pid: number }).pid,
    close: async () => {
      await endProcess(unit)
      await workers.close()
    },
  }
}
export type Machine = Awaited<ReturnType<typeof startMachine>>
