import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { quote } from '../../src/report/shell.ts'

export const root = resolve(import.meta.dirname, '../..')
export const program = resolve(root, 'dist/cli/index.js')

/** For a shell: the command line of this clone under the Node of the demo, whatever Node the machine has. */
export const alias = `alias sealwright=${quote(`${quote(process.execPath)} ${quote(program)}`)}`

/** The one JSON object that `--json` prints. */
export interface CliAnswer {
  exitCode: number
  outputs: Record<string, string>
  error: { code: string; message: string; subject: string | null; remedy: string | null } | null
  stderr: string
}

/** Runs the real command line of `dist/` with `--json`. */
export function cli(args: readonly string[], env: Record<string, string> = {}, cwd = root): Promise<CliAnswer> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [program, ...args, '--json'], {
      cwd,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.once('error', reject)
    child.once('close', (code) => {
      try {
        const { outputs = {}, error = null } = JSON.parse(stdout) as Partial<CliAnswer>
        done({ exitCode: code ?? 4, outputs, error, stderr })
      } catch (cause) {
        reject(new Error(`sealwright ${args[0] ?? ''} printed no JSON: ${stdout}${stderr}`, { cause }))
      }
    })
  })
}
