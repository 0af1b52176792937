import { execFileSync, type ExecFileSyncOptions } from 'node:child_process'
import { InputError, TransportError } from '../../src/base/errors.ts'

const shown = 600

/**
 * Runs a program of the machine and gives what it printed.
 *
 * @throws InputError `tool-missing`; TransportError `tool-failed` with the end of what it said
 */
export function run(command: string, args: readonly string[], options: ExecFileSyncOptions = {}): string {
  try {
    return execFileSync(command, args, {
      maxBuffer: 64 << 20,
      ...options,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } catch (cause) {
    const { code, stderr } = cause as { code?: string; stderr?: string }
    if (code === 'ENOENT') {
      throw new InputError('tool-missing', `${command} is not installed`, {
        subject: command,
        cause,
        remedy: `Install ${command}.`,
      })
    }
    throw new TransportError(
      'tool-failed',
      `${command} ${args[0] ?? ''} failed: ${(stderr ?? '').trim().slice(-shown)}`,
      {
        subject: command,
        cause,
      },
    )
  }
}
