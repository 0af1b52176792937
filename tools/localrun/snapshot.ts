import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { checkout } from './checkout.ts'

/**
 * A repository of one commit with the tracked files of another one as they are, so that a commit names what has not been committed yet.
 *
 * @returns the id of the commit
 */
export async function snapshot(repository: string, target: string): Promise<string> {
  await checkout(repository, target)
  rmSync(join(target, '.git'), { recursive: true })
  execFileSync('git', ['-C', target, 'init', '--quiet', '--initial-branch=main'])
  return commitAll(target)
}

/** Commits everything in a folder, ignored files too. @returns the id of the commit */
export function commitAll(folder: string): string {
  const git = (...args: string[]): string =>
    execFileSync(
      'git',
      ['-C', folder, '-c', 'user.name=localrun', '-c', 'user.email=localrun@example.com', '-c', 'gc.auto=0', ...args],
      { encoding: 'utf8' },
    )
  git('add', '--force', '--all', '.')
  git('commit', '--quiet', '--allow-empty', '--message', 'snapshot')
  return git('rev-parse', 'HEAD').trim()
}
