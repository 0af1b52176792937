import { duplexPair } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { keepSpare } from '../../src/agent/worker/spare.ts'
import type { RunningWorker, StartWorker } from '../../src/agent/worker/start.ts'

interface Started extends RunningWorker {
  killed: boolean
  end(): void
}

/** Workers of the test, in the order in which they were started. @param fail which of them cannot be started */
function workers(fail: (index: number) => boolean = () => false): { all: Started[]; start: StartWorker } {
  const all: Started[] = []
  let asked = 0
  const start: StartWorker = async () => {
    if (fail(asked++)) throw new Error('the listener does not answer')
    let end: () => void = () => {}
    const ended = new Promise<boolean>((resolve) => {
      end = () => resolve(true)
    })
    const worker: Started = {
      duplex: duplexPair()[0],
      ended,
      killed: false,
      end,
      kill: () => {
        worker.killed = true
        end()
      },
    }
    all.push(worker)
    return worker
  }
  return { all, start }
}

describe('a worker that is started ahead', () => {
  it('is given to the next task, and the one after it starts when that has ended', async () => {
    const { all, start } = workers()
    const spare = keepSpare(start)
    await turn()
    expect(all).toHaveLength(1)
    expect(await spare.start()).toBe(all[0])
    await turn()
    expect(all).toHaveLength(1)
    all[0]?.end()
    await turn()
    expect(all).toHaveLength(2)
    expect(await spare.start()).toBe(all[1])
  })

  it('is never there beside one that runs', async () => {
    const { all, start } = workers()
    const spare = keepSpare(start)
    await spare.start()
    await spare.start()
    expect(all).toHaveLength(2)
    all[0]?.end()
    await turn()
    expect(all).toHaveLength(2)
    all[1]?.end()
    await turn()
    expect(all).toHaveLength(3)
  })

  it('is not given when it ended while it waited', async () => {
    const { all, start } = workers()
    const spare = keepSpare(start)
    await turn()
    all[0]?.end()
    await turn()
    expect(await spare.start()).toBe(all[1])
  })

  it('leaves the reason to the task when it cannot be started, and is no bar to the next', async () => {
    const { all, start } = workers((index) => index < 2)
    const spare = keepSpare(start)
    await turn()
    await expect(spare.start()).rejects.toThrow('does not answer')
    expect(await spare.start()).toBe(all[0])
    all[0]?.end()
    await turn()
    expect(all).toHaveLength(2)
  })

  it('is killed at the end, and none follows', async () => {
    const { all, start } = workers()
    const spare = keepSpare(start)
    await turn()
    spare.close()
    await turn()
    expect(all.map(({ killed }) => killed)).toEqual([true])
    const last = await spare.start()
    expect(last).toBe(all[1])
    all[1]?.end()
    await turn()
    expect(all).toHaveLength(2)
  })
})
