import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compareVersions, parseVersion, versionRange } from '../../src/tasks/receive/subscription/version-range.ts'
import { matchRepositories, tagFilter } from '../../src/tasks/receive/subscription/sources.ts'
import { scratch } from '../../testkit/ports.ts'
import { actionRunner } from '../../testkit/working-job.ts'
import { putSmallImage } from '../../testkit/small-image.ts'
import { open, place, ports, receiver } from './support.ts'

describe('ranges of versions', () => {
  test.each([
    ['>=1.2.0 <2', ['1.2.0', 'v1.9.9'], ['1.1.9', '2.0.0', '1.5.0-rc.1', 'latest', '1.5']],
    ['^1.2', ['1.2.0', '1.99.0'], ['2.0.0', '1.1.0']],
    ['^0.2.3', ['0.2.3', '0.2.9'], ['0.3.0', '0.2.2']],
    ['^0.0.3', ['0.0.3'], ['0.0.4']],
    ['~1.2.3', ['1.2.3', '1.2.9'], ['1.3.0', '1.2.2']],
    ['~1', ['1.9.0'], ['2.0.0']],
    ['1.x', ['1.0.0', '1.9.9'], ['2.0.0', '0.9.0']],
    ['1.2.3', ['1.2.3', 'v1.2.3', '1.2.3+build'], ['1.2.4']],
    ['>1.2', ['1.3.0'], ['1.2.9']],
    ['<=1.2', ['1.2.9', '1.0.0'], ['1.3.0']],
    ['>1.2.3', ['1.2.4'], ['1.2.3']],
    ['<=1.2.3', ['1.2.3'], ['1.2.4']],
    ['>=2.0.0-rc.2 <3', ['2.0.0-rc.10', '2.0.0'], ['2.0.0-rc.1', '3.0.0', '3.0.0-rc.1']],
  ])('%s', (range, fit, others) => {
    const fits = versionRange(range)
    expect([fit.filter((tag) => !fits(tag)), others.filter(fits)]).toEqual([[], []])
  })

  test.each(['', 'one', '>=1.2.3.4', '>>1', '1.2 || 2', 'x'])('%j is refused', (range) => {
    expect(() => versionRange(range)).toThrow(expect.objectContaining({ code: 'input-invalid', subject: 'tags' }))
  })

  test('pre-releases have the order of semver.org §11', () => {
    const order = ['1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0-rc.1', '1.0.0'] // prettier-ignore
    const versions = order.map((text) => parseVersion(text) ?? fail(text))
    for (const [i, a] of versions.entries())
      for (const [j, b] of versions.entries()) expect(Math.sign(compareVersions(a, b))).toBe(Math.sign(i - j))
  })
})

function fail(text: string): never {
  throw new Error(text)
}

test("patterns choose tags, and cosign's tags are no images", () => {
  const fits = tagFilter(['v1.*', 'semver:^2'])
  const hanging = ['', '.sig', '.vex', '.'].map((end) => `sha256-${'a'.repeat(64)}${end}`)
  const tags = ['v1.0', 'v2.1.0', 'latest', ...hanging]
  expect(tags.filter(fits)).toEqual(['v1.0', 'v2.1.0'])
  for (const all of [[], ['*'], ['sha256-*']])
    expect(tags.filter(tagFilter(all))).toEqual(all[0] === 'sha256-*' ? [] : ['v1.0', 'v2.1.0', 'latest'])
})

describe('repositories', () => {
  const entry = { from: 'ghcr.io/a/*', to: 'registry.example/mirror/*', tags: [], repositories: ['ghcr.io/a/one', 'ghcr.io/b/two'] } // prettier-ignore
  test('of a list are chosen by a pattern, whose part the target takes over', () => {
    expect(matchRepositories(entry)).toEqual([
      { from: 'ghcr.io/a/one', to: 'registry.example/mirror/one', part: 'one' },
    ])
  })
  test.each([
    ['no list', { repositories: [] }, 'from'],
    ['none that fits', { repositories: ['ghcr.io/b/two'] }, 'from'],
    ['two stars', { from: 'ghcr.io/*/*' }, 'from'],
    ['no star in the target', { to: 'registry.example/mirror' }, 'to'],
    ['a star in the target alone', { from: 'ghcr.io/a/one' }, 'to'],
  ])('%s is refused', (_what, change, subject) => {
    expect(() => matchRepositories({ ...entry, ...change })).toThrow(
      expect.objectContaining({ code: 'input-invalid', subject }),
    )
  })
})

/** A folder with two images of a publisher, one of which the policy admits, and a subscription. */
async function publisher(): Promise<{
  folder: string
  layout: string
  run: ReturnType<typeof actionRunner>
  digest: string
}> {
  const folder = scratch('subscription')
  const layout = `oci:${join(folder, 'source')}`
  const made = await place(layout)
  await open(layout).tag('v1.0.0', made.digest)
  await putSmallImage(open(layout), { 'other.txt': 'nobody signed this' }, 'v1.1.0')
  writeFileSync(join(folder, 'policy.yml'), made.policy.text)
  writeFileSync(join(folder, 'receiver.pem'), receiver.key.export({ format: 'pem', type: 'pkcs8' }).toString())
  return { folder, layout, run: actionRunner(ports, join(folder, 'state')), digest: made.digest }
}

test('a subscription promotes what is new, goes on after a failure, and ends with the worst exit code', async () => {
  const { folder, layout, run, digest } = await publisher()
  const to = `oci:${join(folder, 'target')}`
  const entries = [
    { from: `oci:${join(folder, 'absent')}`, to, policy: 'policy.yml' },
    { from: layout, to, policy: 'policy.yml', tags: ['semver:^1'], environment: 'production' },
  ]
  writeFileSync(join(folder, 'subscription.yml'), JSON.stringify({ version: 1, entries }))
  const given = { subscription: join(folder, 'subscription.yml'), signer: 'key', key: join(folder, 'receiver.pem') }
  const first = await run('promote', given)
  const states = (json = '[]'): unknown[] =>
    (JSON.parse(json) as { from: string; state: string }[]).map(({ from, state }) => [from.split(':').at(-1), state])
  expect(states(first.outputs['results-json'])).toEqual([
    [join(folder, 'absent'), 'failed'],
    ['v1.0.0', 'promoted'],
    ['v1.1.0', 'refused'],
  ])
  expect(first.exitCode).toBe(2)
  expect(first.report.headline).toContain('2 of 3 failed: 1 promoted')
  expect(await open(to).resolve({ tag: 'v1.0.0' })).toMatchObject({ digest })
  expect(await open(to).resolve({ tag: 'v1.1.0' })).toBeNull()
  const again = await run('promote', given)
  expect(states(again.outputs['results-json'])[1]).toEqual(['v1.0.0', 'present'])
  const refreshed = await run('promote', { ...given, refresh: 'true' })
  expect(states(refreshed.outputs['results-json'])[1]).toEqual(['v1.0.0', 'promoted'])
})

test('tags of one repository; what is there already is passed over', async () => {
  const { folder, layout, run } = await publisher()
  const to = `oci:${join(folder, 'target')}`
  const given = { from: layout, to, tags: 'v1.0.*', policy: join(folder, 'policy.yml') }
  expect(await run('promote', { ...given, 'dry-run': 'true' })).toMatchObject({
    exitCode: 0,
    outputs: { promoted: 'false' },
  })
  await expect(open(to).tags()).rejects.toMatchObject({ code: 'not-found' })
  expect(await run('promote', given)).toMatchObject({ exitCode: 0, outputs: { promoted: 'true' } })
  const { outputs } = await run('promote', given)
  expect(JSON.parse(outputs['results-json'] ?? '')).toMatchObject([{ state: 'present' }])
})

test.each([
  [{ version: 1, entries: [{ from: 'a/b', to: 'c/d', policy: 'p', colour: 'red' }] }, /colour/],
  [{ version: 1, entries: [] }, /entries/],
  [{ version: 2, entries: [{ from: 'a/b', to: 'c/d', policy: 'p' }] }, /version/],
])('a subscription that is not of its form is refused: %#', async (document, message) => {
  const { folder, run } = await publisher()
  writeFileSync(join(folder, 'subscription.yml'), JSON.stringify(document))
  const asked = run('promote', { subscription: join(folder, 'subscription.yml') })
  await expect(asked).rejects.toMatchObject({
    code: 'file-invalid',
    message: expect.stringMatching(message) as unknown,
  })
})

test('subscription excludes the inputs that its entries have', async () => {
  const { folder, run } = await publisher()
  const asked = run('promote', { subscription: join(folder, 'subscription.yml'), from: 'a.example/b' })
  await expect(asked).rejects.toMatchObject({ code: 'input-invalid', subject: 'from' })
})
