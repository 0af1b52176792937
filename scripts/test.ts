/**
 * Runs jest with the arguments given (`npm test -- test/oci`); with `--slow` the slow group, else all others. The last line is `N passed, N failed`; with
 * `SEALWRIGHT_REQUIRE_PEERS=1` a skipped test counts as failed.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { compileCacheEnv } from '../testkit/compile-cache.ts'
import { groupOf, groupVariable } from './test/groups.ts'
import { closingLine } from './test/totals.ts'

const root = resolve(import.meta.dirname, '..')
// Short, since the path of a Unix socket below it has 100 bytes at most. What tests leave behind goes with it.
const scratch = mkdtempSync(join(tmpdir(), 'sw-'))
// Tests run workers as other users, who reach their sockets through this folder as they do through /tmp.
chmodSync(scratch, 0o1777)
const totalsPath = join(scratch, 'totals.json')
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning']
const jest = join(root, 'node_modules/jest/bin/jest.js')
const { group, rest } = groupOf(process.argv.slice(2))
const done = spawnSync(
  process.execPath,
  [...flags, jest, `--cacheDirectory=${join(tmpdir(), 'sealwright-jest-cache')}`, ...rest],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      TMPDIR: scratch,
      SEALWRIGHT_TEST_TOTALS: totalsPath,
      [groupVariable]: group,
      // Jest and what tests start from sources are compiled once.
      ...compileCacheEnv,
    },
  },
)
let totals: string | null = null
try {
  totals = readFileSync(totalsPath, 'utf8')
} catch {
  // Jest wrote none: it listed tests or showed its help, or it broke down. Its exit code tells which.
}
try {
  rmSync(scratch, { recursive: true, force: true, maxRetries: 3 })
} catch (error) {
  console.error(`${scratch} could not be removed: ${String(error)}`)
}
const { line, exitCode } = closingLine(totals, done.status)
if (line !== null) console.log(line)
process.exitCode = exitCode
