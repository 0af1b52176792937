import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { cleanEnv } from './cli.ts'
import { scratch } from './ports.ts'

/** Why the packages of the example application cannot be had here; null when they can. */
export async function npmUnreachable(): Promise<string | null> {
  try {
    await promisify(execFile)('npm', ['view', 'express@4.21.2', 'name'], { cwd: scratch('npm'), env: cleanEnv() })
    return null
  } catch (error) {
    return /npm error (?:code )?(.*)/.exec(String((error as { stderr?: string }).stderr))?.[1] ?? String(error)
  }
}
