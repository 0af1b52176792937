import { weighed } from '../../src/base/weighed.ts'

test('what weighs too much together waits, in the order of the calls', async () => {
  const run = weighed(10)
  const [started, gates]: [number[], (() => void)[]] = [[], []]
  const work = (weight: number): Promise<number> =>
    run(weight, async () => {
      started.push(weight)
      await new Promise<void>((open) => gates.push(open))
      return weight
    })
  const all = [work(6), work(3), work(5), work(1)]
  await Promise.resolve()
  expect(started).toEqual([6, 3])
  gates[0]?.()
  expect(await all[0]).toBe(6)
  await Promise.resolve()
  expect(started).toEqual([6, 3, 5, 1])
  for (const open of gates) open()
  expect(await Promise.all(all)).toEqual([6, 3, 5, 1])
})

test('what is heavier than the limit runs alone, and a failure gives its room back', async () => {
  const run = weighed(10)
  let running = 0
  const alone = async (): Promise<number> => {
    running++
    await Promise.resolve()
    const seen = running
    running--
    return seen
  }
  expect(await Promise.all([run(50, alone), run(50, alone), run(1, alone)])).toEqual([1, 1, 1])
  await expect(run(10, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  expect(await run(10, alone)).toBe(1)
})
