import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { projectFiles } from '../../scripts/lint/sources.ts'
import { groupOf, groupVariable, type Group } from '../../scripts/test/groups.ts'
import { root } from '../../testkit/peers.ts'

/** The files that jest itself would run. */
function listed(group: Group): string[] {
  const jest = join(root, 'node_modules/jest/bin/jest.js')
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--experimental-vm-modules', jest, '--listTests'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, [groupVariable]: group },
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
    .trim()
    .split('\n')
    .map((path) => relative(root, path))
}

test('every file of tests is in exactly one group, and both have some', () => {
  const [rules, slow] = [listed('rules'), listed('slow')]
  const all = projectFiles(root)
    .map(({ path }) => path)
    .filter((path) => /\.(test|spec)\.[cm]?[jt]sx?$/.test(path) && !/^(dist|examples)\//.test(path))
  expect([...rules, ...slow].sort()).toEqual(all.sort())
  expect(slow).toContain('test/oci/kill.slow.test.ts')
  expect(rules).toContain('test/frame/groups.test.ts')
})

test('--slow chooses the group, and jest gets the rest', () => {
  expect(groupOf(['test/oci', '-t', 'a'])).toEqual({ group: 'rules', rest: ['test/oci', '-t', 'a'] })
  expect(groupOf(['--slow', 'test/oci'])).toEqual({ group: 'slow', rest: ['test/oci'] })
})

test('.ci/run runs and counts both groups, and neither may skip for want of a program', () => {
  const script = readFileSync(join(root, '.ci/run'), 'utf8')
  const steps = script.split('\n').filter((line) => /^step \S+ \d+ .*npm (test|run)\b/.test(line))
  for (const [name, command] of [
    ['test', 'npm test --silent'],
    ['test-slow', 'npm run --silent test:slow'],
  ] as const) {
    const own = steps.filter((line) => line.startsWith(`step ${name} `))
    expect(own).toHaveLength(1)
    expect(own[0]).toContain('SEALWRIGHT_REQUIRE_PEERS-1')
    expect(own[0]!.endsWith(command)).toBe(true)
    expect(script).toMatch(new RegExp(String.raw`if \[\[ .*\$name = ${name} .*\]\] && \[\[ \$\(tail`))
  }
})
