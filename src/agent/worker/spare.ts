import type { RunningWorker, StartWorker } from './start.ts'

export interface SpareWorker {
  /** Gives the worker that waits, else starts one. */
  start: StartWorker
  /** Ends the one that waits, and starts no more. */
  close(): void
}

/**
 * Keeps one worker started ahead, so that a task does not wait for a process to load. It is started only while no other worker runs and is given
 * to the next task, so it never waits beside a task that could reach into it: both have the same user.
 */
export function keepSpare(start: StartWorker): SpareWorker {
  let waiting: Promise<RunningWorker | null> | null = null
  let running = 0
  let closed = false

  const prepare = (): void => {
    if (closed || running > 0 || waiting !== null) return
    // Why one cannot be started is told to the task that then needs it.
    const mine: Promise<RunningWorker | null> = start().catch(() => null)
    waiting = mine
    void mine.then(async (worker) => {
      worker?.duplex.on('error', () => {})
      await worker?.ended
      // It ended while it waited, as after the longest time that its listener gives.
      if (waiting === mine) waiting = null
    })
  }

  const taken = (worker: RunningWorker): RunningWorker => {
    void worker.ended.finally(() => {
      running--
      prepare()
    })
    return worker
  }

  prepare()
  return {
    start: async () => {
      running++
      const ahead = waiting
      waiting = null
      try {
        return taken((await ahead) ?? (await start()))
      } catch (error) {
        running--
        throw error
      }
    },
    close: () => {
      closed = true
      void waiting?.then((worker) => worker?.kill())
      waiting = null
    },
  }
}
