/** `npm run fuzz -- tee`: changed inputs through our TEE verifiers. See {@link usage}. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { fullPlan, slices } from './plan.ts'
import { readOptions, usage, type FuzzOptions } from './options.ts'
import { summary, type FuzzReport } from './report.ts'
import { runAll } from './run.ts'
import type { Finding } from './tally.ts'

const root = resolve(import.meta.dirname, '../..')
if (process.argv.includes('--help')) {
  console.log(usage)
  process.exit()
}
let options: FuzzOptions
try {
  options = readOptions(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.error(usage)
  process.exit(2)
}
const { seed, seconds, threads, randoms, write } = options
const begin = performance.now()
// A run that is asked to end reports what it has done so far, and says that it is not whole.
let stopped = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (stopped = true))
const until = (): boolean => stopped || (seconds !== null && performance.now() > begin + seconds * 1000)
let told = begin
const tell = (pieces: number, open: number): void => {
  if (seconds !== null || performance.now() - told < 20_000) return
  told = performance.now()
  console.error(`${Math.round((told - begin) / 1000)} s: ${pieces} pieces done, ${open} open`)
}
const { targets, tallies, left } = await runAll(
  threads,
  (infos) => (seconds === null ? fullPlan(infos, seed, randoms) : lazily(slices(infos, seed))),
  until,
  tell,
)
const report: FuzzReport = summary(targets, tallies, {
  seed,
  full: seconds === null && !stopped && left === 0,
  seconds: Math.round((performance.now() - begin) / 1000),
  threads,
  node: process.versions.node,
  openssl: process.versions.openssl,
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  date: new Date().toISOString().slice(0, 10),
})
for (const row of report.kinds) {
  console.log(
    `${row.kind.padEnd(12)}${String(row.targets).padStart(4)} targets ${String(row.cases).padStart(9)} cases: ${row.refused} refused, ${row.sameMeaning} say no more, ${row.unsigned} outside of what is signed; slowest ${row.slowestMs} ms`,
  )
}
const findings = [...tallies.values()].flatMap((tally) => tally.findings)
for (const finding of findings) show(finding)
console.log(
  `fuzz tee: ${report.cases} cases in ${report.run.seconds} s on ${threads} threads, seed ${seed}: ${findings.length} findings`,
)
if (write) {
  const path = join(root, 'tools/fuzz/data/tee.json')
  mkdirSync(join(root, 'tools/fuzz/data'), { recursive: true })
  writeFileSync(path, await format(JSON.stringify(report), { ...(await resolveConfig(path)), filepath: path }))
}
process.exit(findings.length === 0 && report.cases > 0 ? 0 : 1)

function show({ target, outcome, way, index, detail, hex }: Finding): void {
  const folder = join(root, 'build/fuzz')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${target.replaceAll(/[^A-Za-z0-9]+/g, '-')}-${way}-${index}.bin`)
  writeFileSync(file, Buffer.from(hex, 'hex'))
  console.log(`${outcome}: ${target}, ${way} ${index}: ${detail}\n  kept in ${file}`)
}

/** An array whose `shift` asks the generator: a slice has no end of its own. */
function lazily<T>(items: Generator<T>): T[] {
  const queue: T[] = []
  queue.shift = () => {
    const { done, value } = items.next()
    return done === true ? undefined : (value as T)
  }
  return queue
}
