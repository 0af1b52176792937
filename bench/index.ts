/**
 * `npm run bench`: the chain over a Debian image of about 800 MB to a registry on loopback, beside the tools that it replaces, in one run:
 * syft + `skopeo copy --encryption-key` + `cosign sign` + 3 × `cosign attest`. Prints medians and ratios; asserts nothing, but a step that
 * fails ends the run.
 *
 * `npm run bench -- tee` measures the TEE verifiers instead (bench/tee.ts), `npm run bench -- setup` the start of a job (bench/setup.ts),
 * `npm run bench -- predict` launch digests (bench/predict.ts), `npm run bench -- junk` what strangers' referrers cost the gate (bench/junk.ts),
 * `npm run bench -- promote` copies beside oras, crane and skopeo (bench/promote.ts), `npm run bench -- query` questions to a repository (bench/query.ts),
 * `npm run bench -- encrypt` encryption and decryption beside each skopeo (bench/encrypt.ts), `npm run bench -- handshakes` attested sessions with the
 * embedded KBS (bench/handshakes.ts),
 * `npm run bench -- worker` what a worker costs (bench/worker.ts), `npm run bench -- image` an SBOM of three forms of the image (bench/image.ts).
 *
 * Environment: `BENCH_RUNS` (3), `BENCH_SOURCES=1` to run from `src/` instead of `dist/`, `BENCH_CACHE` (build/bench) where the images stay.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { onePass, steps, tools, versions, type Chain, type Setting } from './chains.ts'
import { debianImages } from './make-image.ts'
import { makeKeys } from './keys.ts'
import { measure, median, type Measurement } from './measure.ts'
import { startRegistry } from '../testkit/registry.ts'

const others = {
  image: './image.ts',
  tee: './tee.ts',
  setup: './setup.ts',
  worker: './worker.ts',
  predict: './predict.ts',
  junk: './junk.ts',
  sign: './sign.ts',
  promote: './promote.ts',
  query: './query.ts',
  encrypt: './encrypt.ts',
  handshakes: './handshakes.ts',
} as const
const wanted = process.argv[2]
if (wanted !== undefined) {
  const file = Object.hasOwn(others, wanted) ? others[wanted as keyof typeof others] : undefined
  if (file === undefined) {
    console.error(`there is no bench "${wanted}": ${Object.keys(others).join(', ')}, or nothing for the chain`)
    process.exit(2)
  }
  await import(file)
  process.exit()
}

const root = resolve(import.meta.dirname, '..')
const runs = Number(process.env['BENCH_RUNS'] ?? 3)
const fromSources = process.env['BENCH_SOURCES'] === '1'
const program = join(root, fromSources ? 'bench/from-sources.ts' : 'dist/cli/index.js')
if (!existsSync(program)) throw new Error('dist/ is not there: run "npm run dist" first, or set BENCH_SOURCES=1')
const peers = join(root, '.peers/bin')
const { gzip: layout } = await debianImages(process.env['BENCH_CACHE'] ?? join(root, 'build/bench'))
const work = mkdtempSync(join(tmpdir(), 'sealwright-bench-'))
const chains: readonly Chain[] = [tools, steps, onePass]

try {
  const keys = makeKeys(work, join(peers, 'cosign2'))
  console.log(
    `image ${mb(folderBytes(join(layout, 'blobs')))} MB compressed, ${cpus().length} cores, Node ${process.version}, ${fromSources ? 'sources' : 'dist/'}, n = ${runs}, medians`,
  )
  for (const [name, version] of versions(peers)) console.log(`  ${name} ${version}`)
  const results = new Map<Chain, Measurement[][]>(chains.map((chain) => [chain, []]))
  for (let run = 0; run < runs; run += 1) {
    for (const chain of chains) {
      // A registry of its own each time: none finds a blob that another has pushed.
      const registry = await startRegistry('referrers')
      const folder = mkdtempSync(join(work, 'run-'))
      const setting: Setting = { program, peers, layout, host: registry.host, folder, keys }
      const row: Measurement[] = []
      for (const { command, args, env } of chain.commands(setting)) row.push(await measure(command, args, env))
      results.get(chain)?.push(row)
      await registry.close()
      rmSync(folder, { recursive: true })
    }
    console.error(`run ${run + 1} of ${runs}, load ${loadavg()[0]?.toFixed(1)}`)
  }
  const totals = chains.map((chain) => show(chain, results.get(chain) ?? []))
  const [theirs] = totals
  for (const [i, total] of totals.entries()) {
    if (i === 0 || theirs === undefined) continue
    console.log(
      `${chains[i]?.name}: ${(theirs.seconds / total.seconds).toFixed(1)} × faster than the tools, ${(total.mib / theirs.mib).toFixed(2)} of their memory, ${(total.cpu / theirs.cpu).toFixed(2)} of their processor time`,
    )
  }
  await startTimes()
  if (!fromSources) console.log(`dist/ ${mb(folderBytes(join(root, 'dist')), 2)} MB`)
} finally {
  rmSync(work, { recursive: true, force: true })
}

function show(chain: Chain, rows: readonly Measurement[][]): Measurement {
  const line = (name: string, { seconds, cpu, mib }: Measurement): void => {
    console.log(
      `  ${name.padEnd(24)}${seconds.toFixed(2).padStart(7)} s ${cpu.toFixed(2).padStart(7)} s cpu ${mib.toFixed(0).padStart(5)} MiB`,
    )
  }
  console.log(chain.name)
  for (const [i, name] of chain.names.entries()) line(name, medianOf(rows.map((row) => row[i] as Measurement)))
  const sum = (row: readonly Measurement[], pick: (m: Measurement) => number): number =>
    row.reduce((total, m) => total + pick(m), 0)
  const total = medianOf(
    rows.map((row) => ({
      seconds: sum(row, (m) => m.seconds),
      cpu: sum(row, (m) => m.cpu),
      mib: Math.max(...row.map((m) => m.mib)),
    })),
  )
  line('whole chain', total)
  return total
}

function medianOf(all: readonly Measurement[]): Measurement {
  return {
    seconds: median(all.map((m) => m.seconds)),
    cpu: median(all.map((m) => m.cpu)),
    mib: median(all.map((m) => m.mib)),
  }
}

/** Time from process start to the end of an action's help: Node, bundle and definitions. */
async function startTimes(): Promise<void> {
  const start = async (args: string[]): Promise<string> => {
    const all: Measurement[] = []
    for (let i = 0; i < 7; i += 1) all.push(await measure(process.execPath, args))
    return `${(medianOf(all).seconds * 1000).toFixed(0)} ms`
  }
  console.log(`start: bare node ${await start(['-e', '0'])}`)
  const actions = readdirSync(join(root, 'actions')).filter((name) =>
    existsSync(join(root, 'actions', name, 'action.yml')),
  )
  for (const action of [...actions, 'publish'])
    console.log(`  ${action.padEnd(22)} ${await start([program, action, '--help'])}`)
}

function folderBytes(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}

function mb(bytes: number, digits = 0): string {
  return (bytes / 1e6).toFixed(digits)
}
