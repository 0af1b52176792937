import { catalog, declared, packageOf, purls } from '../catalog.ts'

const sha512 = `sha512-${Buffer.alloc(64, 1).toString('base64')}`
const sums = [{ algorithm: 'SHA-512', value: '01'.repeat(64) }]

describe('npm-lock', () => {
  test('versions 2 and 3: places, aliases, links, scopes and edges as Node resolves them', async () => {
    const found = await declared(
      'app/package-lock.json',
      JSON.stringify({
        name: 'app',
        version: '1.0.0',
        lockfileVersion: 3,
        packages: {
          '': { name: 'app', version: '1.0.0', dependencies: { a: '^1', w: '*' }, devDependencies: { d: '*' } },
          'node_modules/a': {
            version: '1.0.0',
            integrity: sha512,
            license: 'MIT',
            dependencies: { b: '*', alias: '*' },
          },
          'node_modules/a/node_modules/b': { version: '2.0.0', dependencies: { a: '*' } },
          'node_modules/alias': { name: '@s/real', version: '3.0.0', optional: true },
          'node_modules/b': { version: '1.0.0', dev: true },
          'node_modules/d': { version: '4.0.0', dev: true, dependencies: { b: '*' } },
          'node_modules/w': { resolved: 'packages/w', link: true },
          'packages/w': { name: 'w', version: '5.0.0', dependencies: { b: '*' } },
        },
      }),
    )
    expect(purls(found)).toEqual([
      'pkg:npm/%40s/real@3.0.0',
      'pkg:npm/a@1.0.0',
      'pkg:npm/app@1.0.0',
      'pkg:npm/b@1.0.0',
      'pkg:npm/b@2.0.0',
      'pkg:npm/d@4.0.0',
      'pkg:npm/w@5.0.0',
    ])
    expect(packageOf(found, 'pkg:npm/app@1.0.0').dependsOn).toEqual([
      'pkg:npm/a@1.0.0',
      'pkg:npm/d@4.0.0',
      'pkg:npm/w@5.0.0',
    ])
    expect(packageOf(found, 'pkg:npm/a@1.0.0')).toMatchObject({
      dependsOn: ['pkg:npm/%40s/real@3.0.0', 'pkg:npm/b@2.0.0'],
      checksums: sums,
      licence: 'MIT',
    })
    expect(packageOf(found, 'pkg:npm/w@5.0.0').dependsOn).toEqual(['pkg:npm/b@1.0.0'])
    expect(packageOf(found, 'pkg:npm/d@4.0.0')).toMatchObject({ scope: 'development', dependsOn: ['pkg:npm/b@1.0.0'] })
    expect(packageOf(found, 'pkg:npm/%40s/real@3.0.0').scope).toBe('optional')
  })

  test('version 1: dependencies below their users', async () => {
    const found = await declared(
      'npm-shrinkwrap.json',
      JSON.stringify({
        name: 'app',
        lockfileVersion: 1,
        requires: true,
        dependencies: {
          a: { version: '1.0.0', requires: { b: '*' }, dependencies: { b: { version: '2.0.0' } } },
          b: { version: 'npm:@s/real@1.0.0', dev: true },
          g: { version: 'git+ssh://git@x/y.git#abc', requires: { b: '*' } },
        },
      }),
    )
    expect(purls(found)).toEqual([
      'pkg:npm/%40s/real@1.0.0',
      'pkg:npm/a@1.0.0',
      'pkg:npm/app',
      'pkg:npm/b@2.0.0',
      'pkg:npm/g',
    ])
    expect(packageOf(found, 'pkg:npm/a@1.0.0').dependsOn).toEqual(['pkg:npm/b@2.0.0'])
    expect(packageOf(found, 'pkg:npm/g').dependsOn).toEqual(['pkg:npm/%40s/real@1.0.0'])
  })

  test('lock files say nothing of an image, nor those of dependencies of a source tree', async () => {
    const lock = JSON.stringify({
      name: 'x',
      version: '1.0.0',
      lockfileVersion: 3,
      packages: { 'node_modules/a': { version: '1.0.0' } },
    })
    expect((await catalog({ 'package-lock.json': lock }, 'image')).packages).toEqual([])
    expect((await catalog({ 'node_modules/y/package-lock.json': lock }, 'source')).packages).toEqual([])
  })
})

describe('yarn-lock', () => {
  const classic = [
    '# yarn lockfile v1',
    '',
    '"@s/a@^1.0.0", "@s/a@~1.0.0":',
    '  version "1.0.1"',
    '  resolved "https://registry.example/@s/a/-/a-1.0.1.tgz#0123456789012345678901234567890123456789"',
    '  dependencies:',
    '    "alias" "npm:b@2"',
    '    c ">= 1 < 2"',
    '',
    '"alias@npm:b@2":',
    '  version "2.0.0"',
    `  integrity ${sha512}`,
    '',
    'c@">= 1 < 2", "c@>= 1 < 2":',
    '  version "1.5.0"',
    'd@*:',
    '  version "4.0.0"',
  ].join('\n')

  test('Yarn 1, with the roots of its package.json', async () => {
    const found = await catalog(
      {
        'yarn.lock': classic,
        'package.json': JSON.stringify({
          dependencies: { '@s/a': '^1.0.0' },
          devDependencies: { d: '*', c: '>= 1 < 2' },
        }),
      },
      'source',
    )
    expect(purls(found)).toEqual(['pkg:npm/%40s/a@1.0.1', 'pkg:npm/b@2.0.0', 'pkg:npm/c@1.5.0', 'pkg:npm/d@4.0.0'])
    expect(packageOf(found, 'pkg:npm/%40s/a@1.0.1')).toMatchObject({
      dependsOn: ['pkg:npm/b@2.0.0', 'pkg:npm/c@1.5.0'],
      checksums: [{ algorithm: 'SHA-1', value: '0123456789012345678901234567890123456789' }],
    })
    expect(packageOf(found, 'pkg:npm/b@2.0.0').checksums).toEqual(sums)
    expect(found.packages.map(({ scope }) => scope)).toEqual([undefined, undefined, undefined, 'development'])
  })

  test('Yarn 2 and later', async () => {
    const found = await catalog(
      {
        'yarn.lock': [
          '__metadata:',
          '  version: 8',
          '"@s/a@npm:^1.0.0, @s/a@npm:~1.0.0":',
          '  version: 1.10.0',
          '  resolution: "@s/a@npm:1.10.0"',
          '  dependencies:',
          '    b: "npm:^2.0.0"',
          '    c: ^3.0.0',
          '  checksum: 10c0/00',
          '"b@npm:^2.0.0":',
          '  version: 2.0.0',
          '  resolution: "b@npm:2.0.0"',
          '"c@npm:^3.0.0":',
          '  version: 3.0.0',
          '  resolution: "real@npm:3.0.0"',
          '"app@workspace:.":',
          '  version: 0.0.0-use.local',
          '  resolution: "app@workspace:."',
        ].join('\n'),
        'package.json': JSON.stringify({ devDependencies: { '@s/a': '^1.0.0' } }),
      },
      'source',
    )
    expect(purls(found)).toEqual(['pkg:npm/%40s/a@1.10.0', 'pkg:npm/app', 'pkg:npm/b@2.0.0', 'pkg:npm/real@3.0.0'])
    expect(found.packages[0]).toMatchObject({
      dependsOn: ['pkg:npm/b@2.0.0', 'pkg:npm/real@3.0.0'],
      checksums: undefined,
      scope: 'development',
    })
  })
})

describe('pnpm-lock', () => {
  test('version 5: peers behind an underscore', async () => {
    const found = await declared(
      'pnpm-lock.yaml',
      [
        'lockfileVersion: 5.4',
        'dependencies:',
        "  '@s/a': 1.0.0_b@2.0.0",
        'packages:',
        '  /@s/a/1.0.0_b@2.0.0:',
        `    resolution: {integrity: ${sha512}}`,
        '    dependencies:',
        '      b: 2.0.0',
        '  /b/2.0.0:',
        '    resolution: {integrity: none}',
        '    dev: true',
        '  github.com/x/y/abc:',
        '    resolution: {tarball: https://x}',
        '    name: y',
        '    version: 3.0.0',
      ].join('\n'),
    )
    expect(purls(found)).toEqual(['pkg:npm/%40s/a@1.0.0', 'pkg:npm/b@2.0.0', 'pkg:npm/y@3.0.0'])
    expect(found.packages[0]).toMatchObject({ dependsOn: ['pkg:npm/b@2.0.0'], checksums: sums })
    expect(found.packages[1]?.scope).toBe('development')
  })

  test('version 9: edges in snapshots, scopes from the importers; and pnpm 10 with two documents', async () => {
    const found = await declared(
      'pnpm-lock.yaml',
      [
        "lockfileVersion: '9.0'",
        'importers:',
        '  .:',
        '    configDependencies: {}',
        'packages:',
        '  pnpm@10.0.0:',
        '    resolution: {integrity: x}',
        '---',
        "lockfileVersion: '9.0'",
        'importers:',
        '  .:',
        '    dependencies:',
        '      a:',
        '        specifier: ^1',
        '        version: 1.0.0(p@1.0.0)',
        '    devDependencies:',
        '      d:',
        '        specifier: ^4',
        '        version: 4.0.0',
        'packages:',
        '  a@1.0.0:',
        `    resolution: {integrity: ${sha512}}`,
        '  b@2.0.0:',
        '    resolution: {integrity: x}',
        "  'd@4.0.0':",
        '    resolution: {integrity: x}',
        'snapshots:',
        '  a@1.0.0(p@1.0.0):',
        '    dependencies:',
        '      b: 2.0.0',
        '  b@2.0.0: {}',
        '  d@4.0.0:',
        '    dependencies:',
        '      b: 2.0.0',
      ].join('\n'),
    )
    expect(purls(found)).toEqual(['pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0', 'pkg:npm/d@4.0.0', 'pkg:npm/pnpm@10.0.0'])
    expect(found.packages.map(({ scope }) => scope)).toEqual([undefined, undefined, 'development', undefined])
    expect(packageOf(found, 'pkg:npm/d@4.0.0').dependsOn).toEqual(['pkg:npm/b@2.0.0'])
    expect(packageOf(found, 'pkg:npm/a@1.0.0').dependsOn).toEqual(['pkg:npm/b@2.0.0'])
  })

  test('version 6: with a slash', async () => {
    const found = await declared(
      'pnpm-lock.yaml',
      "lockfileVersion: '6.0'\npackages:\n  /@s/a@1.0.0(b@2.0.0):\n    dev: false\n",
    )
    expect(purls(found)).toEqual(['pkg:npm/%40s/a@1.0.0'])
  })
})

describe('bun and deno', () => {
  test('bun.lock, with comments and trailing commas', async () => {
    const found = await declared(
      'bun.lock',
      `{ // a comment
        "lockfileVersion": 1, /* and , } another */
        "workspaces": { "": { "name": "app", "dependencies": { "a": "^1" }, "devDependencies": { "d": "*" }, }, },
        "packages": {
          "a": ["a@1.0.0", "", { "dependencies": { "b": "*" } }, "${sha512}"],
          "a/b": ["b@2.0.0", "", {}, "x//,}"],
          "b": ["b@1.0.0", "", {}, ""],
          "d": ["d@4.0.0", "", { "dependencies": { "b": "*" } }, ""],
          "w": ["w@workspace:packages/w"],
          "g": ["g@git+https://x/y#abc", {}, "abc"],
        },
      }`,
    )
    expect(purls(found)).toEqual([
      'pkg:npm/a@1.0.0',
      'pkg:npm/b@1.0.0',
      'pkg:npm/b@2.0.0',
      'pkg:npm/d@4.0.0',
      'pkg:npm/g',
    ])
    expect(found.packages[0]).toMatchObject({ dependsOn: ['pkg:npm/b@2.0.0'], checksums: sums })
    expect(packageOf(found, 'pkg:npm/d@4.0.0')).toMatchObject({ dependsOn: ['pkg:npm/b@1.0.0'], scope: 'development' })
  })

  test("Bun's binary lock file is a gap that says what to do", async () => {
    const found = await declared('bun.lockb', Buffer.alloc(100, 7))
    expect(found.packages).toEqual([])
    expect(found.gaps).toMatchObject([{ path: 'bun.lockb', kind: 'npm', reason: 'unsupported' }])
  })

  test.each([
    [3, (groups: object) => ({ version: '3', packages: groups })],
    [5, (groups: object) => ({ version: '5', ...groups })],
  ])('deno.lock, version %d', async (_version, wrap) => {
    const groups = {
      npm: {
        'a@1.0.0': { integrity: sha512, dependencies: ['b@2.0.0_p@1'] },
        'b@2.0.0_p@1': { integrity: 'x', dependencies: { a: 'a@1.0.0' } },
      },
      jsr: { '@std/path@1.0.0': { integrity: 'ab'.repeat(32) } },
    }
    const found = await declared('deno.lock', JSON.stringify(wrap(groups)))
    expect(purls(found)).toEqual(['pkg:generic/jsr/%40std/path@1.0.0', 'pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0'])
    expect(packageOf(found, 'pkg:npm/a@1.0.0')).toMatchObject({ dependsOn: ['pkg:npm/b@2.0.0'], checksums: sums })
    expect(packageOf(found, 'pkg:npm/b@2.0.0').dependsOn).toEqual(['pkg:npm/a@1.0.0'])
  })
})

test.each([
  ['package-lock.json', '{}'],
  ['package-lock.json', '{"packages":[]}'],
  ['package-lock.json', '{"packages":{"node_modules/a":{"version":"1\\ud800"}}}'],
  ['yarn.lock', 'nothing'],
  ['yarn.lock', '# yarn lockfile v1\na@1:\n  resolved "x"\n'],
  ['yarn.lock', '# yarn lockfile v1\n  version "1"\n'],
  ['yarn.lock', '__metadata: {}\n"a": {version: 1.0.0}\n'],
  ['pnpm-lock.yaml', ''],
  ['pnpm-lock.yaml', 'lockfileVersion: 4'],
  ['pnpm-lock.yaml', 'lockfileVersion: 9\npackages:\n  nothing: {}\n'],
  ['pnpm-lock.yaml', 'a: *b'],
  ['bun.lock', '{"packages":{}}'],
  ['bun.lock', '{"lockfileVersion":1,"packages":{"a":["a"]}}'],
  ['bun.lock', '{"lockfileVersion":1,"packages":{"a":"a@1"}}'],
  ['deno.lock', '{"npm":{}}'],
  ['deno.lock', '{"version":"4","npm":{"a":{}}}'],
])('a damaged %s is a gap: %s', async (path, text) => {
  const found = await declared(path, text)
  expect(found.packages).toEqual([])
  expect(found.gaps).toMatchObject([{ path, kind: 'npm', reason: 'unreadable' }])
})
