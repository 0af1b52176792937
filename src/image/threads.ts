import { Worker } from 'node:worker_threads'
import { InternalError } from '../base/errors.ts'
import type { ExtentMemory } from './extents.ts'
import type { RingMemory } from './ring.ts'
import type { ThreadAnswer, ThreadJob } from './thread-job.ts'

/** Heaps of a thread in MiB: it holds next to nothing, and engines would let them grow to hundreds. */
const heap = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 }

/** One thread with at most one job. */
export interface Thread {
  /** @returns its answer. @throws InternalError when the thread ends before it has one */
  run(job: ThreadJob): Promise<ThreadAnswer>
}

/** What is compressed flows through one ring, what is not through another; beside it goes what the reader asks of it. */
export interface Rings {
  compressed: RingMemory
  plain: RingMemory
  files: ExtentMemory
}

/** Threads that take jobs again and again; started when they are first needed, ended all at once. */
export class Threads {
  private readonly program: string
  private readonly idle: Running[] = []
  private readonly all: Running[] = []
  /** Rings that nobody uses. A thread lets shared memory go late, so that each layer must not have its own. */
  readonly rings: Rings[] = []

  /** @param program absolute path of the threads' program */
  constructor(program: string) {
    this.program = program
  }

  /** A thread without a job; null where none can be started, as under a limit on processes. */
  async take(): Promise<Thread | null> {
    const found = this.idle.pop()
    if (found !== undefined) return found
    try {
      const started = new Running(this.program, (self) => this.idle.push(self))
      this.all.push(started)
      return (await started.ready) ? started : null
    } catch {
      return null
    }
  }

  /** Gives an unused thread back. */
  give(thread: Thread): void {
    if (thread instanceof Running) this.idle.push(thread)
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((thread) => thread.end()))
  }
}

class Running implements Thread {
  private readonly worker: Worker
  private readonly release: (self: Running) => void
  readonly ready: Promise<boolean>
  private job: PromiseWithResolvers<ThreadAnswer> | null = null

  constructor(program: string, release: (self: Running) => void) {
    this.release = release
    const ready = Promise.withResolvers<boolean>()
    this.ready = ready.promise
    this.worker = new Worker(program, { env: {}, execArgv: [], resourceLimits: heap, name: 'sealwright' })
    let reason = ''
    this.worker.on('message', (answer: ThreadAnswer | 'ready') => {
      if (answer === 'ready') ready.resolve(true)
      else this.answered(answer)
    })
    this.worker.on('error', (error: unknown) => {
      reason = typeof error === 'object' && error !== null && 'message' in error ? `: ${String(error.message)}` : ''
    })
    this.worker.on('exit', (code) => {
      ready.resolve(false)
      this.job?.reject(
        new InternalError(`a thread that reads layers ended with code ${code} before its work was done${reason}`),
      )
      this.job = null
    })
  }

  run(job: ThreadJob): Promise<ThreadAnswer> {
    this.job = Promise.withResolvers()
    this.worker.postMessage(job, [])
    return this.job.promise
  }

  async end(): Promise<void> {
    // An answer that nobody waits for any more is no failure.
    this.job?.promise.catch(() => {})
    await this.worker.terminate()
  }

  private answered(answer: ThreadAnswer): void {
    const job = this.job
    this.job = null
    job?.resolve(answer)
    this.release(this)
  }
}
