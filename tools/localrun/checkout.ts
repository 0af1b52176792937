import { execFile } from 'node:child_process'
import { cpSync, lstatSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** What `actions/checkout` becomes here: a copy of the tracked files, as they are, and of `.git` (as act does). */
export async function checkout(repository: string, workspace: string): Promise<void> {
  const { stdout } = await promisify(execFile)('git', ['-C', repository, 'ls-files', '-z'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  for (const path of stdout.split('\0').filter((p) => p !== '')) {
    // Deleted but not committed: the copy is of the files as they are.
    if (lstatSync(join(repository, path), { throwIfNoEntry: false }) === undefined) continue
    mkdirSync(dirname(join(workspace, path)), { recursive: true })
    cpSync(join(repository, path), join(workspace, path), { verbatimSymlinks: true, preserveTimestamps: true })
  }
  cpSync(join(repository, '.git'), join(workspace, '.git'), { recursive: true, verbatimSymlinks: true })
}
