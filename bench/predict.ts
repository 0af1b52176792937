/**
 * `npm run bench -- predict`: SNP launch digests of Debian's OVMF for 64 vCPUs beside sev-snp-measure 0.0.13, each in its own
 * process without start-up, and both as programs. Prints medians and a ratio of processor times, which other work on the machine disturbs least; asserts only that all digests are equal.
 *
 * Environment: `BENCH_RUNS` (50 in process, a fifth of it as programs), `BENCH_SOURCES=1` to run the program from `src/`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { snpRows } from '../src/tee/measure/matrix.ts'
import { parseOvmf } from '../src/tee/measure/ovmf.ts'
import { snpFirmware, snpLaunchDigest } from '../src/tee/measure/snp.ts'
import { vcpuSignature } from '../src/tee/measure/vcpu.ts'
import { measure, median } from './measure.ts'

const root = resolve(import.meta.dirname, '..')
const runs = Number(process.env['BENCH_RUNS'] ?? 50)
const program = join(root, process.env['BENCH_SOURCES'] === '1' ? 'bench/from-sources.ts' : 'dist/cli/index.js')
const peers = join(root, '.peers')
const ovmf = join(peers, 'bin/OVMF.amdsev.fd')
const python = join(peers, 'venv/sev-snp-measure/bin/python')
for (const path of [ovmf, python, program])
  if (!existsSync(path)) throw new Error(`${path} is missing: run scripts/peers`)
const shape = { vcpus: 64, vmm: 'QEMU', signature: vcpuSignature('EPYC-Milan'), features: 1n } as const

interface Times {
  /** Wall. */
  seconds: number[]
  /** Processor. */
  cpu: number[]
}
const theirs = JSON.parse(
  execFileSync(python, ['-c', script(), ovmf, String(runs)], { encoding: 'utf8', maxBuffer: 1 << 24 }),
) as Times & { digest: string; version: string }
const ours = timed(runs, () => digest())
if (ours.last !== theirs.digest) throw new Error(`digests differ: ${ours.last} and ${theirs.digest}`)

console.log(
  `Debian's OVMF.amdsev.fd (4 MiB), 64 vCPUs, n = ${runs}, medians; ${cpus().length} cores, Node ${process.version}, Python ${theirs.version}, load ${loadavg()[0]?.toFixed(1)}`,
)
console.log('in process: wall, processor')
show('sev-snp-measure', theirs)
show('ours', ours)
console.log(`  theirs : ours        ${(median(theirs.cpu) / median(ours.cpu)).toFixed(2)} by processor time`)

// What a matrix costs: the firmware is measured once.
const firmware = snpFirmware(parseOvmf(readFileSync(ovmf), ovmf), 'ovmf')
const counts = Array.from({ length: 64 }, (_, i) => i + 1)
const matrix = {
  vmms: ['QEMU'],
  vcpus: counts,
  vcpuTypes: ['EPYC-Milan', 'EPYC-Genoa'],
  features: [1n, 0x21n],
} as const
const rows = timed(Math.max(5, runs / 5), () => String(snpRows(firmware, null, matrix).length))
show(`ours, ${rows.last} shapes`, rows)

const few = Math.max(3, Math.round(runs / 5))
const args = ['--vcpus', '64', '--vcpu-type', 'EPYC-Milan', '--ovmf', ovmf]
const own: Times = { seconds: [], cpu: [] }
const peer: Times = { seconds: [], cpu: [] }
for (let n = 0; n < few; n += 1) {
  const a = await measure(process.execPath, [program, 'tee', 'predict', 'snp', ...args])
  const b = await measure(join(peers, 'bin/sev-snp-measure'), ['--mode', 'snp', ...args])
  for (const [list, m] of [[own, a] as const, [peer, b] as const]) {
    list.seconds.push(m.seconds)
    list.cpu.push(m.cpu)
  }
}
console.log(`as programs, n = ${few}: wall, processor`)
show('sev-snp-measure', peer)
show('sealwright', own)

function digest(): string {
  return snpLaunchDigest(snpFirmware(parseOvmf(readFileSync(ovmf), ovmf), 'ovmf'), shape, null).toString('hex')
}

function timed(times: number, work: () => string): Times & { last: string } {
  const found: Times = { seconds: [], cpu: [] }
  let last = work() // the first run compiles
  for (let n = 0; n < times; n += 1) {
    const [start, before] = [performance.now(), process.cpuUsage()]
    last = work()
    const used = process.cpuUsage(before)
    found.seconds.push((performance.now() - start) / 1000)
    found.cpu.push((used.user + used.system) / 1e6)
  }
  return { ...found, last }
}

function show(name: string, { seconds, cpu }: Times): void {
  console.log(`  ${name.padEnd(20)} ${ms(seconds)} ms ${ms(cpu)} ms`)
}

function ms(seconds: readonly number[]): string {
  return (median(seconds) * 1000).toFixed(1).padStart(8)
}

/** The same work through the peer's own library, so that Python's start is not counted. */
function script(): string {
  return `
import json, platform, sys, time
from sevsnpmeasure import guest
from sevsnpmeasure.sev_mode import SevMode
from sevsnpmeasure.vcpu_types import CPU_SIGS
seconds, cpu = [], []
for n in range(int(sys.argv[2]) + 1):
    start, before = time.perf_counter(), time.process_time()
    digest = guest.calc_launch_digest(SevMode.SEV_SNP, 64, CPU_SIGS['EPYC-Milan'], sys.argv[1], '', '', '', 1)
    cpu.append(time.process_time() - before)
    seconds.append(time.perf_counter() - start)
print(json.dumps({'digest': digest.hex(), 'seconds': seconds[1:], 'cpu': cpu[1:], 'version': platform.python_version()}))
`
}
