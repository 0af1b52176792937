import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Ends a process that a test started, and waits until it is gone: what still runs keeps the test's own process alive. One that has ended is left alone. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill()
  await ended
}
