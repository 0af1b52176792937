import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { npmUnreachable } from '../../testkit/npm.ts'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'

test('the commands of README.md publish an image, write a policy and verify', () => {
  const page = readFileSync(join(root, 'README.md'), 'utf8')
  const blocks = [...page.matchAll(/```sh\n([^]*?)```/g)].map(([, text]) => text ?? '')
  const alias = blocks.find((text) => text.startsWith('alias sealwright=')) ?? ''
  const commands = blocks.find((text) => text.includes('setup-cvm-runner --technology sample')) ?? ''
  const folder = scratch('readme')
  const script = `set -e\nshopt -s expand_aliases\n${alias}${commands.replaceAll('/tmp/', `${folder}/`)}`
  const out = execFileSync('bash', ['-c', `exec 2>&1\n${script}`], { cwd: root, encoding: 'utf8', timeout: 100_000 })
  expect(out).toContain('Accepted with 3 exception(s)')
  expect(out).toContain('verified=true')
  expect(out).toContain('agent stopped')
}, 120_000)

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
