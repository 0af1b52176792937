import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** What one command took. */
export interface Measurement {
  /** Wall time. */
  seconds: number
  /** Processor time of the process and its descendants, user and system. */
  cpu: number
  /** Peak resident set of the process and its descendants, in MiB, sampled every 20 ms. */
  mib: number
}

/** Runs a command and measures it. @throws Error when it fails: a failed run has no time worth printing */
export function measure(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd?: string,
): Promise<Measurement> {
  return new Promise((done, reject) => {
    const before = childSeconds()
    const start = performance.now()
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
    let errors = ''
    let peak = 0
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-2000)))
    const timer = setInterval(() => (peak = Math.max(peak, treeKib(child.pid ?? 0))), 20)
    child.once('error', reject)
    child.once('close', (code) => {
      clearInterval(timer)
      const seconds = (performance.now() - start) / 1000
      if (code === 0) done({ seconds, cpu: childSeconds() - before, mib: peak / 1024 })
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}: ${errors}`))
    })
  })
}

/** Processor time of all children that have ended (proc(5): cutime, cstime in ticks of 10 ms). */
function childSeconds(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) / 100
}

function treeKib(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const own = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    const below = children === '' ? [] : children.split(' ').map((child) => treeKib(Number(child)))
    return below.reduce((sum, kib) => sum + kib, own)
  } catch {
    return 0 // it ended between two looks
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
