import { Worker } from 'node:worker_threads'
import { add, emptyTally, type Tally } from './tally.ts'
import type { Message, Work } from './worker.ts'

export interface TargetInfo {
  name: string
  flips: number
  cuts: number
  /** One verification of the good bytes. */
  ms: number
}

/** A case that takes longer than this hangs. */
const hangMs = 30_000

/**
 * Runs work on several threads, in the order given. A worker that says nothing for half a minute hangs in the case that it named last: that is
 * a finding, and ends the run.
 *
 * @param plan makes the work once the targets are known
 * @param until true once no new work is to be begun
 * @param tell hears of each piece that is done
 */
export async function runAll(
  threads: number,
  plan: (targets: readonly TargetInfo[]) => Work[],
  until: () => boolean,
  tell: (done: number, left: number) => void = () => {},
): Promise<{ targets: readonly TargetInfo[]; tallies: Map<string, Tally>; left: number }> {
  const tallies = new Map<string, Tally>()
  let queue: Work[] | null = null
  let known: readonly TargetInfo[] = []
  let pieces = 0
  const one = async (): Promise<void> =>
    new Promise((done, fail) => {
      const worker = new Worker(new URL('./worker.ts', import.meta.url))
      let last = 'the start'
      let timer = setTimeout(hang, 4 * hangMs)
      function hang(): void {
        void worker.terminate()
        fail(new Error(`no answer for ${hangMs} ms after ${last}: a hang`))
      }
      worker.on('error', fail)
      worker.on('message', (message: Message) => {
        clearTimeout(timer)
        timer = setTimeout(hang, hangMs)
        if ('alive' in message) {
          last = message.alive
          return
        }
        if ('ready' in message) {
          known = known.length > 0 ? known : message.ready
          queue ??= plan(message.ready)
        } else {
          const tally = tallies.get(message.done.target) ?? emptyTally()
          tallies.set(message.done.target, tally)
          add(tally, message.tally)
          tell(++pieces, queue?.length ?? 0)
        }
        const next = until() ? undefined : queue?.shift()
        if (next === undefined) {
          clearTimeout(timer)
          void worker.terminate()
          done()
        } else {
          last = `${next.target}, ${next.way} from ${next.from}`
          // oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origins
          worker.postMessage(next)
        }
      })
    })
  await Promise.all(Array.from({ length: threads }, one))
  return { targets: known, tallies, left: (queue as Work[] | null)?.length ?? 0 }
}
