import type { ChildProcess } from 'node:child_process'

const children = new Set<ChildProcess>()
let watching = false

/** Ends this program with its parent: a machine that nobody follows any more would run on. @returns the same child */
export function endsWithUs(child: ChildProcess): ChildProcess {
  if (!watching) {
    watching = true
    process.once('exit', () => {
      for (const one of children) one.kill('SIGKILL')
    })
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const)
      process.once(signal, () => process.exit(code))
  }
  children.add(child)
  child.once('close', () => children.delete(child))
  return child
}
