import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { storeOf } from './helpers.ts'

test('a writer killed at any moment leaves a readable layout, and running it again gives the same state', async () => {
  const script = join(import.meta.dirname, 'writer.ts')
  const run = async (dir: string, killAfterMs: number | null): Promise<void> => {
    const child = spawn(process.execPath, [script, dir], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    if (killAfterMs !== null) {
      await wait(killAfterMs)
      child.kill('SIGKILL')
    }
    await ended
  }
  const state = (dir: string): string[] => [
    readFileSync(join(dir, 'index.json'), 'utf8'),
    ...readdirSync(dir).sort(),
    ...readdirSync(join(dir, 'blobs/sha256')).sort(),
  ]
  const clean = join(scratch('clean'), 'layout')
  const began = performance.now()
  await run(clean, null)
  const whole = performance.now() - began
  const dir = join(scratch('killed'), 'layout')
  for (let i = 0; i < 12; i++) {
    await run(dir, whole * (0.3 + 0.7 * Math.random()))
    const store = storeOf(`oci:${dir}`, testPorts())
    for (const tag of await store.tags().catch(() => [])) {
      const found = await store.resolve({ tag })
      await store.referrers(found!.digest)
    }
    if (i % 4 === 3) {
      await run(dir, null)
      expect(state(dir)).toEqual(state(clean))
      rmSync(dir, { recursive: true })
    }
  }
}, 120_000)
