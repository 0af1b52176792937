import { rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Ports } from '../base/ports.ts'
import { codeOf } from '../journal/code.ts'
import { chooseCollector } from '../tee/collect/index.ts'
import { Agent } from './agent.ts'
import { agentFileName, journalFileName, readAgentFile, socketPath, type AgentFile } from './files.ts'
import { replaceFile } from '../base/files.ts'
import { serve } from './server.ts'
import { hasEnded, type StartMessage } from './start-message.ts'
import { forgetJob } from './worker/forget.ts'
import { keepSpare } from './worker/spare.ts'
import { childWorkers, socketWorkers, workerEntry, type StartWorker } from './worker/start.ts'

const watchEveryMs = 2000

export interface RunningProcess {
  file: AgentFile
  /** Resolves when the agent has ended and cleaned up. */
  ended: Promise<string>
  stop(why: string): void
}

/**
 * Runs the agent until it is told to stop, its lifetime is over, or the job's worker is gone. Nothing of it outlives it but the journal's
 * file: the keys were in its memory alone.
 */
export async function runAgent(
  message: StartMessage,
  ports: Ports,
  workers: StartWorker = workersOf(message, ports),
): Promise<RunningProcess> {
  const collector = await chooseCollector(message.technology, ports, message.tee)
  const { directory } = message
  const agent = await Agent.start(
    {
      collector,
      nonce: message.nonce,
      code: {
        ...(await codeOf(message.entry)),
        ...(message.machine === null ? {} : { source: message.machine.source }),
      },
      jobs: message.machine?.jobs ?? 1,
      machine: message.machine !== null,
      ownUser: (message.machine?.workers ?? '') !== '',
      journalPath: join(directory, journalFileName),
    },
    ports,
  )
  const { machine } = message
  const socket = machine?.socket ?? (await socketPath(directory))
  let stop: (why: string) => void = () => {}
  const stopped = new Promise<string>((resolve) => {
    stop = resolve
  })
  const file: AgentFile = {
    pid: process.pid,
    socket,
    keyId: agent.keys.keyId,
    jobDigest: agent.jobDigest,
    run: message.run,
    watch: message.watch,
  }
  let listening: bigint | null = null
  const forget = async (): Promise<void> => {
    // Of the next agent of this state directory is the socket that lies there after ours.
    if (listening !== null && (await inode(socket)) === listening) await rm(socket, { force: true })
    if (machine === null && dirname(socket) !== directory) await rm(dirname(socket), { recursive: true, force: true })
    // Another agent may have taken over since.
    const current = await readAgentFile(directory).catch(() => null)
    if (current?.keyId === file.keyId) await rm(join(directory, agentFileName), { force: true })
  }
  const spare = keepSpare(workers)
  const server = await serve(
    agent,
    socket,
    ports.log,
    { forget, end: () => stop('asked to'), jobHasEnded: () => hasEnded(message.watch, ports) },
    spare.start,
    machine === null ? 0o600 : 0o660,
  )
  listening = await inode(socket)
  await replaceFile(join(directory, agentFileName), `${JSON.stringify(file)}\n`)

  const timer = setTimeout(() => stop('its lifetime is over'), message.lifetime * 1000)
  const { watch } = message
  const watcher =
    watch === null
      ? undefined
      : setInterval(() => {
          void hasEnded(watch, ports).then((ended) => {
            if (ended) stop("the job's worker is gone")
          })
        }, watchEveryMs)

  const ended = stopped.then(async (why) => {
    clearTimeout(timer)
    clearInterval(watcher)
    server.close()
    server.closeAllConnections()
    spare.close()
    await forget()
    // Children left theirs in the agent's own folder.
    if ((machine?.workers ?? '') !== '') await forgetJob(workers, agent.instance)
    return why
  })
  return { file, ended, stop }
}

/** The machine's agent has a listener of workers under a user of their own, where its unit names one; else they are children. */
function workersOf({ entry, directory, machine }: StartMessage, ports: Ports): StartWorker {
  const listener = machine?.workers ?? ''
  return listener === '' ? childWorkers(workerEntry(entry), directory, ports) : socketWorkers(listener)
}

async function inode(path: string): Promise<bigint | null> {
  const found = await stat(path, { bigint: true }).catch(() => null)
  return found?.ino ?? null
}
