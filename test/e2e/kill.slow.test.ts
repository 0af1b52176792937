import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { cli } from '../../testkit/cli.ts'
import { storedByKbs, storedText } from '../../testkit/kbs-stored.ts'
import { danglingIn, shapeOf } from '../../testkit/layout.ts'
import { startJob, type Job } from './job.ts'

const jobs = 4
const killsEach = 4

interface Trade {
  name: string
  args(job: Job): string[]
  /** The folder that it writes into. */
  folder(job: Job): string
}

const published = (job: Job): string => join(job.folder, 'published')
const kbs = (job: Job): string => join(job.folder, 'kbs')
const trades: Trade[] = [
  {
    name: 'encrypt',
    args: (job) => ['--recipients', 'kbs:///example/image-key/app', '--kbs-url', `embedded:${kbs(job)}`],
    folder: ({ state }) => join(state, 'layout'),
  },
  { name: 'sign-attest', args: (job) => ['--output', `oci:${published(job)}`], folder: published },
  { name: 'kbs-publish', args: (job) => ['--kbs-url', `embedded:${kbs(job)}`], folder: kbs },
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
    // Nothing half-written lies about.
    names: [job.state, join(job.state, 'layout'), published(job)].map((folder) => readdirSync(folder).sort()),
    kbs: [...files, ...storedByKbs(kbs(job)).keys()],
    policy: storedText(kbs(job), 'resource-policy.rego').replaceAll(/[0-9a-f]{64}/g, 'HEX'),
    journal: journal.map((line) => (JSON.parse(line) as { kind: string }).kind),
  }
}

/** How long a trade runs (milliseconds), and how many files it makes. */
interface Course {
  took: number
  made: number
}

async function undisturbed(job: Job): Promise<{ state: unknown; courses: Map<Trade, Course> }> {
  const courses = new Map<Trade, Course>()
  for (const trade of trades) {
    const before = filesIn(trade.folder(job))
    const start = performance.now()
    await job.run(trade.name, ...trade.args(job))
    courses.set(trade, { took: performance.now() - start, made: filesIn(trade.folder(job)) - before })
  }
  return { state: await stateOf(job), courses }
}

function filesIn(folder: string): number {
  return existsSync(folder) ? readdirSync(folder, { recursive: true }).length : 0
}

/** When to kill: after a time, or as soon as so many new files are seen. */
type Moment = { ms: number } | { files: number }

/** @returns whether it still ran at that moment, and so was killed */
async function killedAt(moment: Moment, trade: Trade, job: Job): Promise<boolean> {
  const before = filesIn(trade.folder(job))
  const kill = async (child: ChildProcess): Promise<void> => {
    const ended = once(child, 'exit')
    if ('ms' in moment) await Promise.race([wait(moment.ms), ended])
    else {
      const runs = (): boolean => child.exitCode === null && child.signalCode === null
      while (runs() && filesIn(trade.folder(job)) - before < moment.files) await turn()
    }
    child.kill('SIGKILL')
  }
  const { signal, exitCode, error } = await cli([trade.name, ...trade.args(job), '--state', job.state], {
    cwd: join(job.folder, 'source'),
    started: (child) => void kill(child),
  })
  if (signal === null && exitCode !== 0)
    throw new Error(`${trade.name} ended with ${exitCode}: ${error?.message ?? ''}`)
  return signal === 'SIGKILL'
}

/** Moments spread evenly over all jobs, from when the program has loaded to a little after its end; every other one counts files. */
function momentOf({ took, made }: Course, number: number, kill: number): Moment {
  const part = (kill * jobs + number + Math.random()) / (jobs * killsEach)
  return kill % 2 === 0 ? { files: Math.max(1, Math.round(made * part)) } : { ms: took * (0.25 + 0.8 * part) }
}

test('killed at many moments, encrypt, sign-attest and kbs-publish end as undisturbed runs do', async () => {
  const running: Job[] = []
  try {
    const quiet = await startJob(6)
    running.push(quiet)
    const { state: expected, courses } = await undisturbed(quiet)
    expect(expected).toMatchObject({ verified: 'true' })

    let killed = 0
    for (let number = 0; number < jobs; number++) {
      const job = await startJob(6)
      running.push(job)
      for (const [trade, course] of courses) {
        for (let kill = 0; kill < killsEach; kill++) {
          const moment = momentOf(course, number, kill)
          if (await killedAt(moment, trade, job)) killed++
          const dangling = await danglingIn(trade.folder(job))
          expect({ trade: trade.name, moment, dangling }).toEqual({ trade: trade.name, moment, dangling: [] })
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

test('the walk over a layout tells what is missing, cut short or changed', async () => {
  const job = await startJob(2)
  try {
    const layout = join(job.state, 'layout')
    expect(await danglingIn(layout)).toEqual([])
    const blobs = join(layout, 'blobs/sha256')
    const [largest = ''] = readdirSync(blobs).sort(
      (a, b) => statSync(join(blobs, b)).size - statSync(join(blobs, a)).size,
    )
    const bytes = readFileSync(join(blobs, largest))
    for (const [word, harm] of [
      ['size', () => truncateSync(join(blobs, largest), 10)],
      ['other bytes', () => writeFileSync(join(blobs, largest), Buffer.alloc(bytes.length))],
      ['missing', () => rmSync(join(blobs, largest))],
    ] as const) {
      harm()
      expect((await danglingIn(layout)).join()).toContain(word)
      writeFileSync(join(blobs, largest), bytes)
    }
  } finally {
    await job.stop()
    rmSync(job.folder, { recursive: true, force: true, maxRetries: 3 })
  }
})
