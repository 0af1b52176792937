import type { JsonValue } from '../../../src/base/json.ts'

/** A lock file with the packages a and b, and the same file with b damaged in some ways. */
export interface DamagedFile {
  /** Name of the cataloger. */
  cataloger: string
  path: string
  /** How the file is written; the argument is what stands for b. */
  text: (b: string) => string
  /** What stands for a sound b. */
  good: string
  /** What stands for a damaged b, and by what a gap names the entry. */
  bad: readonly (readonly [b: string, named: string])[]
  purls: readonly [a: string, b: string]
}

const sum = 'a'.repeat(64)
const json = (value: JsonValue): string => JSON.stringify(value)

/** JSON documents have b as the value of a member; damage is another value. */
function jsonFile(
  cataloger: string,
  path: string,
  document: string,
  good: JsonValue,
  bad: readonly JsonValue[],
  named: string,
  purls: readonly [string, string],
): DamagedFile {
  const text = (b: string): string => document.replace('"@b"', b)
  return { cataloger, path, text, good: json(good), bad: bad.map((value) => [json(value), named] as const), purls }
}

const toml = (b: string): string => `version = 1\n[[package]]\nname = "a"\nversion = "1.0.0"\n${b}\n`
const tomlPackage = (name: string, version: string): string => `[[package]]\nname = ${name}\nversion = ${version}`
const tomlBad = [
  [tomlPackage('"b"', '5'), 'b'],
  ['[[package]]\nname = "b"', 'b'],
  ['[[package]]\nversion = "2.0.0"', 'package 2'],
  [tomlPackage('true', '"2.0.0"'), 'package 2'],
] as const
const tomlFile = (cataloger: string, path: string, type: string, source = ''): DamagedFile => ({
  cataloger,
  path,
  text: toml,
  good: `${tomlPackage('"b"', '"2.0.0"')}\n${source}`,
  bad: tomlBad,
  purls: [`pkg:${type}/a@1.0.0`, `pkg:${type}/b@2.0.0`],
})
const lines =
  (before: string, after = '') =>
  (b: string): string =>
    `${before}\n${b}\n${after}`

export const damagedFiles: readonly DamagedFile[] = [
  jsonFile(
    'npm-lock',
    'package-lock.json',
    json({ lockfileVersion: 3, packages: { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': '@b' } }),
    { version: '2.0.0' },
    [5, null, [], { version: 5 }, { version: '2.0.0', dependencies: 5 }, { link: true, resolved: 'nowhere' }],
    'node_modules/b',
    ['pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0'],
  ),
  jsonFile(
    'npm-lock',
    'npm-shrinkwrap.json',
    json({ lockfileVersion: 1, dependencies: { a: { version: '1.0.0' }, b: '@b' } }),
    { version: '2.0.0' },
    [5, null, 'text', { version: {} }, { version: '2.0.0', requires: 5 }],
    'b',
    ['pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0'],
  ),
  {
    cataloger: 'yarn-lock',
    path: 'yarn.lock',
    text: lines('# yarn lockfile v1\na@^1:\n  version "1.0.0"\n', '"c@^1":\n  version "1.0.0"'),
    good: 'b@^2:\n  version "2.0.0"',
    bad: [
      ['b@^2:\n  resolved "https://x.example"', 'b@^2'],
      ['b\n  version "2.0.0"\n  resolved "x"', 'line 5'],
      ['b@^2\n  version "2.0.0"', 'line 5'],
      ['b@^2:\n  version "2\u0007"', 'b'],
    ],
    purls: ['pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0'],
  },
  {
    cataloger: 'yarn-lock',
    path: 'yarn.lock',
    text: lines('__metadata:\n  version: 8\n"a@npm:^1":\n  version: 1.0.0\n  resolution: "a@npm:1.0.0"'),
    good: '"b@npm:^2":\n  version: 2.0.0\n  resolution: "b@npm:2.0.0"',
    bad: [
      ['"b@npm:^2":', 'b@npm:^2'],
      ['"b@npm:^2": [x]', 'b@npm:^2'],
      ['"b@npm:^2":\n  resolution: "b@npm:2.0.0"', 'b@npm:^2'],
      ['"b":\n  version: 2.0.0', 'b'],
    ],
    purls: ['pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0'],
  },
  {
    cataloger: 'pnpm-lock',
    path: 'pnpm-lock.yaml',
    text: lines('lockfileVersion: "9.0"\npackages:\n  a@1.0.0:\n    resolution: {}'),
    good: '  b@2.0.0: {}',
    bad: [
      ['  b@2.0.0:', 'b@2.0.0'],
      ['  b@2.0.0: [x]', 'b@2.0.0'],
      ['  b: {}', 'b'],
      ['  b@2.0.0: {dependencies: x}', 'b@2.0.0'],
      ['  b@2.0.0: {version: {}}', 'b@2.0.0'],
    ],
    purls: ['pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0'],
  },
  {
    cataloger: 'pnpm-lock',
    path: 'pnpm-lock.yaml',
    text: (b) => `lockfileVersion: "9.0"\n---\nlockfileVersion: "9.0"\npackages: {a@1.0.0: {}}\n---\n${b}`,
    good: 'lockfileVersion: "9.0"\npackages: {b@2.0.0: {}}',
    bad: [['packages: {b@2.0.0: {}}', 'document 3']],
    purls: ['pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0'],
  },
  jsonFile(
    'bun-lock',
    'bun.lock',
    json({ lockfileVersion: 1, packages: { a: ['a@1.0.0'], b: '@b' } }),
    ['b@2.0.0'],
    [5, null, {}, [], [5], ['b'], ['b@2.0.0', '', { dependencies: 5 }]],
    'b',
    ['pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0'],
  ),
  jsonFile(
    'deno-lock',
    'deno.lock',
    json({ version: '5', npm: { 'a@1.0.0': {}, 'b@2.0.0': '@b' } }),
    {},
    [5, null, [], { dependencies: 5 }],
    'b@2.0.0',
    ['pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0'],
  ),
  {
    cataloger: 'deno-lock',
    path: 'deno.lock',
    text: (b) => `{"version":"5","jsr":{"@s/a@1.0.0":{},${b}}}`,
    good: '"@s/b@2.0.0":{}',
    bad: [
      ['"@s/b":{}', '@s/b'],
      ['"@s/b@2.0.0":null', '@s/b@2.0.0'],
      ['"@s/b@2.0.0":"x"', '@s/b@2.0.0'],
    ],
    purls: ['pkg:generic/jsr/%40s/a@1.0.0', 'pkg:generic/jsr/%40s/b@2.0.0'],
  },
  {
    cataloger: 'requirements',
    path: 'requirements.txt',
    text: lines('a==1.0.0', 'c==1'),
    good: 'b==2.0.0',
    bad: [
      ['==2.0.0', '==2.0.0'],
      ['{"b": 2}', '{"b": 2}'],
      [`b==2.0.0 ${'x'.repeat(200_001)}`, 'b==2.0.0 x'],
    ],
    purls: ['pkg:pypi/a@1.0.0', 'pkg:pypi/b@2.0.0'],
  },
  {
    ...tomlFile('poetry-lock', 'poetry.lock', 'pypi'),
    bad: [...tomlBad, [`${tomlPackage('"b"', '"2"')}\ndependencies = 5`, 'b']],
  },
  tomlFile('uv-lock', 'uv.lock', 'pypi'),
  tomlFile('pdm-lock', 'pdm.lock', 'pypi'),
  jsonFile(
    'pipfile-lock',
    'Pipfile.lock',
    json({ _meta: {}, default: { a: { version: '==1.0.0' }, b: '@b' } }),
    { version: '==2.0.0' },
    [5, null, [], {}, { version: 5 }],
    'b',
    ['pkg:pypi/a@1.0.0', 'pkg:pypi/b@2.0.0'],
  ),
  jsonFile(
    'pipfile-lock',
    'Pipfile.lock',
    json({ _meta: {}, default: { a: { version: '==1.0.0' } }, develop: '@b' }),
    { b: { version: '==2.0.0' } },
    [5, null, []],
    'develop',
    ['pkg:pypi/a@1.0.0', 'pkg:pypi/b@2.0.0'],
  ),
  {
    cataloger: 'go-mod',
    path: 'go.mod',
    text: lines('module m\nrequire a.example/a v1.0.0', 'replace x => ./y'),
    good: 'require b.example/b v2.0.0',
    bad: [
      ['require b.example/b', 'line 3'],
      ['require', 'line 3'],
      ['requir (\n  b.example/b v2.0.0\n)', 'line 3'],
      ['require b.example/b v2\u0007', 'b.example/b'],
    ],
    purls: ['pkg:golang/a.example/a@v1.0.0', 'pkg:golang/b.example/b@v2.0.0'],
  },
  {
    ...tomlFile('cargo-lock', 'Cargo.lock', 'cargo'),
  },
  {
    cataloger: 'gemfile-lock',
    path: 'Gemfile.lock',
    text: lines('GEM\n  remote: https://rubygems.example/\n  specs:\n    a (1.0.0)', '\nPLATFORMS\n  ruby'),
    good: '    b (2.0.0)',
    bad: [
      ['    b', 'b'],
      ['    b ()', 'b ()'],
      ['    b (2.0.0', 'b (2.0.0'],
      ['    (2.0.0)\n      c', '(2.0.0)'],
    ],
    purls: ['pkg:gem/a@1.0.0', 'pkg:gem/b@2.0.0'],
  },
  jsonFile(
    'composer-lock',
    'composer.lock',
    json({ packages: [{ name: 'v/a', version: '1.0.0' }, '@b'] }),
    { name: 'v/b', version: '2.0.0' },
    [5, null, {}, { name: 5, version: '2.0.0' }],
    'packages[1]',
    ['pkg:composer/v/a@1.0.0', 'pkg:composer/v/b@2.0.0'],
  ),
  jsonFile(
    'nuget-lock',
    'packages.lock.json',
    json({ version: 1, dependencies: { 'net8.0': { a: { type: 'Direct', resolved: '1.0.0' }, b: '@b' } } }),
    { type: 'Direct', resolved: '2.0.0' },
    [5, null, [], { type: 'Direct' }, { type: 'Direct', resolved: 5 }, { resolved: '2.0.0', dependencies: 5 }],
    'b',
    ['pkg:nuget/a@1.0.0', 'pkg:nuget/b@2.0.0'],
  ),
  jsonFile(
    'nuget-lock',
    'packages.lock.json',
    json({ version: 1, dependencies: { 'net8.0': { a: { resolved: '1.0.0' } }, 'net9.0': '@b' } }),
    { b: { resolved: '2.0.0' } },
    [5, null, []],
    'net9.0',
    ['pkg:nuget/a@1.0.0', 'pkg:nuget/b@2.0.0'],
  ),
  {
    cataloger: 'gradle-lock',
    path: 'gradle.lockfile',
    text: lines('g:a:1.0.0=compileClasspath', 'empty='),
    good: 'g:b:2.0.0=compileClasspath',
    bad: [
      ['g:b=compileClasspath', 'line 2'],
      ['null', 'line 2'],
      ['g::2.0.0=compileClasspath', 'line 2'],
    ],
    purls: ['pkg:maven/g/a@1.0.0', 'pkg:maven/g/b@2.0.0'],
  },
  {
    cataloger: 'pom',
    path: 'pom.xml',
    text: (b) =>
      `<project><groupId>g</groupId><artifactId>a</artifactId><version>1.0.0</version><properties><odd>x&#7;</odd></properties><dependencies>${b}</dependencies></project>`,
    good: '<dependency><groupId>g</groupId><artifactId>b</artifactId><version>2.0.0</version></dependency>',
    bad: [
      ['<dependency/>', 'dependency :'],
      ['<dependency><artifactId>b</artifactId></dependency>', 'dependency :b'],
      ['<dependency><groupId>g</groupId><artifactId>${odd}y</artifactId></dependency>', 'dependency g:x'],
    ],
    purls: ['pkg:maven/g/a@1.0.0', 'pkg:maven/g/b@2.0.0'],
  },
  {
    cataloger: 'pubspec-lock',
    path: 'pubspec.lock',
    text: lines('packages:\n  a:\n    version: "1.0.0"'),
    good: '  b:\n    version: "2.0.0"',
    bad: [
      ['  b:', 'b'],
      ['  b: [x]', 'b'],
      ['  b:\n    source: hosted', 'b'],
      ['  b:\n    version: {}', 'b'],
    ],
    purls: ['pkg:pub/a@1.0.0', 'pkg:pub/b@2.0.0'],
  },
  jsonFile(
    'swift-resolved',
    'Package.resolved',
    json({
      version: 2,
      pins: [{ identity: 'a', location: 'https://h.example/o/a.git', state: { version: '1.0.0' } }, '@b'],
    }),
    { location: 'https://h.example/o/b.git', state: { version: '2.0.0' } },
    [5, null, {}, { location: 'https://h.example/o/b.git' }, { state: { version: '2.0.0' } }],
    'pins[1]',
    ['pkg:swift/h.example/o/a@1.0.0', 'pkg:swift/h.example/o/b@2.0.0'],
  ),
  {
    cataloger: 'podfile-lock',
    path: 'Podfile.lock',
    text: lines('PODS:\n  - A (1.0.0)'),
    good: '  - B (2.0.0):\n    - A',
    bad: [
      ['  - B', 'PODS[1]'],
      ['  -', 'PODS[1]'],
      ['  - [B (2.0.0)]', 'PODS[1]'],
      ['  - B (2.0.0): {}', 'PODS[1]'],
      ['  - C (2.0.0): []\n    B (2.0.0): []', 'PODS[1]'],
    ],
    purls: ['pkg:cocoapods/A@1.0.0', 'pkg:cocoapods/B@2.0.0'],
  },
  {
    cataloger: 'mix-lock',
    path: 'mix.lock',
    text: lines(`%{\n  "a": {:hex, :a, "1.0.0", "${sum}", [:mix], [], "hexpm", "${sum}"},`, '}'),
    good: `  "b": {:hex, :b, "2.0.0", "${sum}", [:mix], [], "hexpm", "${sum}"},`,
    bad: [
      ['  "b": nil,', '"b": nil,'],
      ['  "b": {:hex, :b},', '"b": {:hex, :b},'],
      ['  "b": {:hex, :b, "\u0007"},', '"b": {:hex, :b, "\u0007"},'],
    ],
    purls: ['pkg:hex/a@1.0.0', 'pkg:hex/b@2.0.0'],
  },
  {
    cataloger: 'rebar-lock',
    path: 'rebar.lock',
    text: (b) => `{"1.2.0",[{<<"a">>,{pkg,<<"a">>,<<"1.0.0">>},0},${b}]}.`,
    good: '{<<"b">>,{pkg,<<"b">>,<<"2.0.0">>},0}',
    bad: [
      ['undefined', 'entry 2'],
      ['{}', 'entry 2'],
      ['{<<"b">>,{pkg,<<"b">>},0}', 'b'],
      ['{[],{pkg,[],<<"2.0.0">>},0}', 'entry 2'],
    ],
    purls: ['pkg:hex/a@1.0.0', 'pkg:hex/b@2.0.0'],
  },
  {
    cataloger: 'stack',
    path: 'stack.yaml.lock',
    text: lines('packages:\n- completed:\n    hackage: a-1.0.0@sha256:00,1'),
    good: '- completed:\n    hackage: b-2.0.0@sha256:00,1',
    bad: [
      ['- completed:', 'packages[1]'],
      ['-', 'packages[1]'],
      ['- completed:\n    hackage: b', 'b'],
      ['- completed:\n    name: b', 'b'],
      ['- completed:\n    version: 2.0.0', 'packages[1]'],
    ],
    purls: ['pkg:hackage/a@1.0.0', 'pkg:hackage/b@2.0.0'],
  },
  {
    cataloger: 'stack',
    path: 'stack.yaml',
    text: lines('resolver: lts-1\nextra-deps:\n- a-1.0.0'),
    good: '- b-2.0.0',
    bad: [
      ['-', 'extra-deps[1]'],
      ['- [b-2.0.0]', 'extra-deps[1]'],
      ['- {commit: x}', 'extra-deps[1]'],
    ],
    purls: ['pkg:hackage/a@1.0.0', 'pkg:hackage/b@2.0.0'],
  },
  {
    cataloger: 'cabal-freeze',
    path: 'cabal.project.freeze',
    text: lines(
      'active-repositories: hackage.haskell.org:merge\nconstraints: any.a ==1.0.0,\n             any.base installed,',
      '             a +flag',
    ),
    good: '             any.b ==2.0.0,',
    bad: [
      ['             any.b,', 'b'],
      ['             any.b =2.0.0,', 'b'],
      ['             any.b ==,', 'b'],
    ],
    purls: ['pkg:hackage/a@1.0.0', 'pkg:hackage/b@2.0.0'],
  },
  jsonFile(
    'conan-lock',
    'conan.lock',
    json({ version: '0.5', requires: ['a/1.0.0', '@b'] }),
    'b/2.0.0',
    [5, null, {}, ''],
    'requires[1]',
    ['pkg:conan/a@1.0.0', 'pkg:conan/b@2.0.0'],
  ),
  jsonFile(
    'conan-lock',
    'conan.lock',
    json({ graph_lock: { nodes: { 0: { requires: ['1', '2'] }, 1: { ref: 'a/1.0.0' }, 2: '@b' } } }),
    { ref: 'b/2.0.0' },
    [5, null, {}, { ref: 5 }, { ref: 'b' }],
    '2',
    ['pkg:conan/a@1.0.0', 'pkg:conan/b@2.0.0'],
  ),
  {
    cataloger: 'conanfile',
    path: 'conanfile.txt',
    text: lines('[requires]\na/1.0.0', '[generators]\ncmake'),
    good: 'b/2.0.0',
    bad: [
      ['b', 'b'],
      ['/2.0.0', '/2.0.0'],
      ['b/2.0.0\u0007', 'b/2.0.0\u0007'],
    ],
    purls: ['pkg:conan/a@1.0.0', 'pkg:conan/b@2.0.0'],
  },
  jsonFile(
    'vcpkg',
    'vcpkg.json',
    json({ dependencies: ['a', '@b'] }),
    { name: 'b' },
    [5, null, {}, { name: 5 }, ''],
    'dependencies[1]',
    ['pkg:vcpkg/a', 'pkg:vcpkg/b'],
  ),
  jsonFile('vcpkg', 'vcpkg.json', json({ name: '@b', dependencies: ['a'] }), 'b', [5, {}, ''], 'name', [
    'pkg:vcpkg/a',
    'pkg:vcpkg/b',
  ]),
  {
    cataloger: 'terraform-lock',
    path: '.terraform.lock.hcl',
    text: lines(
      'provider "r.example/o/a" {\n  version = "1.0.0"\n}',
      'provider "r.example/o/c" {\n  version = "1.0.0"\n}',
    ),
    good: 'provider "r.example/o/b" {\n  version = "2.0.0"\n}',
    bad: [
      ['provider "r.example/o/b" {\n}', 'r.example/o/b'],
      ['provider "r.example/o/b" {\n  version = 5\n}', 'r.example/o/b'],
      ['provider "r.example/o/b" {\n  version = "2.0.0"', 'r.example/o/b'],
      ['provider {\n  version = "2.0.0"\n}', 'line 4'],
      ['null', 'line 4'],
    ],
    purls: ['pkg:generic/terraform-provider/r.example/o/a@1.0.0', 'pkg:generic/terraform-provider/r.example/o/b@2.0.0'],
  },
  jsonFile(
    'renv-lock',
    'renv.lock',
    json({ Packages: { a: { Package: 'a', Version: '1.0.0' }, b: '@b' } }),
    { Package: 'b', Version: '2.0.0' },
    [5, null, [], { Package: 'b' }, { Package: 'b', Version: 5 }],
    'b',
    ['pkg:cran/a@1.0.0', 'pkg:cran/b@2.0.0'],
  ),
  {
    cataloger: 'julia-manifest',
    path: 'Manifest.toml',
    text: lines('manifest_format = "2.0"\n[[deps.a]]\nuuid = "1"\nversion = "1.0.0"'),
    good: '[[deps.b]]\nuuid = "2"\nversion = "2.0.0"',
    bad: [
      ['[[deps.b]]\nversion = "2.0.0"', 'b'],
      ['[[deps.b]]\nuuid = "2"\nversion = 5', 'b'],
      ['[deps.b]\nuuid = "2"', 'b'],
      ['[deps]\nb = [5]', 'b'],
    ],
    purls: ['pkg:julia/a@1.0.0?uuid=1', 'pkg:julia/b@2.0.0?uuid=2'],
  },
]

/** Files of one package, or of none that can be told from the others: what is damaged is the file. */
export const singleFiles: readonly (readonly [
  cataloger: string,
  path: string,
  good: string,
  bad: readonly string[],
])[] = [
  ['gemspec', 'a.gemspec', 'Gem::Specification.new do |s|\n  s.name = "a"\n  s.version = "1"\nend\n', ['', 'nothing']],
  [
    'pubspec',
    'pubspec.yaml',
    'name: a\nversion: 1.0.0\n',
    ['version: 1.0.0\n', 'name: [a]\n', 'name: a\nversion: {}\n'],
  ],
  ['opam-file', 'a.opam', 'opam-version: "2.0"\n', ['name: "a"\n', '']],
  // What its form has in it only Bun knows, so that it is always a gap.
  ['bun-lockb', 'bun.lockb', '', ['x']],
  // A program, in which nothing is an entry: what is pinned in a text is found.
  ['setup-py', 'setup.py', 'install_requires=["a==1"]', []],
]
