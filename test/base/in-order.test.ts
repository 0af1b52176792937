import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { inOrder } from '../../src/base/in-order.ts'

async function read(items: Iterable<number> | AsyncIterable<number>, limit: number, bad: number): Promise<unknown[]> {
  const found: unknown[] = []
  const run = async (item: number): Promise<number> => {
    await wait(item === bad ? 1 : 30)
    if (item === bad) throw new Error(`item ${item}`)
    return item
  }
  try {
    for await (const item of inOrder(items, limit, run)) found.push(item)
  } catch (error) {
    found.push((error as Error).message)
  }
  return found
}

test('results come in the order of the items, and a failure in its turn', async () => {
  expect(await read([1, 2, 3, 4, 5], 2, 9)).toEqual([1, 2, 3, 4, 5])
  expect(await read([1, 2, 3, 4, 5], 3, 3)).toEqual([1, 2, 'item 3'])
})

test('a failure that comes before its turn does not end the process', () => {
  const module = join(import.meta.dirname, '../../src/base/in-order.ts')
  const script = `
    import { setTimeout as wait } from 'node:timers/promises'
    import { inOrder } from ${JSON.stringify(module)}
    const slow = async (item) => { await wait(item === 2 ? 1 : 60); if (item === 2) throw new Error('second'); return item }
    const found = []
    try { for await (const item of inOrder([1, 2, 3], 3, slow)) found.push(item) } catch (error) { found.push(error.message) }
    console.log(JSON.stringify(found))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual([1, 'second'])
})
