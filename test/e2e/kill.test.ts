import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { cli } from '../support/cli.ts'
import { danglingIn, shapeOf } from './layout.ts'
import { startJob, type Job } from './job.ts'

const jobs = 5
const killsEach = 4

interface Trade {
  name: string
  args(job: Job): string[]
  /** The layout that it writes into, if any. */
  layout(job: Job): string | null
}

const published = (job: Job): string => join(job.folder, 'published')
const kbs = (job: Job): string => join(job.folder, 'kbs')
const trades: Trade[] = [
  {
    name: 'encrypt',
    args: () => ['--recipients', 'kbs:///example/image-key/app'],
    layout: ({ state }) => join(state, 'layout'),
  },
  { name: 'sign-attest', args: (job) => ['--output', `oci:${published(job)}`], layout: published },
  { name: 'kbs-publish', args: (job) => ['--kbs-url', `embedded:${kbs(job)}`], layout: () => null },
]

/** All that a later step can see of a job, without what is random in it. The gate has the last word. */
async function stateOf(job: Job): Promise<unknown> {
  const gate = ['--image', `oci:${published(job)}`, '--policy', job.policy, '--kbs-url', `embedded:${kbs(job)}`]
  const { verified } = await job.run('verify-deploy', ...gate)
  const files = readdirSync(kbs(job), { recursive: true, encoding: 'utf8' }).sort()
  const journal = readFileSync(join(job.state, 'journal.jsonl'), 'utf8').trimEnd().split('\n')
  return {
    verified,
    layout: shapeOf(join(job.state, 'layout')),
    published: shapeOf(published(job)),
    kbs: files,
    policy: readFileSync(join(kbs(job), 'resource-policy.rego'), 'utf8').replaceAll(/[0-9a-f]{64}/g, 'HEX'),
    journal: journal.map((line) => (JSON.parse(line) as { kind: string }).kind),
  }
}

/** Runs it once undisturbed, tells how long each trade took in milliseconds. */
async function undisturbed(job: Job): Promise<{ state: unknown; took: Record<string, number> }> {
  const took: Record<string, number> = {}
  for (const { name, args } of trades) {
    const start = performance.now()
    await job.run(name, ...args(job))
    took[name] = performance.now() - start
  }
  return { state: await stateOf(job), took }
}

/** @returns whether it still ran after `ms`, and so was killed */
async function killedAfter(ms: number, { name, args }: Trade, job: Job): Promise<boolean> {
  const { signal, exitCode, error } = await cli([name, ...args(job), '--state', job.state], {
    cwd: join(job.folder, 'source'),
    started: (child) => {
      const ended = once(child, 'exit')
      void Promise.race([wait(ms), ended]).then(() => child.kill('SIGKILL'))
    },
  })
  if (signal === null && exitCode !== 0) throw new Error(`${name} ended with ${exitCode}: ${error?.message ?? ''}`)
  return signal === 'SIGKILL'
}

test('killed at many moments, encrypt, sign-attest and kbs-publish end as undisturbed runs do', async () => {
  const running: Job[] = []
  try {
    const quiet = await startJob(6)
    running.push(quiet)
    const { state: expected, took } = await undisturbed(quiet)
    expect(expected).toMatchObject({ verified: 'true' })

    let killed = 0
    for (let number = 0; number < jobs; number++) {
      const job = await startJob(6)
      running.push(job)
      for (const trade of trades) {
        for (let kill = 0; kill < killsEach; kill++) {
          // Moments spread evenly from when the program has loaded to a little after its end, over all jobs.
          const part = (kill * jobs + number + Math.random()) / (jobs * killsEach)
          const ms = (took[trade.name] ?? 0) * (0.25 + 0.8 * part)
          if (await killedAfter(ms, trade, job)) killed++
          const layout = trade.layout(job)
          const dangling = layout === null ? [] : await danglingIn(layout)
          expect({ trade: trade.name, part, dangling }).toEqual({ trade: trade.name, part, dangling: [] })
        }
        await job.run(trade.name, ...trade.args(job))
      }
      expect(await stateOf(job)).toEqual(expected)
      // Running all of it once more changes nothing.
      const index = readFileSync(join(published(job), 'index.json'))
      for (const trade of trades) await job.run(trade.name, ...trade.args(job))
      expect(readFileSync(join(published(job), 'index.json')).equals(index)).toBe(true)
      expect(await danglingIn(published(job))).toEqual([])
    }
    expect(killed).toBeGreaterThan(jobs * killsEach)
  } finally {
    for (const job of running) {
      await job.stop()
      rmSync(job.folder, { recursive: true, force: true, maxRetries: 3 })
    }
  }
}, 240_000)
