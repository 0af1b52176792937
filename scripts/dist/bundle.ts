import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { splitShared } from './chunks.ts'
import { readTree } from './files.ts'
import { trimPackages } from './trim.ts'

export interface Bundled {
  /** `index.js` and the chunks, by name. */
  readonly files: Map<string, Buffer>
  /** Folders of the packages that went in, relative to the workspace, sorted. */
  readonly packages: readonly string[]
}

/** Runs ncc once over the compiled entry, in a process of its own that sees nothing of this machine's settings. */
export function bundle(workspace: string): Bundled {
  splitShared(workspace)
  trimPackages(workspace)
  const child = join(import.meta.dirname, 'ncc-child.mjs')
  const out = join(workspace, 'out')
  const done = spawnSync(process.execPath, [child, workspace, join(workspace, 'js/bundle.js'), out], {
    cwd: workspace,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', HOME: workspace, TMPDIR: workspace },
  })
  if (done.error) throw done.error
  if (done.status !== 0) throw new Error(`ncc failed\n${done.stdout}${done.stderr}`)
  const files = readTree(out)
  // ncc's note that its output is ESM; the stubs and the bundle lie below one of our own.
  files.delete('package.json')
  const unexpected = [...files.keys()].filter((name) => !/^(\d+\.)?index\.js$/.test(name))
  if (unexpected.length > 0) throw new Error(`ncc copied files beside the bundle: ${unexpected.join(', ')}`)
  // What ncc cannot find it leaves to the run time, where there is no node_modules.
  const unresolved = [...files].filter(([, bytes]) => bytes.includes('eval("require")')).map(([name]) => name)
  if (unresolved.length > 0) {
    throw new Error(
      `ncc did not find a package that ${unresolved.join(', ')} loads: is it in dependencies, and in the lock?`,
    )
  }
  return { files, packages: JSON.parse(readFileSync(join(workspace, 'packages.json'), 'utf8')) as string[] }
}
