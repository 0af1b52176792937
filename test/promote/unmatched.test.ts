import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratch } from '../../testkit/ports.ts'
import { actionRunner } from '../../testkit/working-job.ts'
import { open, place, ports } from './support.ts'

// Names in a subscription that lead nowhere, and names that lead elsewhere.

interface Row {
  from: string
  state: string
  pattern?: string
  reasons: string[]
}

async function publisher(): Promise<{ folder: string; run: ReturnType<typeof actionRunner>; layout: string }> {
  const folder = scratch('names')
  const layout = `oci:${join(folder, 'published', 'app')}`
  const made = await place(layout)
  await open(layout).tag('stable', made.digest)
  writeFileSync(join(folder, 'policy.yml'), made.policy.text)
  return { folder, layout, run: actionRunner(ports, join(folder, 'state')) }
}

const rows = (json = '[]'): Row[] => JSON.parse(json) as Row[]

test('a tag that is named and is not there is an error, a pattern that fits nothing a note', async () => {
  const { folder, layout, run } = await publisher()
  const given = { from: layout, to: `oci:${join(folder, 'to')}`, policy: join(folder, 'policy.yml') }
  const pattern = await run('promote', { ...given, tags: 'v9.*\nsemver:^9\nstable' })
  expect(pattern.exitCode).toBe(0)
  expect(rows(pattern.outputs['results-json']).map(({ state, pattern: text }) => [state, text])).toEqual([
    ['promoted', undefined],
    ['unmatched', 'v9.*'],
    ['unmatched', 'semver:^9'],
  ])
  expect(pattern.outputs['promoted']).toBe('true')
  expect(pattern.report.headline).toContain('2 pattern(s) fit no tag')
  expect(pattern.lines?.join('\n')).toContain('no tag fits "v9.*"')

  const literal = await run('promote', { ...given, tags: 'stabel' })
  expect([literal.exitCode, literal.outputs['reasons']]).toEqual([2, 'not-found'])
  expect(rows(literal.outputs['results-json'])).toMatchObject([{ state: 'failed', reasons: ['not-found'] }])
  expect(literal.lines?.join('\n')).toContain(`tags: ${layout} has no tag "stabel"`)
})

test('a tag that one of several repositories has is not missed in the others', async () => {
  const { folder, layout, run } = await publisher()
  const other = await place(`oci:${join(folder, 'published', 'other')}`)
  expect(other.digest).toMatch(/^sha256:/)
  writeFileSync(join(folder, 'list'), `${layout}\noci:${join(folder, 'published', 'other')}\n`)
  const given = {
    from: `oci:${join(folder, 'published', '*')}`,
    to: `oci:${join(folder, 'mirror', '*')}`,
    repositories: join(folder, 'list'),
    policy: join(folder, 'policy.yml'),
  }
  const one = await run('promote', { ...given, tags: 'stable' })
  expect([one.exitCode, rows(one.outputs['results-json']).map(({ state }) => state)]).toEqual([
    0,
    ['promoted', 'unmatched'],
  ])
  const none = await run('promote', { ...given, tags: 'absent' })
  expect([none.exitCode, rows(none.outputs['results-json']).map(({ state }) => state)]).toEqual([
    2,
    ['failed', 'failed'],
  ])
})

const badParts = ['../outside', 'a/../../outside', './a', '/a', 'a//b', 'a/.', '..', 'a\\b', 'a:b', 'a@b']

test('names of a list that lead out of the target are refused by name, and the others go on', async () => {
  const { folder, layout, run } = await publisher()
  const source = join(folder, 'published')
  writeFileSync(join(folder, 'list'), [...badParts.map((part) => `oci:${source}/${part}`), layout].join('\n'))
  // What the first names lead to is there at the source.
  await place(`oci:${join(folder, 'outside')}`)
  const before = readdirSync(folder)
  const { exitCode, outputs, lines } = await run('promote', {
    from: `oci:${source}/*`,
    to: `oci:${join(folder, 'mirror', 'inner')}/*`,
    repositories: join(folder, 'list'),
    policy: join(folder, 'policy.yml'),
  })
  expect(exitCode).toBe(2)
  const done = rows(outputs['results-json'])
  expect(done.slice(0, badParts.length)).toMatchObject(
    badParts.map((part) => ({ from: `oci:${source}/${part}`, state: 'failed', reasons: ['input-invalid'] })),
  )
  expect(lines?.filter((line) => line.includes('which is no name of a repository'))).toHaveLength(badParts.length)
  expect(done.slice(badParts.length).map(({ state }) => state)).toEqual(['promoted', 'promoted'])
  expect(readdirSync(join(folder, 'mirror'))).toEqual(['inner'])
  expect(readdirSync(join(folder, 'mirror', 'inner'))).toEqual(['app'])
  const after = readdirSync(folder).filter((name) => !before.includes(name))
  expect(after.filter((name) => name !== 'state')).toEqual(['mirror'])
})
