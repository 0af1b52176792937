/**
 * `npm run bench -- image`: an SBOM of a Debian image with seven languages in three forms (one gzip layer, four, one zstd layer), beside syft, and
 * beside the decompression of the largest layer alone. Prints medians and ratios; asserts nothing, but a command that fails ends the run.
 *
 * Environment: `BENCH_RUNS` (3), `BENCH_SOURCES=1`, `BENCH_CACHE`; `BENCH_FORMS=gzip,zstd` for some of the forms; `BENCH_DIST` for another
 * distribution than `dist/`.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { versions } from './chains.ts'
import { debianImages, forms, type Form } from './make-image.ts'
import { measure, median, type Measurement } from './measure.ts'

const root = resolve(import.meta.dirname, '..')
const runs = Number(process.env['BENCH_RUNS'] ?? 3)
const fromSources = process.env['BENCH_SOURCES'] === '1'
const distribution = process.env['BENCH_DIST'] ?? join(root, 'dist')
const program = fromSources ? join(root, 'bench/from-sources.ts') : join(distribution, 'cli/index.js')
if (!existsSync(program)) throw new Error('dist/ is not there: run "npm run dist" first, or set BENCH_SOURCES=1')
const peers = join(root, '.peers/bin')
const wanted = (process.env['BENCH_FORMS'] ?? forms.join(',')).split(',')
const layouts = await debianImages(process.env['BENCH_CACHE'] ?? join(root, 'build/bench'))
const work = mkdtempSync(join(tmpdir(), 'sealwright-bench-'))

try {
  const load = loadavg()[0]?.toFixed(1)
  console.log(
    `sbom of an image, ${cpus().length} cores, load ${load}, Node ${process.version}, ${fromSources ? 'sources' : 'dist/'}, n = ${runs}, medians`,
  )
  for (const [name, version] of versions(peers)) if (name === 'syft') console.log(`  ${name} ${version}`)
  for (const form of forms) if (wanted.includes(form)) await compare(form, layouts[form])
} finally {
  rmSync(work, { recursive: true, force: true })
}

async function compare(form: Form, layout: string): Promise<void> {
  const { path, bytes } = largestBlob(layout)
  const series: readonly (readonly [string, string, readonly string[]])[] = [
    ['floor', process.execPath, [join(import.meta.dirname, 'floor.ts'), form === 'zstd' ? 'zstd' : 'gzip', path]],
    ['ours', process.execPath, [program, 'sbom', '--image', `oci:${layout}:latest`]],
    ['syft', join(peers, 'syft'), ['scan', `oci-dir:${layout}`, '-q', '-o', `spdx-json=${join(work, 'syft.json')}`]],
  ]
  const found = new Map<string, Measurement[]>(series.map(([name]) => [name, []]))
  for (let run = 0; run < runs; run++) {
    for (const [name, command, args] of series) {
      const state = join(work, `state-${form}-${run}`)
      const all = name === 'ours' ? [...args, '--state', state] : args
      found.get(name)?.push(await measure(command, all, { SYFT_CHECK_FOR_APP_UPDATE: 'false' }))
      rmSync(state, { recursive: true, force: true })
    }
  }
  console.log(`${form} (largest layer ${(bytes / 1e6).toFixed(0)} MB)`)
  const medians = new Map([...found].map(([name, all]) => [name, middle(all)]))
  for (const [name, { seconds, cpu, mib }] of medians) {
    const walls = (found.get(name) ?? []).map((one) => one.seconds)
    const range = `${Math.min(...walls).toFixed(2)} to ${Math.max(...walls).toFixed(2)}`
    console.log(
      `  ${name.padEnd(6)} ${seconds.toFixed(2)} s wall (${range}), ${cpu.toFixed(2)} s processor, ${mib.toFixed(0)} MiB`,
    )
  }
  const [floor, ours, syft] = ['floor', 'ours', 'syft'].map((name) => medians.get(name))
  if (floor === undefined || ours === undefined || syft === undefined) return
  console.log(
    `  ours: ${(syft.seconds / ours.seconds).toFixed(1)} × less wall time than syft, ${(syft.cpu / ours.cpu).toFixed(1)} × less processor time, ${(ours.mib / syft.mib).toFixed(2)} of its memory, ${(ours.seconds / floor.seconds).toFixed(2)} × the floor`,
  )
}

function middle(all: readonly Measurement[]): Measurement {
  const of = (pick: (one: Measurement) => number): number => median(all.map(pick))
  return { seconds: of((one) => one.seconds), cpu: of((one) => one.cpu), mib: of((one) => one.mib) }
}

function largestBlob(layout: string): { path: string; bytes: number } {
  const folder = join(layout, 'blobs/sha256')
  const all = readdirSync(folder).map((name) => ({
    path: join(folder, name),
    bytes: statSync(join(folder, name)).size,
  }))
  return all.reduce((largest, one) => (one.bytes > largest.bytes ? one : largest))
}
