/**
 * `npm run bench -- worker`: what a task costs because a process of its own does it. A small image is built through an agent with `sample`
 * evidence: by a worker in the agent's own process, by a child of it, and (as root) by the launcher of workers. The same frames are sent each time.
 *
 * Environment: `BENCH_RUNS` (20), `BENCH_PAUSE` (700 ms between tasks; 0 shows what a worker costs that nobody started ahead), `BENCH_SOURCES=1` to run from `src/` instead of `dist/`.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { runAgent } from '../src/agent/process.ts'
import { startMessageSchema } from '../src/agent/start-message.ts'
import { runTask } from '../src/agent/task-client.ts'
import { serveWorkers } from '../src/agent/worker/launcher.ts'
import { childWorkers, socketWorkers, type StartWorker } from '../src/agent/worker/start.ts'
import { makePorts } from '../src/runner/make-ports.ts'
import { packSource } from '../src/tasks/build/pack.ts'
import { workersHere } from '../testkit/agent.ts'
import { recordingLog } from '../testkit/ports.ts'
import { median } from './measure.ts'

const root = resolve(import.meta.dirname, '..')
const pauseMs = Number(process.env['BENCH_PAUSE'] ?? 700)
const runs = Number(process.env['BENCH_RUNS'] ?? 20)
const fromSources = process.env['BENCH_SOURCES'] === '1'
const entry = join(root, fromSources ? 'testkit/worker-entry.ts' : 'dist/worker/index.js')
if (!existsSync(entry)) throw new Error('dist/ is not there: run "npm run dist" first, or set BENCH_SOURCES=1')
const work = mkdtempSync(join(tmpdir(), 'sealwright-bench-'))
const nobody = 65_534
const ports = makePorts({ env: { PATH: process.env['PATH'] }, cwd: work, temp: work, log: recordingLog() })

/** Milliseconds of one build each, by an agent whose workers are started so. */
async function series(name: string, start: (directory: string) => StartWorker): Promise<number> {
  const directory = join(work, name.replaceAll(' ', '-'))
  mkdirSync(directory)
  const context = join(directory, 'context')
  mkdirSync(context)
  writeFileSync(join(context, 'Containerfile'), 'FROM scratch\nCOPY hello /\n')
  writeFileSync(join(context, 'hello'), 'hello\n')
  const message = startMessageSchema.parse({
    ...{ directory, entry, technology: 'sample', nonce: '', lifetime: 600, environment: {}, watch: null },
    run: `sha256:${'0'.repeat(64)}`,
  })
  const running = await runAgent(message, ports, start(directory))
  const request = {
    ...{
      output: `oci:${directory}/out:latest`,
      local: null,
      cwd: directory,
      places: {},
      prepare: null,
      network: 'none',
      builder: 'embedded',
    },
    ...{ target: null, platforms: [], buildArgs: {}, labels: {}, sourceDateEpoch: 1, rebuilds: 0 },
    ...{ compression: 'gzip', allowDifference: false },
  }
  const one = async (): Promise<number> => {
    const before = performance.now()
    await runTask(
      running.file.socket,
      'build',
      request,
      {
        fetch: () => packSource({ context, file: null, exclude: [] }, ports),
        secret: () => Promise.resolve(null),
        deliver: async (_name, bytes) => {
          for await (const _ of bytes);
        },
      },
      ports,
    )
    return performance.now() - before
  }
  // Code that is loaded once is not what a task costs.
  await one()
  const found: number[] = []
  for (let i = 0; i < runs; i++) {
    // As between two steps of a job, in which the next worker starts.
    await setTimeout(pauseMs)
    found.push(await one())
  }
  running.stop('measured')
  await running.ended
  const middle = median(found)
  console.log(
    `  ${name.padEnd(24)} ${middle.toFixed(0)} ms (${Math.min(...found).toFixed(0)} to ${Math.max(...found).toFixed(0)})`,
  )
  return middle
}

try {
  console.log(
    `a task (small build), ${cpus().length} cores, Node ${process.version}, ${fromSources ? 'sources' : 'dist/'}, load ${loadavg()[0]?.toFixed(1)}, n = ${runs}, medians of wall time`,
  )
  const here = await series('in process', workersHere)
  const told = (name: string, ms: number): void =>
    console.log(`  ${name}: ${(ms - here).toFixed(0)} ms more, ${(ms / here).toFixed(1)} times`)
  told('a child', await series('child of the agent', (directory) => childWorkers(entry, directory, ports)))
  if (process.getuid?.() === 0) {
    // The listener's path is root's, so it cannot lie below a folder that others may change.
    const listen = join(work, 'run/worker.sock')
    const user = { uid: nobody, gid: nobody }
    const folders = { directory: join(work, 'build'), listen }
    mkdirSync(folders.directory)
    chmodSync(work, 0o755)
    const close = await serveWorkers(
      { ...folders, agent: { uid: 0, gid: 0 }, worker: { ...user, home: '/' }, entry },
      ports,
    )
    told('another user', await series('launcher, other user', () => socketWorkers(listen)))
    close()
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
