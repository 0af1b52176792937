import { checkCircles, circles } from '../../scripts/lint/circles.ts'
import { checkFloors } from '../../scripts/lint/floors.ts'
import { checkSides } from '../../scripts/lint/sides.ts'
import { importsOf, type Source } from '../../scripts/lint/sources.ts'
import { checkLength, checkTraces } from '../../scripts/lint/text.ts'

const source = (path: string, ...lines: string[]): Source => ({ path, text: `${lines.join('\n')}\n` })

describe('imports', () => {
  test('every form is seen, with its line', () => {
    const found = importsOf(
      source(
        'src/oci/x.ts',
        "import { a } from './a.ts'",
        "import type { B } from '../base/b.ts'",
        "import c, { type D } from 'c'",
        "import * as e from 'node:e'",
        'import {',
        '  f,',
        "} from './deep/f.ts'",
        "import './g.ts'",
        "export * from './h.ts'",
        "export type { I } from './i.ts'",
        "const j = await import('./j.ts')",
        "type K = import('./k.ts').K",
        "// const l = await import('./l.ts')",
        'export interface M {',
        '  from: string',
        '}',
      ),
    )
    expect(found.map(({ target, specifier, line }) => [target ?? specifier, line])).toEqual([
      ['src/oci/a.ts', 1],
      ['src/base/b.ts', 2],
      ['c', 3],
      ['node:e', 4],
      ['src/oci/deep/f.ts', 5],
      ['src/oci/g.ts', 8],
      ['src/oci/h.ts', 9],
      ['src/oci/i.ts', 10],
      ['src/oci/j.ts', 11],
      ['src/oci/k.ts', 12],
    ])
    expect(found.filter((i) => i.typeOnly).map((i) => i.line)).toEqual([2, 10, 12])
    expect(found.filter((i) => i.lazy).map((i) => i.line)).toEqual([11, 12])
  })
})

describe('floors', () => {
  test.each([
    ['downward', 'src/verify/x.ts', "import { a } from '../oci/a.ts'"],
    ['beside, on an open floor', 'src/agent/x.ts', "import { a } from '../journal/a.ts'"],
    ['inside its own trade', 'src/sbom/x.ts', "import { a } from './scan/a.ts'"],
    ['@actions in runner', 'src/runner/x.ts', "import * as core from '@actions/core'"],
    ['the roof sees all', 'src/bundle.ts', "await import('./cli/main.ts')"],
  ])('%s is allowed', (_, path, line) => {
    expect(checkFloors([source(path, line)])).toEqual([])
  })

  test.each([
    ['upward', 'src/oci/x.ts', "import { a } from '../verify/a.ts'", /imports upward/],
    ['upward, a type', 'src/oci/x.ts', "import type { A } from '../verify/a.ts'", /imports upward/],
    ['upward, lazily', 'src/oci/x.ts', "await import('../verify/a.ts')", /imports upward/],
    ['to the roof', 'src/cli/x.ts', "import { a } from '../bundle.ts'", /imports upward/],
    ['another trade', 'src/encrypt/x.ts', "import { a } from '../kbs/a.ts'", /must not know each other/],
    ['report and runner', 'src/report/x.ts', "import { a } from '../runner/a.ts'", /must not know each other/],
    ['@actions elsewhere', 'src/actions/x.ts', "import { context } from '@actions/github'", /src\/runner only/],
    ['out of src', 'src/oci/x.ts', "import { a } from '../../tools/a.ts'", /outside of src/],
    ['an unknown room', 'src/attic/x.ts', 'export const a = 1', /on no floor/],
    ['into an unknown room', 'src/cli/x.ts', "import { a } from '../attic/a.ts'", /on no floor/],
  ])('%s is refused', (_, path, line, message) => {
    const [finding, ...more] = checkFloors([source(path, line)])
    expect(finding).toMatch(message)
    expect(finding).toContain(path)
    expect(more).toEqual([])
  })
})

describe('sides', () => {
  test.each([
    ['test to testkit', 'test/oci/x.ts', "import { a } from '../../testkit/a.ts'"],
    ['test to scripts', 'test/frame/x.ts', "import { a } from '../../scripts/a.ts'"],
    ['tools to testkit', 'tools/demo/x.ts', "import { a } from '../../testkit/a.ts'"],
    ['a test beside its tool', 'tools/demo/x.test.ts', "import { a } from './x.ts'"],
    ['testkit to src', 'testkit/tee/x.ts', "import { a } from '../../src/a.ts'"],
    ['the manifest', 'testkit/x.ts', "import json from '../package.json'"],
  ])('%s is allowed', (_, path, line) => {
    expect(checkSides([source(path, line)])).toEqual([])
  })

  test.each([
    ['test to tools', 'test/oci/x.ts', "import { a } from '../../tools/a.ts'"],
    ['tools to test', 'tools/demo/x.ts', "import { a } from '../../test/oci/a.ts'"],
    ['a test beside its tool, to test', 'tools/demo/x.test.ts', "import { a } from '../../test/oci/a.ts'"],
    ['tools to test, a type', 'tools/demo/x.ts', "import type { A } from '../../test/oci/a.ts'"],
    ['tools to test, lazily', 'tools/demo/x.ts', "await import('../../test/oci/a.ts')"],
    ['testkit to test', 'testkit/x.ts', "export * from '../test/a.ts'"],
    ['testkit to tools', 'testkit/x.ts', "import '../tools/a.ts'"],
    ['testkit to scripts', 'testkit/x.ts', "import '../scripts/a.ts'"],
    ['bench to test', 'bench/x.ts', "import '../test/a.ts'"],
    ['scripts to test', 'scripts/x.mjs', "import '../test/a.mjs'"],
  ])('%s is refused', (_, path, line) => {
    const [finding, ...more] = checkSides([source(path, line)])
    expect(finding).toMatch(/must not import .*testkit/)
    expect(finding).toContain(`${path}:1: `)
    expect(more).toEqual([])
  })
})

describe('circles', () => {
  test('a tree has none, and a diamond neither', () => {
    const graph = new Map([
      ['a', new Set(['b', 'c'])],
      ['b', new Set(['d'])],
      ['c', new Set(['d'])],
    ])
    expect(circles(graph)).toEqual([])
  })

  test('files in a circle are named in order', () => {
    const found = checkCircles([
      source('src/oci/a.ts', "import { b } from './b.ts'"),
      source('src/oci/b.ts', "import { c } from './c.ts'"),
      source('src/oci/c.ts', "import { a } from './a.ts'"),
    ])
    expect(found).toEqual(['circle of imports: src/oci/a.ts → src/oci/b.ts → src/oci/c.ts → src/oci/a.ts'])
  })

  test('types and lazy imports close no circle of files', () => {
    const a = source('src/oci/a.ts', "import { b } from './b.ts'")
    expect(checkCircles([a, source('src/oci/b.ts', "import type { A } from './a.ts'")])).toEqual([])
    expect(checkCircles([a, source('src/oci/b.ts', "await import('./a.ts')")])).toEqual([])
  })

  test('rooms in a circle are found where no file is in one, lazily too', () => {
    const found = checkCircles([
      source('src/agent/a.ts', "import { b } from '../journal/b.ts'"),
      source('src/journal/c.ts', "await import('../agent/d.ts')"),
    ])
    expect(found).toEqual(['circle of rooms: src/agent → src/journal → src/agent'])
  })
})

describe('text', () => {
  test('a file of 400 lines passes, one of 401 does not, a generated one may be longer', () => {
    const lines = (n: number): string[] => Array.from({ length: n }, (_, i) => `const x${i} = 1`)
    expect(checkLength([source('src/a/x.ts', ...lines(400))])).toEqual([])
    expect(checkLength([source('src/a/x.ts', ...lines(401))])).toEqual(['src/a/x.ts: 401 lines, more than 400'])
    expect(checkLength([source('src/a/x.ts', '// Generated by a script', ...lines(500))])).toEqual([])
  })

  const home = ['', 'root'].join('/')
  const work = home.replace('root', 'work')
  test.each([`const a = '${home}/x'`, `cd ${work}/main`, `see ${home}/.ssh`])('%s is a trace', (line) => {
    expect(checkTraces([source('docs/x.md', 'fine', line)])).toEqual([
      'docs/x.md:2: holds an absolute path of one machine',
    ])
  })

  test.each(['const a = join(dir, "x/root/y")', '<root>/work/x', '.github/workflows/ci.yml', 'chroot/root'])(
    '%s is none',
    (line) => {
      expect(checkTraces([source('docs/x.md', line)])).toEqual([])
    },
  )

  test('a lockfile names no registry', () => {
    const line = '"resolved": "https://registry.example/x.tgz",'
    expect(checkTraces([source('package-lock.json', line)])).toEqual(['package-lock.json:1: names a registry host'])
  })
})
