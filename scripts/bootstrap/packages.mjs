import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { withLock } from './lock.mjs'

/**
 * Makes `node_modules` fit `package-lock.json`. The lock's hash is kept in a stamp, so that a run with nothing to do
 * costs one small read. npm's own words go to stderr: stdout belongs to the program that follows.
 */
export async function preparePackages(root, install = runNpm) {
  const stampPath = join(root, 'node_modules/.sealwright-lock')
  const lock = readFileSync(join(root, 'package-lock.json'))
  const wanted = createHash('sha256').update(lock).digest('hex')
  const ready = () => read(stampPath) === wanted
  if (ready()) return
  await withLock(join(root, '.bootstrap-lock'), () => {
    if (ready()) return
    if (!fits(lock, read(join(root, 'node_modules/.package-lock.json')))) {
      install(root)
    }
    writeFileSync(stampPath, wanted)
  })
}

/** Is what npm says it installed the same set that the lock names? Packages for other platforms may be absent. */
export function fits(lockText, installedText) {
  if (installedText === null) return false
  const wanted = JSON.parse(lockText).packages
  const installed = JSON.parse(installedText).packages
  const same = (a, b) => a !== undefined && a.version === b.version && a.integrity === b.integrity
  return (
    Object.entries(installed).every(([path, entry]) => same(wanted[path], entry)) &&
    Object.entries(wanted).every(([path, entry]) => path === '' || entry.optional === true || path in installed)
  )
}

function runNpm(root) {
  console.error('bootstrap: installing the npm packages of package-lock.json …')
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  // npm tells the programs that it runs where it lies itself, also where it is not on PATH.
  const own = process.env.npm_execpath
  const [command, before] =
    own !== undefined && /npm-cli\.c?js$/.test(own) && existsSync(own) ? [process.execPath, [own]] : ['npm', []]
  const done = spawnSync(command, [...before, ...args], { cwd: root, stdio: ['ignore', 2, 2] })
  if (done.error?.code === 'ENOENT') {
    throw new Error(
      'npm is not on PATH and the npm packages are not installed: install npm, or run "npm ci" elsewhere and copy node_modules',
    )
  }
  if (done.error) throw done.error
  if (done.status !== 0) {
    throw new Error(
      `"npm ci" ended with ${done.status ?? done.signal}: its messages are above (it needs a reachable npm registry)`,
    )
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return null
    throw error
  }
}
