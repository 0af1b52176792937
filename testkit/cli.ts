import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { compileCacheEnv } from './compile-cache.ts'
import { root } from './peers.ts'

/** The command line as users run it, from `dist/`. */
export const program = join(root, 'dist/cli/index.js')

/** The one JSON object that `--json` prints, and how the process ended. */
export interface Answer {
  exitCode: number | null
  /** SIGKILL where a test killed it. */
  signal: NodeJS.Signals | null
  outputs: Record<string, string>
  error: { code: string; message: string; subject: string | null; remedy: string | null } | null
  stderr: string
}

export interface CliOptions {
  cwd?: string | undefined
  env?: Record<string, string> | undefined
  /** Octal, as in `umask 0077`. */
  umask?: string | undefined
  /** Is handed the process, to end it early. */
  started?: ((child: ChildProcess) => void) | undefined
}

/** What reaching the network may need on this machine; a test's own environment holds nothing else of ours but PATH. */
const network = /^(https?_proxy|no_proxy|node_extra_ca_certs|ssl_cert_(file|dir))$/i

export function cleanEnv(more: Record<string, string> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => name === 'PATH' || name === 'HOME' || network.test(name))
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...compileCacheEnv, ...more }
}

/**
 * Runs the real command line of `dist/` with `--json`.
 *
 * @throws Error when it printed anything but one JSON object, unless it was killed
 */
export function cli(args: readonly string[], options: CliOptions = {}): Promise<Answer> {
  const command = [process.execPath, program, ...args, '--json']
  const [first = '', ...rest] =
    options.umask === undefined ? command : ['sh', '-c', `umask ${options.umask}; exec "$@"`, 'sh', ...command]
  return new Promise((done, reject) => {
    const child = spawn(first, rest, {
      cwd: options.cwd ?? root,
      env: cleanEnv(options.env),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.once('error', reject)
    child.once('close', (exitCode, signal) => {
      if (signal !== null) return done({ exitCode, signal, outputs: {}, error: null, stderr })
      try {
        const { outputs = {}, error = null } = JSON.parse(stdout) as Partial<Answer>
        done({ exitCode, signal, outputs, error, stderr })
      } catch (cause) {
        reject(new Error(`sealwright ${args[0] ?? ''} printed no JSON: ${stdout}${stderr}`, { cause }))
      }
    })
    options.started?.(child)
  })
}

/** As {@link cli}, for what must succeed. @throws Error with the error's code and message */
export async function succeed(args: readonly string[], options: CliOptions = {}): Promise<Record<string, string>> {
  const { exitCode, outputs, error } = await cli(args, options)
  if (exitCode === 0) return outputs
  throw new Error(
    `sealwright ${args.join(' ')} ended with ${exitCode}: ${error?.code ?? 'refused'}: ${error?.message ?? JSON.stringify(outputs)}`,
  )
}
