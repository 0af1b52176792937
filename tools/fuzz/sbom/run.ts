import { Worker } from 'node:worker_threads'
import { add, emptyTally, type Tally } from './tally.ts'
import type { Message, ThreadData } from './worker.ts'

export interface SbomFuzzOptions {
  seed: number
  /** Cases 0 to below this number. */
  count: number
  threads: number
  /** No further piece of work begins when this is true. */
  until?: () => boolean
  tell?: (done: number) => void
}

/** Cases that a thread gets at once. */
const piece = 200
/** A case that runs for so long on the wall clock hangs: the slowest needs less than a second. */
const hangMs = 180_000

/** Runs the cases on several threads; which thread runs which does not change what comes out. @throws Error for a case that hangs */
export async function fuzzSbom({ seed, count, threads, until, tell }: SbomFuzzOptions): Promise<Tally> {
  const tally = emptyTally()
  let next = 0
  const take = (): { from: number; to: number } | null => {
    if (next >= count || until?.() === true) return null
    const from = next
    next = Math.min(count, from + piece)
    return { from, to: next }
  }
  const one = async (): Promise<void> =>
    new Promise((done, fail) => {
      const at = new Int32Array(new SharedArrayBuffer(4))
      const worker = new Worker(new URL('./worker.ts', import.meta.url), {
        workerData: { seed, at } satisfies ThreadData,
      })
      const watch = watchFor(at, (message) => {
        void worker.terminate()
        fail(new Error(message))
      })
      worker.on('error', (error) => {
        clearInterval(watch)
        fail(new Error(`the thread ended at case ${at[0]}: ${error instanceof Error ? error.message : String(error)}`))
      })
      worker.on('message', (message: Message) => {
        if ('ready' in message) tally.seeds = message.ready
        else add(tally, message.done)
        tell?.(tally.cases)
        const work = take()
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origins
        if (work !== null) return worker.postMessage(work)
        clearInterval(watch)
        void worker.terminate()
        done()
      })
    })
  await Promise.all(Array.from({ length: threads }, one))
  return tally
}

function watchFor(at: Int32Array, hangs: (message: string) => void): NodeJS.Timeout {
  let seen = { index: -1, since: performance.now() }
  return setInterval(() => {
    const index = at[0] ?? 0
    if (index !== seen.index) seen = { index, since: performance.now() }
    else if (performance.now() - seen.since > hangMs) hangs(`case ${index} has run for ${hangMs / 1000} s: a hang`)
  }, 5000)
}
