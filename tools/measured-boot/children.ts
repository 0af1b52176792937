import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const children = new Set<ChildProcess>()
const folders = new Set<string>()
let watching = false

function watch(): void {
  if (watching) return
  watching = true
  process.once('exit', () => {
    for (const child of children) child.kill('SIGKILL')
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)
    process.once(signal, () => process.exit(code))
}

/** A new folder with a short path, for sockets, that goes when this program ends. */
export function temporaryFolder(): string {
  watch()
  const folder = mkdtempSync(join(tmpdir(), 'sealwright-vm-'))
  folders.add(folder)
  return folder
}

/** Ends this program with its parent: a machine that nobody follows any more would run on. @returns the same child */
export function endsWithUs(child: ChildProcess): ChildProcess {
  watch()
  children.add(child)
  child.once('close', () => children.delete(child))
  return child
}
