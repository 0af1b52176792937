import { execFile } from 'node:child_process'
import { peer } from './peers.ts'

/** How a program ended, and all that it printed. */
export interface PeerResult {
  code: number
  output: string
}

/**
 * Runs a peer while this process goes on serving: it may ask servers of the test.
 *
 * @param env of the child, beside PATH
 */
export function runPeer(
  name: string,
  args: readonly string[],
  options: { cwd: string; env?: Readonly<Record<string, string>> },
): Promise<PeerResult> {
  const env = { PATH: process.env['PATH'], HOME: options.cwd, ...options.env }
  return new Promise((done) => {
    execFile(peer(name), args, { cwd: options.cwd, env, timeout: 60_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      done({ code, output: stdout + stderr })
    })
  })
}
