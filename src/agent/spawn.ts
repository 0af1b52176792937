import { spawn } from 'node:child_process'
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { InputError, InternalError, TransportError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import type { Technology } from '../base/technology.ts'
import { agentClient, fromRecord } from './client.ts'
import { agentFileName, ensureState, readAgentFile, type AgentFile } from './files.ts'
import { runFingerprint } from './job.ts'
import { parentWatch, startMessageSchema, type StartMessage } from './start-message.ts'
import type { AgentClient, AgentStatus } from './protocol.ts'

export interface SpawnOptions {
  /** Program to run: the bundle's stub `dist/agent/index.js`, or a source file. */
  entry: string
  /** State directory of the job. */
  directory: string
  technology: Technology | 'auto'
  nonce: string
  /** Seconds after which the agent ends by itself. */
  lifetime: number
}

export interface RunningAgent {
  client: AgentClient
  status: AgentStatus
  /** The job had one already. */
  reused: boolean
}

/** What the agent's process sees of our environment: nothing of the workflow, no token. */
const inherited = [
  'PATH',
  'HOME',
  'TMPDIR',
  'LANG',
  'TZ',
  'RUNNER_TRACKING_ID',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
]
const startTimeoutMs = 90_000

/**
 * Starts the agent of this job as a process of its own, or finds the one that runs.
 *
 * @throws InputError `state-conflict` when another job's agent lives in this state; whatever kept the agent from starting
 */
export async function spawnAgent(options: SpawnOptions, ports: Ports): Promise<RunningAgent> {
  const { directory } = options
  await ensureState(directory)
  const run = runFingerprint(ports.env)
  const file = await readAgentFile(directory)
  if (file !== null) {
    const living = await contact(file, ports)
    if (living !== null && file.run !== run) throw foreign(directory)
    if (living !== null) {
      if (options.technology !== 'auto' && options.technology !== living.status.technology) {
        throw new InputError('state-conflict', `this job's agent already runs with ${living.status.technology}`, {
          subject: 'technology',
          remedy: 'Set one technology for the whole job.',
        })
      }
      return { ...living, reused: true }
    }
    ports.log.info(`the agent ${file.pid} is dead and is replaced; what it had not sealed is lost`)
    await rm(join(directory, agentFileName), { force: true })
    await rm(file.socket, { force: true })
  }
  const started = await start(options, ports, {
    directory,
    entry: options.entry,
    technology: options.technology,
    nonce: options.nonce,
    lifetime: options.lifetime,
    run,
    watch: await parentWatch(ports),
    environment: jobEnvironment(ports.env),
  })
  const living = await contact(started, ports)
  if (living === null)
    throw new TransportError('agent-error', 'the agent started and does not answer', { subject: started.socket })
  return { ...living, reused: false }
}

/** The agent that an `agent.json` names, if it lives and is the one that wrote it. */
export async function contact(
  file: AgentFile,
  ports: Ports,
): Promise<{ client: AgentClient; status: AgentStatus } | null> {
  const client = agentClient(file.socket, ports)
  const status = await client.status().catch((error: unknown) => {
    if (error instanceof TransportError) return null
    throw error
  })
  return status === null || status.keyId !== file.keyId ? null : { client, status }
}

export function foreign(directory: string): InputError {
  return new InputError('state-conflict', `the agent in ${directory} belongs to another job`, {
    subject: directory,
    remedy: 'Give each job a state directory of its own, or end that agent with "sealwright agent stop".',
  })
}

async function start(options: SpawnOptions, ports: Ports, message: StartMessage): Promise<AgentFile> {
  const log = await open(join(options.directory, 'agent.log'), 'a', 0o600)
  const env = Object.fromEntries(
    inherited.flatMap((name) => (ports.env[name] === undefined ? [] : [[name, ports.env[name]]])),
  )
  // The shell only sets limits: no core file may hold the keys, no file may be readable by others. SIGUSR1 would open Node's debugger.
  const child = spawn(
    '/bin/sh',
    ['-c', 'ulimit -c 0; umask 077; exec "$@"', 'sh', process.execPath, '--disable-sigusr1', options.entry],
    { cwd: options.directory, env, detached: true, stdio: ['pipe', 'pipe', log.fd] },
  )
  // Both are pipes, as asked for above; the types do not know it.
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new InternalError('the agent has no pipes')
  try {
    stdin.on('error', () => {})
    stdin.end(JSON.stringify(startMessageSchema.parse(message)))
    return await firstLine(stdout, options.directory)
  } catch (error) {
    child.kill('SIGTERM')
    throw error
  } finally {
    stdout.destroy()
    child.unref()
    await log.close()
  }
}

const answerSchema = z.union([
  z.strictObject({ ready: z.custom<AgentFile>() }),
  z.strictObject({
    error: z.object({
      code: z.string(),
      message: z.string(),
      subject: z.string().nullable(),
      remedy: z.string().nullable(),
    }),
  }),
])

async function firstLine(stdout: NodeJS.ReadableStream, directory: string): Promise<AgentFile> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new TransportError('timeout', 'the agent did not start in time', { subject: 'agent' })),
      startTimeoutMs,
    )
  })
  const read = async (): Promise<string> => {
    let text = ''
    for await (const chunk of stdout) {
      text += String(chunk)
      if (text.includes('\n')) break
    }
    return text
  }
  try {
    const text = await Promise.race([read(), late])
    if (text === '') throw await silent(directory)
    const answer = answerSchema.parse(JSON.parse(text))
    if ('error' in answer) throw fromRecord(answer.error)
    return answer.ready
  } finally {
    clearTimeout(timer)
  }
}

async function silent(directory: string): Promise<TransportError> {
  const log = await readFile(join(directory, 'agent.log'), 'utf8').catch(() => '')
  const tail = log.trim().split('\n').slice(-5).join('\n')
  return new TransportError('agent-error', `the agent ended before it was ready: ${tail}`, { subject: 'agent' })
}

/** Handed over by pipe, not by environment: `/proc` of the agent shows no token. */
function jobEnvironment(env: Ports['env']): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && /^(?:GITHUB_|ACTIONS_ID_TOKEN_REQUEST_)/.test(name)) found[name] = value
  }
  return found
}
