import { access, constants } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { InputError, TransportError } from '../base/errors.ts'
import type { Exec, ExecOptions, ExecResult } from '../base/ports.ts'

/** All that a child sees of our environment: a workflow's secrets and tokens are not in it. */
const inherited = [
  'PATH',
  'HOME',
  'TMPDIR',
  'LANG',
  'LC_ALL',
  'TZ',
  'XDG_RUNTIME_DIR',
  'DOCKER_HOST',
  'DOCKER_CONFIG',
] as const

/** Programs by `@actions/exec`, without a shell and with a clean environment. */
export function makeExec(env: Readonly<Record<string, string | undefined>>): Exec {
  const clean: Record<string, string> = {}
  for (const name of inherited) {
    const value = env[name]
    if (value !== undefined) clean[name] = value
  }

  const find = async (command: string): Promise<string | null> => {
    const folders = isAbsolute(command) ? [''] : (clean['PATH'] ?? '').split(delimiter).filter((dir) => dir !== '')
    for (const dir of folders) {
      const path = dir === '' ? command : join(dir, command)
      if (await executable(path)) return path
    }
    return null
  }

  const run = async (command: string, args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> => {
    const path = await find(command)
    if (path === null) {
      throw new InputError('tool-missing', `${command} is not installed`, {
        subject: command,
        remedy: `Install ${command} on the runner, or choose a driver that does not need it.`,
      })
    }
    const { exec } = await import('@actions/exec')
    const out: Buffer[] = []
    const err: Buffer[] = []
    // coreutils' timeout ends the whole process group, which @actions/exec has no way to do.
    const timed = options.timeoutMs === undefined ? null : await find('timeout')
    const [file, argv] =
      timed === null
        ? [path, [...args]]
        : [timed, ['-k', '5', String(Math.ceil((options.timeoutMs ?? 0) / 1000)), path, ...args]]
    const code = await exec(`"${file}"`, argv, {
      silent: true,
      ignoreReturnCode: true,
      env: { ...(options.env ?? clean) },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.input === undefined ? {} : { input: Buffer.from(options.input as Uint8Array) }),
      listeners: {
        stdout: (data) => out.push(data),
        stderr: (data) => err.push(data),
        ...(options.onLine === undefined ? {} : { stdline: options.onLine, errline: options.onLine }),
      },
    })
    const result = { code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString('utf8') }
    if (code !== 0 && options.allowFailure !== true) throw failure(command, result, timed !== null && code === 124)
    return result
  }
  return { run, find }
}

async function executable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

function failure(command: string, result: ExecResult, timedOut: boolean): TransportError {
  const tail = result.stderr.trim().split('\n').slice(-5).join('\n')
  const what = timedOut ? 'did not end in time' : `ended with ${result.code}`
  return new TransportError(
    timedOut ? 'timeout' : 'tool-failed',
    `${command} ${what}${tail === '' ? '' : `: ${tail}`}`,
    {
      subject: command,
    },
  )
}
