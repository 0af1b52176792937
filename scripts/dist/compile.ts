import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** Turns src/bundle.ts and all it imports into JavaScript under the workspace's `js/`; a type error ends the build. */
export function compile(root: string, workspace: string): void {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', join(root, 'tsconfig.dist.json'), '--outDir', join(workspace, 'js')]
  const done = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
  if (done.error) throw done.error
  if (done.status !== 0) throw new Error(`tsc found errors\n${done.stdout}${done.stderr}`)
}
