import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import type { RawInputs } from '../../src/doors/context.ts'
import { testPorts } from '../../testkit/ports.ts'

function inputs(given: Record<string, string>, confined = false): RawInputs {
  const ports = testPorts({ env: { TOKEN: 'from-environment' } })
  return rawInputs({
    given: (name) => given[name],
    defaults: { kind: 'a', list: 'x,y' },
    ports,
    confine: confined ? [ports.roots.cwd] : null,
    label: (name) => `--${name}`,
  })
}

test('defaults, lists, choices, numbers and booleans', () => {
  const i = inputs({ n: '5', on: 'True', lines: 'a=1,2\n b=3 \n' })
  expect(i.text('kind')).toBe('a')
  expect(i.list('list')).toEqual(['x', 'y'])
  expect(i.list('lines', true)).toEqual(['a=1,2', 'b=3'])
  expect(i.choice('kind', ['a', 'b'])).toBe('a')
  expect(i.integer('n', 0, 9)).toBe(5)
  expect(i.boolean('on')).toBe(true)
  expect(i.boolean('none')).toBe(false)
})

test.each([
  ['a missing input', (i: RawInputs) => i.required('none'), 'input-missing'],
  ['a foreign choice', (i: RawInputs) => i.choice('n', ['a']), 'input-invalid'],
  ['a number out of range', (i: RawInputs) => i.integer('n', 0, 4), 'input-invalid'],
  ['no number', (i: RawInputs) => i.integer('word', 0, 4), 'input-invalid'],
  ['no boolean', (i: RawInputs) => i.boolean('word'), 'input-invalid'],
])('%s is named with a remedy', (_name, act, code) => {
  expect(() => act(inputs({ n: '5', word: 'yep' }))).toThrow(
    expect.objectContaining({ code, remedy: expect.any(String) }),
  )
})

test('a relative path of a step stays in the workspace; an absolute one may lie anywhere', () => {
  expect(() => inputs({ p: '../x' }, true).path('p')).toThrow(expect.objectContaining({ code: 'input-invalid' }))
  expect(inputs({ p: '/etc/hosts' }, true).path('p')).toBe('/etc/hosts')
  expect(inputs({ p: '../x' }).path('p')).toMatch(/\/x$/)
})

test('a secret comes from the environment or a file, never from the option itself', async () => {
  expect(await inputs({ s: 'env:TOKEN' }).secret('s')).toBe('from-environment')
  const path = join(testPorts().roots.temp, 'key')
  writeFileSync(path, 'from-file\n')
  expect(await inputs({ s: path }).secret('s')).toBe('from-file')
  expect(await inputs({}).secret('s')).toBeNull()
  for (const s of ['literal-secret', 'env:UNSET']) {
    const error: unknown = await inputs({ s })
      .secret('s')
      .catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'input-invalid' })
    expect(String(error)).not.toContain('literal-secret')
  }
})
