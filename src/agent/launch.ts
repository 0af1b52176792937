import { spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { InternalError, TransportError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { fromRecord } from './client.ts'
import type { AgentFile } from './files.ts'
import { startMessageSchema, type StartMessage } from './start-message.ts'

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
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  // Of the machine, for SEV-SNP (docs/agent.md).
  'SEALWRIGHT_SNP_VMPL',
  'SEALWRIGHT_SNP_SERVICE',
  'SEALWRIGHT_SNP_SERVICE_GUID',
]
const startTimeoutMs = 90_000

/**
 * Starts an agent's process: the message goes through a pipe, so that neither its arguments nor its environment show any of it.
 *
 * @returns when it serves; `exited` resolves when it has ended
 * @throws what kept it from starting; TransportError `timeout`, `agent-error`
 */
export async function launch(
  ports: Ports,
  message: StartMessage,
): Promise<{ file: AgentFile; exited: Promise<void>; end(): void }> {
  const { directory, entry } = message
  const log = await open(join(directory, 'agent.log'), 'a', 0o600)
  const env = Object.fromEntries(
    inherited.flatMap((name) => (ports.env[name] === undefined ? [] : [[name, ports.env[name]]])),
  )
  // The shell only sets limits: no core file may hold the keys, no file may be readable by others. SIGUSR1 would open Node's debugger.
  const child = spawn(
    '/bin/sh',
    ['-c', 'ulimit -c 0; umask 077; exec "$@"', 'sh', process.execPath, '--disable-sigusr1', entry],
    { cwd: directory, env, detached: true, stdio: ['pipe', 'pipe', log.fd] },
  )
  // Both are pipes, as asked for above; the types do not know it.
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new InternalError('the agent has no pipes')
  try {
    stdin.on('error', () => {})
    stdin.end(JSON.stringify(startMessageSchema.parse(message)))
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve())
    })
    const file = await firstLine(stdout, directory)
    return { file, exited, end: () => void child.kill('SIGTERM') }
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
