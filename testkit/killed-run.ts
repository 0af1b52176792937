import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { cleanEnv } from './cli.ts'

export interface KilledRun {
  /** It was killed before it ended by itself. */
  killed: boolean
  /** Exit code; null after a signal. */
  code: number | null
  ms: number
  stdout: string
  stderr: string
}

/** Runs Node.js, and kills it (SIGKILL) after a time in milliseconds; null lets it end. @param args the program first */
export async function killedRun(args: readonly string[], killAfter: number | null, cwd?: string): Promise<KilledRun> {
  const begin = performance.now()
  const child = spawn(process.execPath, args, { cwd, env: cleanEnv(), stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = once(child, 'close')
  if (killAfter !== null) await Promise.race([wait(killAfter), ended])
  if (killAfter !== null) child.kill('SIGKILL')
  await ended
  const { exitCode: code, signalCode } = child
  return { killed: signalCode === 'SIGKILL', code, ms: performance.now() - begin, stdout, stderr }
}
