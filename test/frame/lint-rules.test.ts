import { checkCasts, countCasts, lowered } from '../../scripts/lint/casts.ts'
import { checkCircles } from '../../scripts/lint/circles.ts'
import { checkDependencies, importers, type Manifest } from '../../scripts/lint/dependencies.ts'
import { checkInputNames } from '../../scripts/lint/inputs.ts'
import { graph } from '../../scripts/lint/graph.ts'
import type { Source } from '../../scripts/lint/sources.ts'
import { measureDoors } from '../../scripts/lint/text.ts'
import { checkPages, checkWorkflows } from '../../scripts/lint/workflows.ts'

const source = (path: string, ...lines: string[]): Source => ({ path, text: `${lines.join('\n')}\n` })

describe('inputs in remedies', () => {
  const names = ['signer', 'kbs-url', 'image', 'incomplete', 'reference-values']
  const remedy = (text: string, path = 'src/tasks/x.ts'): string[] =>
    checkInputNames([source(path, `throw new InputError('x', 'y', {`, `  remedy: ${text},`, '})')], names)

  test.each([
    ["'Set signer: key.'", 'signer: key'],
    ["'Give kbs-url or a key.'", 'kbs-url'],
    ['`Use signer: key or ${other}.`', 'signer: key'],
    ["\n    'Give kbs-url.'", 'kbs-url'],
  ])('refused: %s', (text, found) => {
    expect(remedy(text)).toEqual([`src/tasks/x.ts: a remedy names the input "${found}" without backticks`])
  })
  test.each([
    "'Set `signer: key`.'",
    '`Give \\`kbs-url\\`.`',
    "'Repair the image: build it again.'",
    "'The copy is incomplete: publish it again.'",
    `'Sign it with "sealwright tee reference-values sign".'`,
  ])('allowed: %s', (text) => {
    expect(remedy(text)).toEqual([])
  })
  test('allowed on the command line, which has its own form', () => {
    expect(remedy("'Set signer: key.'", 'src/cli/x.ts')).toEqual([])
  })
})

test('a page shows no action of a checkout that its readers do not have', () => {
  const page = (line: string): Source => source('docs/x.md', 'Text: `uses: ./x`', '```yaml', line, '```')
  expect(checkPages([page('- uses: ./actions/sbom')])).toEqual([
    'docs/x.md:3: readers do not have "./actions/sbom". Use "OWNER/REPO/actions/sbom@SHA"',
  ])
  expect(checkPages([page('- uses: OWNER/REPO/actions/sbom@SHA # not uses: ./actions/sbom')])).toEqual([])
})

describe('workflows', () => {
  const reusable = (uses: string): Source =>
    source('.github/workflows/x.yml', 'on:', '  workflow_call:', 'jobs:', '  a:', '    steps:', `      - uses: ${uses}`)
  const composite = (uses: string): Source =>
    source('c/action.yml', 'runs:', '  using: composite', '  steps:', '    - id: a', `      uses: ${uses}`)

  test.each([
    ['a reusable workflow', reusable('./actions/sbom'), './actions/sbom'],
    ['a quoted name', reusable("'./actions/sbom'"), './actions/sbom'],
    ['the root action', reusable('./'), './'],
    ['a step on one line', reusable('x@y\n      - { id: b, uses: ./tools/x }'), './tools/x'],
    ['a composite action', composite('./actions/sbom'), './actions/sbom'],
    [
      'a list of events',
      source('w.yaml', 'on: [push, workflow_call]', 'jobs: { a: { steps: [{ uses: "./a" }] } }'),
      './a',
    ],
  ])("refused, since it is read from the caller's checkout: %s", (_name, file, used) => {
    const found = checkWorkflows([file])
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(`"${used}" is read from the caller's checkout`)
  })

  test.each([
    ['$/', reusable('$/actions/sbom')],
    ['a commit', reusable('o/r/actions/sbom@0123456789abcdef0123456789abcdef01234567')],
    ['a comment', reusable('$/a # not ./a, and not uses: ./b')],
    [
      'a workflow of the same repository',
      source('w.yml', 'on: { workflow_call: {} }', 'jobs:', '  a:', '    uses: ./.github/workflows/b.yml'),
    ],
    [
      'a workflow that nobody calls',
      source('w.yml', 'on: push', '# like workflow_call', '      - uses: ./actions/sbom'),
    ],
    ['a JavaScript action', source('a/action.yml', 'runs:', '  using: node24', '  main: ./x.js')],
  ])('allowed: %s', (_name, file) => {
    expect(checkWorkflows([file])).toEqual([])
  })
})

describe('casts', () => {
  test('assertions are counted, and nothing that only looks like one', () => {
    const path = 'src/oci/a.ts'
    const file = source(
      path,
      "import { a as b } from './b.ts'",
      "import * as c from './c.ts'",
      "export * as d from './d.ts'",
      'const one = JSON.parse(b) as string // as number',
      'const two = <number>(c as unknown)',
      "const three = ['x'] as const",
      'const four = `as string ${one as string} as string`',
      "const five = 'x as string'",
      'const six = /[\'"] as string/.test(four) satisfies boolean',
      'function seven<T>(x: T): T { return x }',
      'export { one as two2 }',
    )
    expect(countCasts([file])).toEqual({ [path]: 4 })
  })

  test('tests, tools and clean files are not in the list', () => {
    const cast = 'const a = 1 as unknown'
    expect(
      countCasts([source('test/a.ts', cast), source('tools/a.ts', cast), source('src/a.ts', 'const a = 1')]),
    ).toEqual({})
  })

  test.each([
    ['one more', { a: 2 }, { a: 1 }, /^a: 2 type assertions .*allowed 1/],
    ['a file without a place', { a: 1, b: 1 }, { a: 1 }, /^b: 1 type assertions .*allowed 0/],
    ['one fewer: the list must fall too', { a: 1 }, { a: 2 }, /^a: 1 type assertions, the list still allows 2/],
    ['none left', {}, { a: 2 }, /^a: 0 type assertions/],
  ])('refused: %s', (_name, counts, list, message) => {
    const found = checkCasts(counts as Record<string, number>, list)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(message)
  })

  test('the list holds as it is, falls with --fix, and never rises', () => {
    expect(checkCasts({ a: 2 }, { a: 2 })).toEqual([])
    expect(lowered({ a: 1 }, { a: 2 })).toEqual({ a: 1 })
    expect(lowered({ moved: 2 }, { a: 2 })).toEqual({ moved: 2 })
    expect(lowered({ a: 2, b: 1 }, { a: 2 })).toBeNull()
  })
})

describe('dependencies', () => {
  const page = (shipped: string, development: string): Source =>
    source(
      'docs/dependencies.md',
      '## In `dist/`',
      '| package | imported in | why |',
      '|---|---|---|',
      shipped,
      '## For development',
      '| package | imported in | why |',
      '|---|---|---|',
      development,
    )
  const manifest = (shipped: string[], development: string[]): Manifest => ({
    dependencies: Object.fromEntries(shipped.map((name) => [name, '1.0.0'])),
    devDependencies: Object.fromEntries(development.map((name) => [name, '1.0.0'])),
  })
  const code = [
    source('src/x.ts', "import { a } from '@s/a/deep.js'", "import { b } from 'node:fs'", "await import('./c.ts')"),
    source('test/y.ts', "import type { T } from 't'"),
    source('scripts/z.mjs', "createRequire(where)('n')"),
  ]

  test('imports are found by package, lazy ones and those of scripts too', () => {
    const found = importers(code, ['n'])
    expect(Object.fromEntries([...found].map(([name, folders]) => [name, [...folders]]))).toEqual({
      '@s/a': ['src'],
      t: ['test'],
      n: ['scripts'],
    })
  })

  const good = page('| `@s/a` | src | why |', '| `t` | test | why |\n| `n` | scripts | why |\n| `p` | program | why |')
  test('a table that is true passes', () => {
    expect(checkDependencies([...code, good], manifest(['@s/a'], ['t', 'n', 'p']))).toEqual([])
  })

  test('one for later says so', () => {
    const table = page(
      '| `t` | test; not yet in src | why |\n| `s` | not yet in src | why |',
      '| `n` | scripts | why |',
    )
    expect(checkDependencies([...code.slice(1), table], manifest(['t', 's'], ['n']))).toEqual([])
  })

  test.each([
    ['dead', good, ['@s/a'], ['t', 'n', 'p', 'dead'], 'dead has no row'],
    [
      'dead, with a row',
      page('| `@s/a` | src | w |', '| `t` | test | w |\n| `n` | scripts | w |\n| `d` | test | w |'),
      ['@s/a'],
      ['t', 'n', 'd'],
      'd is imported nowhere',
    ],
    [
      'misplaced',
      page('', '| `@s/a` | src | w |\n| `t` | test | w |\n| `n` | scripts | w |'),
      [],
      ['@s/a', 't', 'n'],
      'it belongs into "dependencies"',
    ],
    [
      'shipped, but src does not import it',
      page('| `@s/a` | src | w |\n| `t` | test | w |', '| `n` | scripts | w |'),
      ['@s/a', 't'],
      ['n'],
      'expected "test; not yet in src"',
    ],
    [
      'another folder',
      page('| `@s/a` | src, tools | w |', '| `t` | test | w |\n| `n` | scripts | w |'),
      ['@s/a'],
      ['t', 'n'],
      'found "src, tools", expected "src"',
    ],
    [
      'undeclared',
      page('', '| `t` | test | w |\n| `n` | scripts | w |'),
      [],
      ['t', 'n'],
      '@s/a is imported in src and is not in package.json',
    ],
  ])('refused: %s', (_name, table, shipped, development, message) => {
    const found = checkDependencies([...code, table], manifest(shipped, development))
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(message)
  })
})

describe('parts of a room', () => {
  test('an action and the registry that lead to each other are a circle', () => {
    const found = checkCircles([
      source('src/actions/publish/main.ts', "import { doors } from '../registry.ts'"),
      source('src/actions/registry.ts', "await import('./publish/main.ts')"),
    ])
    expect(found).toEqual(['circle inside rooms: src/actions/publish → src/actions/registry → src/actions/publish'])
  })
  test('over two rooms both are told', () => {
    const found = checkCircles([
      source('src/cli/tee/a.ts', "import { x } from '../../doors/x.ts'"),
      source('src/doors/x.ts', "await import('../cli/tee/a.ts')"),
    ])
    expect(found).toEqual([
      'circle of rooms: src/cli → src/doors → src/cli',
      'circle inside rooms: src/cli/tee → src/doors/x → src/cli/tee',
    ])
  })
  test('two actions that use one file are none, nor are types', () => {
    expect(
      checkCircles([
        source('src/actions/a/main.ts', "import { x } from '../shared.ts'"),
        source('src/actions/b/main.ts', "import { x } from '../shared.ts'"),
        source('src/actions/shared.ts', "import type { A } from './a/main.ts'"),
      ]),
    ).toEqual([])
  })
})

test('the graph lists floors from the top, and rooms with what they import', () => {
  const lines = graph([
    source('src/verify/a.ts', "import { b } from '../oci/b.ts'", "import { c } from '../base/c.ts'", "import './d.ts'"),
    source('src/verify/e.ts', "import type { b } from '../oci/b.ts'"),
    source('src/oci/b.ts'),
  ])
  expect(lines[0]).toBe('floor 6 doors')
  expect(lines.slice(2)).toEqual([
    'floor 4 chain',
    '  verify → oci (2), base (1)',
    'floor 3 trades',
    'floor 2 statements',
    'floor 1 artifacts',
    '  oci → –',
    'floor 0 ground',
  ])
})

test('the doors are measured without generated files, and held to their size once that is asked for', () => {
  const files = [
    source('src/actions/a/main.ts', ...Array.from({ length: 3000 }, () => 'x')),
    source('src/doors/b.ts', ...Array.from({ length: 501 }, () => 'x')),
    source('src/doors/c.ts', '// Generated by y', 'x'),
    source('src/cli/d.ts', 'x'),
  ]
  expect(measureDoors(files, false).findings).toEqual([])
  expect(measureDoors(files, true).findings).toEqual([
    'src/actions + src/doors: 3501 lines, 2 more generated; at most 3500',
  ])
  expect(measureDoors(files.slice(0, 1), true).findings).toEqual([])
})
