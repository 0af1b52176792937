import { mkdir, readFile, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { InputError, VerificationError, systemError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { Technology } from '../../base/technology.ts'
import type { TeeChoice } from '../../tee/choice.ts'
import { version } from '../../base/version.ts'
import type { Digest } from '../../oci/types.ts'
import { agentClient } from '../client.ts'
import type { AgentFile } from '../files.ts'
import { launch } from '../launch.ts'
import { noSuchOperation, serveSocket, type Listen } from '../socket-server.ts'
import { sameJob } from '../job.ts'
import { hasEnded } from '../start-message.ts'
import { countJob, jobsOfBoot } from './boot-count.ts'
import {
  requestLimit,
  startRequestSchema,
  type MachineStatus,
  type StartAnswer,
  type StartRequest,
} from './protocol.ts'

/** What the admin decides for every job of the machine. */
export interface MachineOptions {
  /** Program of a job's agent. */
  entry: string
  listen: Listen
  /** Folder for the jobs' sockets; its group is the jobs' group, and it hands it on (set-group-id). */
  sockets: string
  /** Folder of the machine's agent alone: the count of jobs, and a folder a job. */
  directory: string
  technology: Technology | 'auto'
  tee: TeeChoice
  /** `image` where the program lies in the measured image; the gate believes it only with reference values that say so. */
  source: 'image' | 'download'
  /** Socket of the listener of workers, or '' for children of the job's agent. */
  workers: string
  /** Longest life of a job's agent, in seconds. */
  lifetime: number
}

interface Job {
  run: Digest
  file: AgentFile
  exited: Promise<void>
  end(): void
}

/**
 * The agent of the whole machine: it starts one agent for each job, as a process of its own under its own user, and counts the jobs of a boot.
 * It holds no key. Jobs reach it and their agent by sockets only.
 */
export class Supervisor {
  readonly #options: MachineOptions
  readonly #ports: Ports
  #server: Server | null = null
  #queue: Promise<unknown> = Promise.resolve()
  #job: Job | null = null
  #counted = 0

  private constructor(options: MachineOptions, ports: Ports) {
    this.#options = options
    this.#ports = ports
  }

  /** @throws InputError `state-conflict` where the count of this boot is damaged; `file-invalid` where folder or socket cannot be made */
  static async start(options: MachineOptions, ports: Ports): Promise<Supervisor> {
    const supervisor = new Supervisor(options, ports)
    await mkdir(join(options.directory, 'jobs'), { recursive: true, mode: 0o700 }).catch((cause: Error) => {
      throw (
        systemError(cause) ??
        new InputError('file-invalid', `${options.directory} cannot be the agent's folder: ${cause.message}`, {
          subject: 'directory',
          cause,
          remedy: "Name a folder that the agent's user may make or write to.",
        })
      )
    })
    supervisor.#counted = await jobsOfBoot(options.directory, await bootId(ports))
    supervisor.#server = await serveSocket(options.listen, ports.log, async ({ operation, body }) => {
      if (operation === 'status') return supervisor.status()
      if (operation !== 'start') throw noSuchOperation(operation)
      const request = startRequestSchema.parse(await body(requestLimit))
      // One after another: two jobs at once must not both be the first.
      const done = supervisor.#queue.then(() => supervisor.startJob(request))
      supervisor.#queue = done.catch(() => {})
      return done
    })
    return supervisor
  }

  async status(): Promise<MachineStatus> {
    const boot = await bootId(this.#ports)
    return {
      version,
      pid: process.pid,
      bootId: boot,
      jobs: Math.max(this.#counted, await jobsOfBoot(this.#options.directory, boot)),
      run: this.#job?.run ?? null,
    }
  }

  /** @throws InputError `state-conflict` while another run's agent lives; whatever kept the agent from starting */
  async startJob(request: StartRequest): Promise<StartAnswer> {
    const living = await this.#living()
    if (living !== null && sameJob(living.file, request)) return { file: living.file, reused: true }
    if (living !== null) {
      throw new InputError('state-conflict', 'another job runs on this machine', {
        subject: 'agent',
        remedy: 'Run one job at a time on a machine: an ephemeral runner does.',
      })
    }
    await this.#checkWatch(request.watch)
    const { directory, sockets, entry, technology, tee, source, lifetime, workers } = this.#options
    const jobs = await countJob(directory, await bootId(this.#ports), this.#counted)
    this.#counted = jobs
    const folder = join(directory, 'jobs', String(jobs))
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { mode: 0o700 })
    this.#ports.log.info(`starts the agent of job ${jobs} of this boot`)
    const started = await launch(this.#ports, {
      directory: folder,
      entry,
      technology,
      tee,
      nonce: request.nonce,
      lifetime: Math.min(request.lifetime, lifetime),
      run: request.run,
      watch: request.watch,
      environment: request.environment,
      machine: { jobs, socket: join(sockets, `job-${jobs}.sock`), source, workers },
    })
    const job: Job = { run: request.run, ...started }
    this.#job = job
    void job.exited.then(async () => {
      if (this.#job === job) this.#job = null
      this.#ports.log.info(`the agent of job ${jobs} has ended`)
      await rm(folder, { recursive: true, force: true })
    })
    return { file: job.file, reused: false }
  }

  /** Ends the job's agent too: nobody could count for it any more. */
  async close(): Promise<void> {
    this.#server?.close()
    this.#server?.closeAllConnections()
    const job = this.#job
    job?.end()
    await job?.exited
  }

  async #living(): Promise<Job | null> {
    const job = this.#job
    if (job === null) return null
    if (await hasEnded(job.file.watch, this.#ports)) return this.#end(job)
    const status = await agentClient(job.file.socket, this.#ports)
      .status()
      .catch(() => null)
    if (status?.keyId === job.file.keyId) return job
    return this.#end(job)
  }

  /** It does not answer, or its job has ended: it is given no chance to, beside the next one. */
  async #end(job: Job): Promise<null> {
    job.end()
    await job.exited
    return null
  }

  /** A worker that is not there could never be seen to end. Who asks is not seen: Node has no way to a socket's peer. */
  async #checkWatch(watch: StartRequest['watch']): Promise<void> {
    if (!(await hasEnded(watch, this.#ports))) return
    throw new VerificationError(
      'evidence-invalid',
      `process ${watch?.pid ?? ''} is not the worker that the job names`,
      {
        subject: 'watch',
      },
    )
  }
}

async function bootId(ports: Ports): Promise<string> {
  const text = await readFile(join(ports.roots.proc, 'sys/kernel/random/boot_id'), 'latin1').catch(() => 'unknown')
  return text.trim()
}
