/**
 * `npm run bench -- tee`: verifications a second on one core, beside the signature checks alone by the same OpenSSL in the same run.
 * Prints medians of processes that follow one another; asserts nothing but that what is measured verifies.
 *
 * Environment: `BENCH_RUNS` (5).
 */
import { spawnSync } from 'node:child_process'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { median } from './measure.ts'
import type { TeeFigures } from './tee-worker.ts'

const runs = Number(process.env['BENCH_RUNS'] ?? 5)
const figures = Array.from({ length: runs }, (_, run) => {
  console.error(`run ${run + 1} of ${runs}, load ${loadavg()[0]?.toFixed(1)}`)
  const child = spawnSync(process.execPath, [join(import.meta.dirname, 'tee-worker.ts')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.status !== 0) throw new Error(`the run ended with ${child.status}`)
  return JSON.parse(child.stdout) as TeeFigures
})
const of = (pick: (one: TeeFigures) => number): number => median(figures.map(pick))
const perSecond = (ms: number): string => (1000 / ms).toFixed(0).padStart(7)

console.log(
  `${cpus()[0]?.model.trim()}, one of ${cpus().length} cores, Node ${process.versions.node}, OpenSSL ${process.versions.openssl}, n = ${runs} processes, medians of processor time`,
)
console.log('signature checks alone')
const p384 = of(({ raw }) => raw.p384)
const p256 = of(({ raw }) => raw.p256)
const rsa = of(({ raw }) => raw.rsa4096)
console.log(`  ECDSA P-384, SHA-384         ${perSecond(p384)} a second`)
console.log(`  ECDSA P-256, SHA-256         ${perSecond(p256)} a second`)
console.log(`  RSA-PSS 4096, SHA-384        ${perSecond(rsa)} a second`)
for (const [name, pick, limit] of [
  ['SNP, chip seen before', (one: TeeFigures) => one.snp.warm, p384],
  ['SNP, new chip', (one: TeeFigures) => one.snp.cold, p384 + rsa],
  ['TDX, platform seen before', (one: TeeFigures) => one.tdx.warm, 2 * p256],
  ['TDX, new platform', (one: TeeFigures) => one.tdx.cold, 10 * p256],
] as const) {
  const ms = of(pick)
  console.log(
    `${name.padEnd(31)}${perSecond(ms)} a second, ${ms.toFixed(2)} ms, of which ${((100 * limit) / ms).toFixed(0)} % are its signature checks`,
  )
}
console.log(
  `SNP launch digest, 64 vCPUs     ${of(({ predict }) => predict.shape).toFixed(2)} ms a shape, ${of(({ predict }) => predict.firmware).toFixed(1)} ms once for a firmware of 4 MiB`,
)
