import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { JsonObject } from '../../../src/base/json.ts'
import { root } from '../../../testkit/peers.ts'
import { cleanEnv } from '../../../testkit/cli.ts'
import { scratch } from '../../../testkit/ports.ts'

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** The command line from its sources, so that a test needs no `dist/`. */
export function run(...args: string[]): Ran {
  const cwd = scratch('cli')
  const entry = join(root, 'test/cli/tee/entry.ts')
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', entry, ...args], {
    encoding: 'utf8',
    cwd,
    env: cleanEnv({ SEALWRIGHT_STATE: join(cwd, 'state') }),
    maxBuffer: 64 << 20,
  })
  return { code: status, stdout, stderr }
}

interface Answer {
  code: number | null
  outputs?: JsonObject
  error?: { code: string; message: string; remedy: string | null }
}

/** The one object that `--json` prints, and the exit code. */
export function json(...args: string[]): Answer {
  const { code, stdout, stderr } = run(...args, '--json')
  try {
    return { code, ...(JSON.parse(stdout) as Omit<Answer, 'code'>) }
  } catch (cause) {
    throw new Error(`no JSON: ${stdout}${stderr}`, { cause })
  }
}
