/**
 * `npm run bench -- handshakes`: attested sessions (RCAR: challenge, evidence, token) of the client with the embedded KBS, each in a process of its own, over
 * http on loopback with `sample` evidence, so that no hardware is measured. Each session has a new key, as a guest has. Prints sessions a second, one after the
 * other and eight at a time, and the processor time of each side, as medians of the runs. Asserts nothing, but a session that is refused ends the run.
 *
 * Environment: `BENCH_RUNS` (10), `BENCH_SESSIONS` (200, in each run).
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { sampleGuest } from '../src/kbs/keyed-attester.ts'
import { rcarSession } from '../src/kbs/rcar.ts'
import { startKbs } from '../src/kbs-server/server.ts'
import { testPorts } from '../testkit/ports.ts'
import { median } from './measure.ts'

const runs = Number(process.env['BENCH_RUNS'] ?? 10)
const sessions = Number(process.env['BENCH_SESSIONS'] ?? 200)
const ports = testPorts()
/** The server's process gets its folder as this variable. */
const served = process.env['BENCH_SERVED']

/** Processor seconds of a process (proc(5): utime, stime in ticks of 10 ms). */
function processSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function shake(url: string, atOnce: number): Promise<void> {
  let left = sessions
  const one = async (): Promise<void> => {
    while (left-- > 0) await rcarSession(url, sampleGuest(), ports).token()
  }
  await Promise.all(Array.from({ length: atOnce }, one))
}

async function measureRuns(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sealwright-bench-'))
  const server = fork(import.meta.filename, { env: { ...process.env, BENCH_SERVED: folder } })
  try {
    const url = String((await once(server, 'message'))[0])
    await shake(url, 1)
    console.log(
      `${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}, n = ${runs} of ${sessions} sessions, medians`,
    )
    for (const atOnce of [1, 8]) {
      const found: { rate: number; client: number; server: number }[] = []
      for (let run = 0; run < runs; run++) {
        const [before, cpu, start] = [processSeconds(server.pid ?? 0), process.cpuUsage(), performance.now()]
        await shake(url, atOnce)
        const seconds = (performance.now() - start) / 1000
        const { user, system } = process.cpuUsage(cpu)
        found.push({
          rate: sessions / seconds,
          client: (user + system) / 1000 / sessions,
          server: ((processSeconds(server.pid ?? 0) - before) * 1000) / sessions,
        })
      }
      const of = (name: 'rate' | 'client' | 'server'): number => median(found.map((run) => run[name]))
      console.log(
        `  ${atOnce} at a time: ${of('rate').toFixed(0)} a second; processor time of a session: client ${of('client').toFixed(2)} ms, server ${of('server').toFixed(2)} ms`,
      )
    }
  } finally {
    server.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

if (served === undefined) await measureRuns()
else process.send?.((await startKbs({ directory: served, listen: '127.0.0.1:0', ports })).url)
