import { execFile } from 'node:child_process'
import { cpSync, lstatSync, mkdirSync, renameSync, rmdirSync } from 'node:fs'
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
  await copyGit(repository, workspace)
}

/** In a linked work tree `.git` is a file that points to the shared folder: a copy of it would change the original. */
async function copyGit(repository: string, workspace: string): Promise<void> {
  const target = join(workspace, '.git')
  if (lstatSync(join(repository, '.git')).isDirectory()) {
    cpSync(join(repository, '.git'), target, { recursive: true, verbatimSymlinks: true })
    return
  }
  const git = promisify(execFile)
  const { stdout } = await git('git', ['-C', repository, 'rev-parse', 'HEAD'], { encoding: 'utf8' })
  const clone = join(workspace, '.git-clone')
  await git('git', ['clone', '--quiet', '--no-checkout', '--no-tags', repository, clone])
  renameSync(join(clone, '.git'), target)
  rmdirSync(clone)
  await git('git', ['-C', workspace, 'reset', '--quiet', stdout.trim()])
}
