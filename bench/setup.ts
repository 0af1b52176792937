/**
 * `npm run bench -- setup`: `setup-cvm-runner` from process start to its outputs, with `sample` evidence, so that no hardware is waited for. Each run
 * starts an agent of its own in a fresh state and ends it afterwards, outside of the time.
 *
 * Environment: `BENCH_RUNS` (20), `BENCH_SOURCES=1` to run from `src/` instead of `dist/`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { measure, median, type Measurement } from './measure.ts'

const root = resolve(import.meta.dirname, '..')
const runs = Number(process.env['BENCH_RUNS'] ?? 20)
const fromSources = process.env['BENCH_SOURCES'] === '1'
const program = join(root, fromSources ? 'bench/from-sources.ts' : 'dist/cli/index.js')
if (!existsSync(program)) throw new Error('dist/ is not there: run "npm run dist" first, or set BENCH_SOURCES=1')
const work = mkdtempSync(join(tmpdir(), 'sealwright-bench-'))

const series: readonly (readonly [string, readonly string[]])[] = [
  ['node alone', ['-e', '']],
  ['sealwright version', [program, 'version']],
  ['verifier none', [program, 'setup-cvm-runner', '--technology', 'sample', '--verifier', 'none']],
  ['verifier local', [program, 'setup-cvm-runner', '--technology', 'sample', '--verifier', 'local']],
]

try {
  console.log(
    `setup-cvm-runner, ${cpus().length} cores, Node ${process.version}, ${fromSources ? 'sources' : 'dist/'}, load ${loadavg()[0]?.toFixed(1)}, n = ${runs}, medians`,
  )
  for (const [name, args] of series) {
    const found: Measurement[] = []
    for (let i = 0; i < runs; i++) {
      const setup = args.includes('setup-cvm-runner')
      const state = ['--state', join(work, `${name.replaceAll(' ', '-')}-${i}`)]
      found.push(await measure(process.execPath, setup ? [...args, ...state, '--agent-socket', 'none'] : args))
      if (setup) execFileSync(process.execPath, [program, 'agent', 'stop', ...state], { stdio: 'ignore' })
    }
    const walls = found.map(({ seconds }) => seconds)
    const [low, high] = [Math.min(...walls), Math.max(...walls)]
    console.log(
      `  ${name.padEnd(20)} ${median(walls).toFixed(3)} s wall (${low.toFixed(3)} to ${high.toFixed(3)}), ${median(found.map(({ cpu }) => cpu)).toFixed(2)} s processor`,
    )
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
