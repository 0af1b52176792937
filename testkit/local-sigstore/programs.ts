import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { peer } from '../peers.ts'

export interface RunningProgram {
  close(): Promise<void>
}

/**
 * Starts a server that is a peer, with its output in a file, and waits until an address answers.
 *
 * @param ready address that answers 200 when the server is up
 * @throws Error with the end of its output where it ends or is not up after 30 s
 */
export async function startProgram(
  name: string,
  args: readonly string[],
  directory: string,
  ready: string,
): Promise<RunningProgram> {
  const path = join(directory, `${name}.log`)
  const output = openSync(path, 'w')
  const child = spawn(peer(name), args, { cwd: directory, stdio: ['ignore', output, output] })
  closeSync(output)
  const ended = once(child, 'exit')
  const close = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    // Some of them wait for clients that keep their connections.
    const impatient = setTimeout(() => child.kill('SIGKILL'), 1000)
    await ended
    clearTimeout(impatient)
  }
  for (let left = 600; ; left--) {
    const answer = await fetch(ready).catch(() => null)
    await answer?.body?.cancel()
    if (answer?.ok === true) return { close }
    if (left === 0 || child.exitCode !== null) {
      await close()
      throw new Error(`${name} did not start: ${readFileSync(path, 'utf8').slice(-2000)}`)
    }
    await wait(50)
  }
}
