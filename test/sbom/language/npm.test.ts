import { catalog, packageOf, purls } from '../catalog.ts'

const manifest = (json: object): string => JSON.stringify(json)

describe('npm', () => {
  test('modules of npm, pnpm and Debian, with scopes, edges, licences and authors', async () => {
    const found = await catalog({
      'app/package.json': manifest({ name: 'app', version: '1.0.0', dependencies: { '@s/a': '^1', b: '*' } }),
      'app/node_modules/@s/a/package.json': manifest({
        name: '@s/a',
        version: '1.2.3',
        license: 'MIT',
        author: 'Ann <a@b.example>',
        peerDependencies: { b: '*' },
      }),
      'app/node_modules/b': { link: '.pnpm/b@2.0.0/node_modules/b' },
      'app/node_modules/.pnpm/b@2.0.0/node_modules/b/package.json': manifest({
        name: 'b',
        version: '2.0.0',
        licenses: [{ type: 'MIT' }, { type: 'Apache-2.0' }],
        optionalDependencies: { c: '*' },
      }),
      'app/node_modules/.pnpm/b@2.0.0/node_modules/c': { link: '../../c@3.0.0/node_modules/c' },
      'app/node_modules/.pnpm/c@3.0.0/node_modules/c/package.json': manifest({ name: 'c', version: '3.0.0' }),
      'usr/share/nodejs/d/package.json': manifest({ name: 'd', version: '4.0.0', dependencies: { e: '*' } }),
      'usr/share/nodejs/e/package.json': manifest({ name: 'e', version: '5.0.0', license: 'Apache License 2.0' }),
    })
    expect(purls(found)).toEqual([
      'pkg:npm/%40s/a@1.2.3',
      'pkg:npm/app@1.0.0',
      'pkg:npm/b@2.0.0',
      'pkg:npm/c@3.0.0',
      'pkg:npm/d@4.0.0',
      'pkg:npm/e@5.0.0',
    ])
    expect(packageOf(found, 'pkg:npm/app@1.0.0').dependsOn).toEqual(['pkg:npm/%40s/a@1.2.3', 'pkg:npm/b@2.0.0'])
    expect(packageOf(found, 'pkg:npm/b@2.0.0')).toMatchObject({
      dependsOn: ['pkg:npm/c@3.0.0'],
      licence: '(MIT OR Apache-2.0)',
    })
    expect(packageOf(found, 'pkg:npm/%40s/a@1.2.3')).toMatchObject({
      dependsOn: ['pkg:npm/b@2.0.0'],
      supplier: { kind: 'person', name: 'Ann', email: 'a@b.example' },
    })
    expect(packageOf(found, 'pkg:npm/d@4.0.0').dependsOn).toEqual(['pkg:npm/e@5.0.0'])
    expect(packageOf(found, 'pkg:npm/e@5.0.0').licence).toBe('Apache-2.0')
    expect(found.gaps).toEqual([])
  })

  test('a package without a version is listed as such; an entry point that has a name says which module it is part of', async () => {
    const found = await catalog({
      'app/package.json': manifest({ name: 'app', private: true }),
      'app/node_modules/a/package.json': manifest({ name: 'a' }),
      'app/node_modules/a/esm/package.json': manifest({ name: 'a/esm' }),
      'app/node_modules/a/cjs/package.json': manifest({ type: 'module' }),
      'app/node_modules/a/fixture/package.json': manifest({ name: 'fixture', version: '0.1.0' }),
      'work/package.json': manifest({ private: true, workspaces: ['x'] }),
    })
    expect(found.packages.map(({ purl, version }) => [purl, version])).toEqual([
      ['pkg:npm/a', null],
      ['pkg:npm/a%2Fesm', null],
      ['pkg:npm/app', null],
      ['pkg:npm/fixture@0.1.0', '0.1.0'],
    ])
    expect(found.packages.map(({ properties }) => properties)).toEqual([
      undefined,
      [['npm:part-of', 'pkg:npm/a']],
      undefined,
      undefined,
    ])
    expect(found.gaps).toEqual([])
  })

  test.each([
    ['a lone surrogate in the name', '{"name":"bad\\ud800","version":"1.0.0"}', /a name of printable characters/],
    ['a lone surrogate in the version', '{"name":"bad","version":"1.0.0\\udfff"}', /a version of printable characters/],
    ['a name of another type', '{"name":7,"version":"1.0.0"}', /expected a name, found a value of type number/],
    ['a version of another type', '{"name":"bad","version":["1.0.0"]}', /expected a version, found a list/],
    ['an empty name beside a version', '{"name":"","version":"1.0.0"}', /expected a name beside the version/],
    ['a version without a name', '{"version":"1.0.0"}', /expected a name beside the version of the module, found none/],
    ['a name twice', '{"name":"bad","version":"1.0.0","name":"worse"}', /"name" stands twice/],
    ['a line break in the name', '{"name":"bad\\nname","version":"1.0.0"}', /a name of printable characters/],
    ['a list', '["bad"]', /expected a JSON object/],
    ['no JSON', '{"name":', /not valid JSON/],
    [
      'no UTF-8 in the name',
      Buffer.from('{"name":"b\xe4d","version":"1"}', 'latin1'),
      /a name of printable characters/,
    ],
    ['deep brackets', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, /nests more than/],
  ])('%s costs the manifest and nothing else', async (_what, bad, why) => {
    const found = await catalog({
      'app/package.json': manifest({ name: 'app', version: '1.0.0' }),
      'app/node_modules/bad/package.json': bad,
    })
    expect(purls(found)).toEqual(['pkg:npm/app@1.0.0'])
    expect(found.gaps).toEqual([
      {
        path: 'app/node_modules/bad/package.json',
        kind: 'npm',
        reason: 'unreadable',
        why: expect.stringMatching(why) as string,
      },
    ])
  })

  test('a file without a name is no package where none must lie, or without a version', async () => {
    const found = await catalog({
      'app/package.json': '{"name":"","version":"1.0.0"}',
      'app/node_modules/a/package.json': '{"type":"module"}',
      'app/node_modules/b/esm/package.json': '{"version":"1.0.0"}',
    })
    expect([...found.packages, ...found.gaps]).toEqual([])
  })

  test('a doubled name below, or in a text, is no doubled member', async () => {
    const found = await catalog({
      'a/package.json':
        '{"scripts":{"name":"\\"name\\":","x":"1","x":"2"},"version":"1.0.0","x":[{"name":1}],"name":"a","keywords":["name"]}',
    })
    expect(purls(found)).toEqual(['pkg:npm/a@1.0.0'])
  })

  test('other fields of a wrong type say nothing, and cost nothing', async () => {
    const found = await catalog({
      'a/package.json':
        '{"name":"a","version":"1.0.0","license":{"type":["MIT"]},"author":{"name":"x\\ud800"},"homepage":{},"dependencies":[1],"bin":9}',
    })
    expect(found.packages).toMatchObject([{ licence: null, licenceText: null, supplier: null, homepage: null }])
  })

  test('a module owns its folder; an application owns the files that it names; the root owns none', async () => {
    const files = {
      'app/node_modules/a/package.json': manifest({ name: 'a', version: '1.0.0' }),
      'app/node_modules/a/lib/tool': { text: 'x', mode: 0o755 },
      'app/package.json': manifest({ name: 'app', version: '1.0.0', main: './main.js', bin: { x: '../out' } }),
      'app/main.js': 'x',
      'app/vendor/tool': { text: '\x7fELF', mode: 0o755 },
      out: { text: 'x', mode: 0o755 },
    }
    expect((await catalog(files)).coverage).toMatchObject({ unattributed: 2, executables: ['app/vendor/tool', 'out'] })
    const root = { ...files, 'package.json': manifest({ name: 'root', version: '1.0.0', main: 'out' }) }
    expect((await catalog(root)).coverage).toMatchObject({ unattributed: 2, executables: ['app/vendor/tool', 'out'] })
  })
})

describe('yarn-pnp', () => {
  const state = {
    packageRegistryData: [
      [null, [[null, { packageLocation: './', packageDependencies: [['a', 'npm:1.0.0']] }]]],
      ['app', [['workspace:.', { packageLocation: './', packageDependencies: [] }]]],
      [
        '@s/a',
        [
          [
            'virtual:00#npm:1.0.0',
            {
              packageLocation: './.yarn/__virtual__/a-virtual-00/0/cache/a.zip/node_modules/@s/a/',
              packageDependencies: [
                ['alias', ['b', 'npm:2.0.0']],
                ['peer', null],
              ],
            },
          ],
        ],
      ],
      ['b', [['npm:2.0.0', { packageLocation: './.yarn/cache/b.zip/node_modules/b/', packageDependencies: [] }]]],
      ['c', [['npm:3.0.0', { packageLocation: '../../elsewhere/c.zip/node_modules/c/', packageDependencies: [] }]]],
    ],
  }
  const text = `const RAW_RUNTIME_STATE =\n'${JSON.stringify(state, null, 2).replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\\n')}';\n`

  test('packages in archives of the tree; what lies outside is a gap', async () => {
    const found = await catalog({ 'app/.pnp.cjs': text, 'app/.yarn/cache/a.zip': 'x', 'app/.yarn/cache/b.zip': 'x' })
    expect(found.packages).toMatchObject([
      { purl: 'pkg:npm/%40s/a@1.0.0', locations: ['app/.yarn/cache/a.zip'], dependsOn: ['pkg:npm/b@2.0.0'] },
      { purl: 'pkg:npm/b@2.0.0', locations: ['app/.yarn/cache/b.zip'] },
    ])
    expect(found.gaps).toMatchObject([
      { path: 'app/.pnp.cjs', kind: 'npm', reason: 'opaque', why: '1 of its packages lie outside of this tree' },
    ])
  })

  test('an entry that cannot be read costs itself only', async () => {
    const entry = (location: string): object => ({ packageLocation: location, packageDependencies: [] })
    const packageRegistryData = [
      ['a', [['npm:1.0.0', entry('./a.zip')], 7]],
      ['b', [['npm:1.0.0', { packageLocation: './a.zip', packageDependencies: 'c' }]]],
      [['c'], [['npm:1.0.0', entry('./a.zip')]]],
      'd',
      ['e', 'x'],
    ]
    const found = await catalog({ '.pnp.data.json': JSON.stringify({ packageRegistryData }), 'a.zip': 'x' })
    expect(purls(found)).toEqual(['pkg:npm/a@1.0.0'])
    expect(found.gaps).toMatchObject([
      { kind: 'npm', reason: 'unreadable', why: '5 entries cannot be read, first "a": version: expected a list' },
    ])
  })

  test.each(['', "RAW_RUNTIME_STATE = '{", "RAW_RUNTIME_STATE = '{}'"])('%p is a gap', async (bad) => {
    const found = await catalog({ '.pnp.cjs': bad })
    expect(found.packages).toEqual([])
    expect(found.gaps).toMatchObject([{ kind: 'npm', reason: 'unreadable' }])
  })
})
