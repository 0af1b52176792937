import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { npmUnreachable } from '../../testkit/npm.ts'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'

const title = 'the commands of docs/localrun.md publish, write a policy, publish again and verify'
const why = await npmUnreachable()
if (why !== null && process.env['SEALWRIGHT_REQUIRE_PEERS'] !== '1')
  test.skip(`skipped: the npm registry is not reachable (${why}): ${title}`, () => {})
else
  test(
    title,
    () => {
      const page = readFileSync(join(root, 'docs/localrun.md'), 'utf8')
      const commands = /```sh\n([^]*?)```/.exec(page)?.[1] ?? ''
      const folder = scratch('page')
      expect(commands.split('/tmp/try').length).toBeGreaterThan(10)
      const script = `set -e\n${commands.replaceAll('/tmp/try', folder)}`
      const env = { ...process.env, TMPDIR: folder }
      const out = execFileSync('bash', ['-c', script], { cwd: root, env, encoding: 'utf8', timeout: 280_000 })
      expect(out).toContain('deploy: skipped')
      expect(out).toContain('deploy: success\n  verified=true')
      expect(readFileSync(join(folder, 'summary.md'), 'utf8')).toContain('Accepted')
    },
    300_000,
  )
