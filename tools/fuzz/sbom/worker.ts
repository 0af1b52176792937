/** One thread: runs the cases that it is asked for, and shows in shared memory which one it is at. */
import { parentPort, workerData } from 'node:worker_threads'
import { Cases } from './cases.ts'
import { emptyTally, type Tally } from './tally.ts'

/** What a thread is started with. */
export interface ThreadData {
  seed: number
  /** Number of the case that runs, for whoever watches. */
  at: Int32Array<SharedArrayBuffer>
}

export type Message = { ready: number } | { done: Tally }

const { seed, at } = workerData as ThreadData
const port = parentPort
if (port === null) throw new Error('this file is a thread of tools/fuzz/sbom')
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origins
const send = (message: Message): void => port.postMessage(message)
const cases = new Cases()
let work = Promise.resolve()
port.on('message', ({ from, to }: { from: number; to: number }) => {
  work = work.then(() => run(from, to))
})
send({ ready: cases.count })

async function run(from: number, to: number): Promise<void> {
  const tally = emptyTally()
  for (let index = from; index < to; index++) {
    at[0] = index
    const { outcome, name, why } = await cases.run(seed, index)
    tally.cases++
    if (outcome === 'read') tally.read++
    else if (outcome === 'refused') tally.refused++
    else tally.findings.push({ index, name, why })
  }
  send({ done: tally })
}
