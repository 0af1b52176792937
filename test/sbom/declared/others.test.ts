import { catalog, declared, packageOf, purls } from '../catalog.ts'

const hex = 'ab'.repeat(32)
const sha256 = [{ algorithm: 'SHA-256', value: hex }]

describe('go-mod', () => {
  test('requirements after replacements, with digests of go.sum', async () => {
    const found = await catalog(
      {
        'go.mod': [
          'module example.com/app // a comment',
          'go 1.24',
          'require example.com/One v1.0.0',
          'require (',
          '\texample.com/two/v2 v2.0.0 // indirect',
          '\texample.com/local v0.0.0',
          '\t"example.com/other" v1.0.0',
          ')',
          'replace example.com/local => ../local',
          'replace (',
          '\texample.com/other v1.0.0 => example.com/fork v1.5.0',
          ')',
          'exclude example.com/none v1.0.0',
        ].join('\n'),
        'go.sum': `example.com/One v1.0.0 h1:${Buffer.from(hex, 'hex').toString('base64')}\nexample.com/One v1.0.0/go.mod h1:x\n`,
      },
      'source',
    )
    expect(found.packages).toMatchObject([
      { purl: 'pkg:golang/example.com/One@v1.0.0', checksums: sha256 },
      { purl: 'pkg:golang/example.com/fork@v1.5.0' },
      { purl: 'pkg:golang/example.com/local', version: null },
      { purl: 'pkg:golang/example.com/two/v2@v2.0.0', properties: [['golang:indirect', 'true']] },
    ])
  })
})

test('cargo-lock: versions 1 and 3', async () => {
  const found = await declared(
    'Cargo.lock',
    `version = 3
[[package]]
name = "app"
version = "0.1.0"
dependencies = ["a 1.0.0", "b"]
[[package]]
name = "a"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "${hex}"
[[package]]
name = "a"
version = "2.0.0"
source = "git+https://git.example/a?branch=x#abc"
[[package]]
name = "b"
version = "3.0.0"
dependencies = ["a"]
`,
  )
  expect(found.packages).toMatchObject([
    { purl: 'pkg:cargo/a@1.0.0', checksums: sha256 },
    { purl: 'pkg:cargo/a@2.0.0?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fa%40abc' },
    { purl: 'pkg:cargo/app@0.1.0', dependsOn: ['pkg:cargo/a@1.0.0', 'pkg:cargo/b@3.0.0'] },
    { purl: 'pkg:cargo/b@3.0.0', dependsOn: [] },
  ])
  const old = await declared(
    'Cargo.lock',
    `[root]\nname = "app"\nversion = "0.1.0"\ndependencies = ["a 1.0.0 (registry+x)"]\n[[package]]\nname = "a"\nversion = "1.0.0"\nsource = "registry+x"\n[metadata]\n"checksum a 1.0.0 (registry+x)" = "${hex}"\n`,
  )
  expect(old.packages).toMatchObject([{ checksums: sha256 }, { dependsOn: ['pkg:cargo/a@1.0.0'] }])
})

test('gemfile-lock: sources, platforms and checksums; gemspec of a source tree', async () => {
  const found = await declared(
    'Gemfile.lock',
    [
      'GIT',
      '  remote: https://git.example/a',
      '  specs:',
      '    a (1.0)',
      '      b (>= 2)',
      'GEM',
      '  remote: https://rubygems.org/',
      '  specs:',
      '    b (2.0)',
      '    b (2.0-x86_64-linux)',
      'PLATFORMS',
      '  ruby',
      'DEPENDENCIES',
      '  a!',
      'CHECKSUMS',
      `  b (2.0) sha256=${hex}`,
      'BUNDLED WITH',
      '   2.5.0',
    ].join('\n'),
  )
  expect(found.packages).toMatchObject([
    { purl: 'pkg:gem/a@1.0', dependsOn: ['pkg:gem/b@2.0', 'pkg:gem/b@2.0?platform=x86_64-linux'] },
    { purl: 'pkg:gem/b@2.0', checksums: sha256 },
    { purl: 'pkg:gem/b@2.0?platform=x86_64-linux' },
  ])
  const source = await declared(
    'x.gemspec',
    "Gem::Specification.new do |spec|\n  spec.name = 'x'\n  spec.version = X::VERSION\nend\n",
  )
  expect(source.packages).toMatchObject([{ purl: 'pkg:gem/x', version: null }])
})

test('composer-lock and nuget-lock', async () => {
  const found = await declared(
    'composer.lock',
    JSON.stringify({
      packages: [{ name: 'a/b', version: '1.0', require: { 'c/d': '*' } }],
      'packages-dev': [{ name: 'c/d', version: '2.0' }],
    }),
  )
  expect(found.packages).toMatchObject([
    { purl: 'pkg:composer/a/b@1.0', dependsOn: ['pkg:composer/c/d@2.0'] },
    { purl: 'pkg:composer/c/d@2.0', scope: 'development' },
  ])
  const nuget = await declared(
    'packages.lock.json',
    JSON.stringify({
      version: 1,
      dependencies: {
        'net8.0': {
          A: {
            type: 'Direct',
            resolved: '1.0.0',
            contentHash: Buffer.alloc(64, 1).toString('base64'),
            dependencies: { b: '*' },
          },
          B: { type: 'Transitive', resolved: '2.0.0' },
          own: { type: 'Project' },
        },
        'net9.0': { B: { type: 'Transitive', resolved: '2.1.0' } },
      },
    }),
  )
  expect(nuget.packages).toMatchObject([
    { purl: 'pkg:nuget/A@1.0.0', checksums: [{ algorithm: 'SHA-512' }], dependsOn: ['pkg:nuget/B@2.0.0'] },
    { purl: 'pkg:nuget/B@2.0.0' },
    { purl: 'pkg:nuget/B@2.1.0' },
  ])
})

test('gradle-lock', async () => {
  const found = await declared(
    'gradle.lockfile',
    '# generated\na.b:c:1.0=runtimeClasspath,testRuntimeClasspath\nd:e:2.0=testCompileClasspath\nf:g:3.0=annotationProcessor\nempty=x\n',
  )
  expect(found.packages.map(({ purl, scope }) => [purl, scope])).toEqual([
    ['pkg:maven/a.b/c@1.0', undefined],
    ['pkg:maven/d/e@2.0', 'development'],
    ['pkg:maven/f/g@3.0', 'build'],
  ])
  expect(purls(await declared('gradle/dependency-locks/x.lockfile', 'a:b:1.0\n'))).toEqual(['pkg:maven/a/b@1.0'])
})

describe('pom', () => {
  test('versions from properties, parents and imports in the tree; others are unknown', async () => {
    const found = await catalog(
      {
        'pom.xml': `<?xml version="1.0"?><project xmlns="http://maven.apache.org/POM/4.0.0">
          <groupId>g</groupId><artifactId>parent</artifactId><version>\${revision}</version>
          <properties><revision>1.0</revision><a.version>2.0</a.version><loop>\${loop}</loop></properties>
          <licenses><license><name>Apache-2.0</name></license><license><name>MIT</name></license></licenses>
          <organization><name>Org</name></organization>
          <dependencyManagement><dependencies>
            <dependency><groupId>x</groupId><artifactId>managed</artifactId><version>3.0</version><scope>test</scope></dependency>
            <dependency><groupId>g</groupId><artifactId>bom</artifactId><version>1</version><type>pom</type><scope>import</scope></dependency>
          </dependencies></dependencyManagement></project>`,
        'bom/pom.xml': `<project><groupId>g</groupId><artifactId>bom</artifactId><version>1</version><dependencyManagement><dependencies>
            <dependency><groupId>x</groupId><artifactId>imported</artifactId><version>4.0</version></dependency></dependencies></dependencyManagement></project>`,
        'child/pom.xml': `<project><parent><groupId>g</groupId><artifactId>parent</artifactId><version>1.0</version></parent>
          <artifactId>child</artifactId><dependencies>
            <dependency><groupId>x</groupId><artifactId>a</artifactId><version>\${a.version}</version></dependency>
            <dependency><groupId>x</groupId><artifactId>managed</artifactId></dependency>
            <dependency><groupId>x</groupId><artifactId>imported</artifactId></dependency>
            <dependency><groupId>x</groupId><artifactId>unknown</artifactId></dependency>
            <dependency><groupId>x</groupId><artifactId>range</artifactId><version>[1,2)</version><optional>true</optional></dependency>
            <dependency><groupId>x</groupId><artifactId>loop</artifactId><version>\${loop}</version></dependency>
            <dependency><groupId>\${project.groupId}</groupId><artifactId>own</artifactId><version>\${project.version}</version></dependency>
          </dependencies></project>`,
      },
      'source',
    )
    expect(found.packages.map(({ purl, scope }) => [purl, scope])).toEqual([
      ['pkg:maven/g/bom@1', undefined],
      ['pkg:maven/g/child@1.0', undefined],
      ['pkg:maven/g/own@1.0', undefined],
      ['pkg:maven/g/parent@1.0', undefined],
      ['pkg:maven/x/a@2.0', undefined],
      ['pkg:maven/x/imported@4.0', undefined],
      ['pkg:maven/x/loop', undefined],
      ['pkg:maven/x/managed@3.0', 'development'],
      ['pkg:maven/x/range', 'optional'],
      ['pkg:maven/x/unknown', undefined],
    ])
    expect(packageOf(found, 'pkg:maven/g/parent@1.0')).toMatchObject({
      licence: 'Apache-2.0 OR MIT',
      supplier: { kind: 'organization', name: 'Org' },
    })
    expect(packageOf(found, 'pkg:maven/g/child@1.0').dependsOn).toHaveLength(7)
  })

  test('a project or dependency without group or artifact is a gap; what has both is listed', async () => {
    const needs = (group: string): string =>
      `<dependencies><dependency><groupId>${group}</groupId><artifactId>a</artifactId></dependency></dependencies>`
    const of = async (content: string): Promise<unknown[]> => {
      const { packages, gaps } = await catalog({ 'pom.xml': `<project>${content}</project>` }, 'source')
      return [packages.map(({ purl }) => purl), gaps.map(({ path, kind, reason, why }) => [path, kind, reason, why])]
    }
    const gap = (what: string): string[] => [
      'pom.xml',
      'maven',
      'unreadable',
      `the entry ${JSON.stringify(what)}: no groupId or artifactId, here or in a parent of the same tree`,
    ]
    expect(await of('')).toEqual([[], [gap('project :')]])
    expect(await of(`<artifactId>x</artifactId>${needs('g')}`)).toEqual([['pkg:maven/g/a'], [gap('project :x')]])
    const own =
      '<parent><groupId>p</groupId><artifactId>p</artifactId><version>1</version></parent><artifactId>x</artifactId>'
    expect(await of(own)).toEqual([['pkg:maven/p/x@1'], []])
    expect(await of(`${own}${needs('${of.parent}')}`)).toEqual([
      ['pkg:maven/p/x@1'],
      [gap('dependency ${of.parent}:a')],
    ])
  })

  test('parents in a circle end', async () => {
    const pom = (own: string, parent: string): string =>
      `<project><groupId>g</groupId><artifactId>${own}</artifactId><version>1</version><parent><groupId>g</groupId><artifactId>${parent}</artifactId><version>1</version><relativePath>../${parent}</relativePath></parent></project>`
    const found = await catalog({ 'a/pom.xml': pom('a', 'b'), 'b/pom.xml': pom('b', 'a') }, 'source')
    expect(purls(found)).toEqual(['pkg:maven/g/a@1', 'pkg:maven/g/b@1'])
  })
})

test('pubspec-lock and pubspec', async () => {
  const found = await declared(
    'pubspec.lock',
    `packages:
  a:
    dependency: "direct main"
    description: {name: a, sha256: ${hex}, url: "https://pub.dev"}
    source: hosted
    version: "1.10.0"
  b:
    dependency: "direct dev"
    description: {name: b, url: "https://pub.example"}
    source: hosted
    version: "2.0.0"
  c:
    dependency: transitive
    description: {path: ".", resolved-ref: abc, url: "https://git.example/c"}
    source: git
    version: "3.0.0"
  flutter:
    dependency: "direct main"
    description: flutter
    source: sdk
    version: "0.0.0"
sdks:
  dart: ">=3.0.0"
`,
  )
  expect(found.packages).toMatchObject([
    { purl: 'pkg:pub/a@1.10.0', checksums: sha256 },
    { purl: 'pkg:pub/b@2.0.0?hosted_url=https:%2F%2Fpub.example', scope: 'development' },
    { purl: 'pkg:pub/c@3.0.0?vcs_url=https:%2F%2Fgit.example%2Fc%40abc' },
    { purl: 'pkg:pub/flutter', version: null },
  ])
  expect(purls(await declared('pubspec.yaml', 'name: app\nversion: 1.0.0+1\n'))).toEqual(['pkg:pub/app@1.0.0%2B1'])
})

test('swift-resolved and podfile-lock', async () => {
  const pins = [
    { identity: 'a', location: 'https://github.com/Org/A.git', state: { version: '1.0.0', revision: 'abc' } },
    { identity: 'b', location: 'git@git.example:x/b.git', state: { branch: 'main', revision: 'def' } },
    { identity: 'c', kind: 'localSourceControl', location: '/here', state: { revision: 'x' } },
  ]
  expect(purls(await declared('Package.resolved', JSON.stringify({ version: 3, pins })))).toEqual([
    'pkg:swift/git.example/x/b@def',
    'pkg:swift/github.com/Org/A@1.0.0',
  ])
  const older = {
    version: 1,
    object: { pins: [{ package: 'A', repositoryURL: 'https://github.com/Org/A', state: { version: '1.0.0' } }] },
  }
  expect(purls(await declared('Package.resolved', JSON.stringify(older)))).toEqual(['pkg:swift/github.com/Org/A@1.0.0'])
  const pods = await declared(
    'Podfile.lock',
    'PODS:\n  - A (1.0):\n    - A/Core (= 1.0)\n    - B\n  - A/Core (1.0)\n  - "B+x (2.0)"\n',
  )
  expect(pods.packages).toMatchObject([
    { purl: 'pkg:cocoapods/A@1.0', dependsOn: ['pkg:cocoapods/A@1.0#Core'] },
    { purl: 'pkg:cocoapods/A@1.0#Core', name: 'A/Core' },
    { purl: 'pkg:cocoapods/B%2Bx@2.0' },
  ])
})

test('mix-lock and rebar-lock', async () => {
  const found = await declared(
    'mix.lock',
    `%{\n  "a": {:hex, :a, "1.0.0", "${'00'.repeat(32)}", [:mix], [{:b, "~> 2.0", [hex: :b, repo: "hexpm", optional: false]}], "hexpm", "${hex}"},\n  "b": {:git, "https://git.example/b.git", "abc", [branch: "x"]},\n  "c": {:path, "../c", []},\n}\n`,
  )
  const git = 'pkg:generic/hex/b@abc?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fb.git'
  expect(found.packages).toMatchObject([
    { purl: git, type: 'hex' },
    { purl: 'pkg:generic/hex/c', version: null },
    { purl: 'pkg:hex/a@1.0.0', checksums: sha256, dependsOn: [git] },
  ])
  const rebar = await declared(
    'rebar.lock',
    `{"1.2.0",\n[{<<"a">>,{pkg,<<"a">>,<<"1.0.0">>},0},\n {<<"b">>,{git,"https://git.example/b",{ref,"abc"}},1}]}.\n[\n{pkg_hash,[{<<"a">>, <<"00">>}]},\n{pkg_hash_ext,[{<<"a">>, <<"${hex.toUpperCase()}">>}]}\n].\n`,
  )
  expect(rebar.packages).toMatchObject([{ version: 'abc' }, { purl: 'pkg:hex/a@1.0.0', checksums: sha256 }])
  const partly = await declared(
    'mix.lock',
    '%{\n  "a": {:hex, :a, "1.0.0", "x", [], [], "hexpm", "y"},\n  nonsense\n}\n',
  )
  expect(purls(partly)).toEqual(['pkg:hex/a@1.0.0'])
  expect(partly.gaps).toMatchObject([{ kind: 'hex', why: 'the entry "nonsense": expected "name": {:source, …}' }])
})

test('packages.lock.json: an entry that cannot be read costs itself only', async () => {
  const net8 = { A: { resolved: 1 }, B: { resolved: '1.0.0', dependencies: 'C' }, C: { resolved: '2.0.0' } }
  const found = await declared('packages.lock.json', JSON.stringify({ version: 1, dependencies: { net8 } }))
  expect(purls(found)).toEqual(['pkg:nuget/C@2.0.0'])
  expect(found.gaps).toMatchObject([
    { kind: 'nuget', why: expect.stringMatching(/^2 entries cannot be read, first "A"/) },
  ])
})

test('stack and cabal-freeze', async () => {
  expect(
    purls(
      await declared(
        'stack.yaml.lock',
        'packages:\n- completed:\n    hackage: a-b-1.0.0.1@sha256:00,1\n- completed:\n    name: c\n    version: 2.0\n    git: https://git.example/c\n    commit: abc\nsnapshots: []\n',
      ),
    ),
  ).toEqual(['pkg:hackage/a-b@1.0.0.1', 'pkg:hackage/c@2.0?vcs_url=git%2Bhttps:%2F%2Fgit.example%2Fc%40abc'])
  expect(purls(await declared('stack.yaml', 'resolver: lts-1\nextra-deps:\n- a-1.0\n- ./local\n- git: x\n'))).toEqual([
    'pkg:hackage/a@1.0',
  ])
  expect(
    purls(
      await declared(
        'cabal.project.freeze',
        'constraints: any.a ==1.0,\n             any.base installed,\n             any.b-c ==2.0.1\n',
      ),
    ),
  ).toEqual(['pkg:hackage/a@1.0', 'pkg:hackage/b-c@2.0.1'])
})

test('conan-lock, conanfile and vcpkg', async () => {
  const two = {
    version: '0.5',
    requires: ['a/1.0@u/c#0123%1.5'],
    build_requires: ['cmake/3.0#45'],
    python_requires: [],
  }
  expect((await declared('conan.lock', JSON.stringify(two))).packages.map(({ purl, scope }) => [purl, scope])).toEqual([
    ['pkg:conan/cmake@3.0?rrev=45', 'build'],
    ['pkg:conan/u/a@1.0?channel=c&rrev=0123', undefined],
  ])
  const one = {
    graph_lock: {
      nodes: { 0: { requires: ['1'] }, 1: { ref: 'a/1.0', requires: ['2'] }, 2: { ref: 'b/2.0', context: 'build' } },
    },
  }
  expect((await declared('conan.lock', JSON.stringify(one))).packages).toMatchObject([
    { purl: 'pkg:conan/a@1.0', dependsOn: ['pkg:conan/b@2.0'] },
    { purl: 'pkg:conan/b@2.0', scope: 'build' },
  ])
  const file = await declared('conanfile.txt', '[requires]\na/1.0 # why\nb/[>=1.0 <2]\nnothing\n[generators]\ncmake\n')
  expect(purls(file)).toEqual(['pkg:conan/a@1.0', 'pkg:conan/b'])
  expect(file.gaps).toMatchObject([{ kind: 'conan', why: 'the entry "nothing": expected name/version' }])
  const vcpkg = await declared(
    'vcpkg.json',
    JSON.stringify({
      name: 'app',
      'version-semver': '1.0.0',
      dependencies: ['a', { name: 'b', host: true }],
      overrides: [{ name: 'a', version: '2.0#3' }],
    }),
  )
  expect(vcpkg.packages).toMatchObject([
    { purl: 'pkg:vcpkg/a@2.0?port_version=3' },
    { purl: 'pkg:vcpkg/app@1.0.0', dependsOn: ['pkg:vcpkg/a@2.0?port_version=3', 'pkg:vcpkg/b'] },
    { purl: 'pkg:vcpkg/b', version: null, scope: 'build' },
  ])
})

test('opam-file, terraform-lock, renv-lock and julia-manifest', async () => {
  const opam = await declared(
    'a.opam',
    'opam-version: "2.0"\nversion: "1.0"\nlicense: "ISC"\nauthors: ["Ann" "Bob"]\nhomepage: "https://b.example"\n',
  )
  expect(opam.packages).toMatchObject([{ purl: 'pkg:opam/a@1.0', licence: 'ISC', supplier: { name: 'Ann' } }])
  const terraform = await declared(
    '.terraform.lock.hcl',
    `# a comment\nprovider "registry.terraform.io/hashicorp/aws" {\n  version     = "5.0.0"\n  constraints = ">= 5"\n  hashes = [\n    "h1:x=",\n    "zh:${hex}",\n  ]\n}\n`,
  )
  expect(terraform.packages).toMatchObject([
    {
      purl: 'pkg:generic/terraform-provider/registry.terraform.io/hashicorp/aws@5.0.0',
      type: 'terraform',
      checksums: sha256,
    },
  ])
  const renv = await declared(
    'renv.lock',
    JSON.stringify({
      R: {},
      Packages: { a: { Package: 'a', Version: '1.0', Requirements: ['b'] }, b: { Version: '2.0' } },
    }),
  )
  expect(renv.packages).toMatchObject([
    { purl: 'pkg:cran/a@1.0', dependsOn: ['pkg:cran/b@2.0'] },
    { purl: 'pkg:cran/b@2.0' },
  ])
  const julia = await declared(
    'Manifest.toml',
    'manifest_format = "2.0"\n[[deps.A]]\nuuid = "u-1"\nversion = "1.0.0"\n[[deps.B]]\nuuid = "u-2"\n',
  )
  expect(purls(julia)).toEqual(['pkg:julia/A@1.0.0?uuid=u-1', 'pkg:julia/B?uuid=u-2'])
  expect(await declared('Manifest.toml', 'other = 1')).toMatchObject({ packages: [], gaps: [] })
})

test.each([
  ['go.mod', 'require a', 'golang'],
  ['go.mod', '', 'golang'],
  ['go.sum', 'a', 'golang'],
  ['Cargo.lock', 'x = 1', 'cargo'],
  ['Cargo.lock', '[[package]]\nname = "a"\n', 'cargo'],
  ['Gemfile.lock', 'nothing', 'gem'],
  ['x.gemspec', 'nothing', 'gem'],
  ['composer.lock', '{}', 'composer'],
  ['packages.lock.json', '{"version":1,"dependencies":{"net8.0":{"A":{"resolved":1}}}}', 'nuget'],
  ['gradle.lockfile', 'a:b', 'maven'],
  ['pom.xml', '<x/>', 'maven'],
  ['pom.xml', '<!DOCTYPE project><project/>', 'maven'],
  ['pubspec.lock', 'a: b', 'pub'],
  ['pubspec.yaml', 'version: 1', 'pub'],
  ['Package.resolved', '{"version":9,"pins":[]}', 'swift'],
  ['Podfile.lock', 'PODS:\n  - A\n', 'cocoapods'],
  ['rebar.lock', '{"1.2.0"', 'hex'],
  ['rebar.lock', '{"1.2.0","x"}.', 'hex'],
  ['stack.yaml.lock', 'x: y', 'hackage'],
  ['stack.yaml', 'x: y', 'hackage'],
  ['cabal.project.freeze', 'x', 'hackage'],
  ['conan.lock', '{"version":"0.5","requires":["a"]}', 'conan'],
  ['vcpkg.json', '{"dependencies":[7]}', 'vcpkg'],
  ['a.opam', 'x', 'opam'],
  ['.terraform.lock.hcl', 'provider "a" {', 'terraform'],
  ['renv.lock', '{}', 'cran'],
  ['Manifest.toml', 'manifest_format = "2.0"\n[[deps.A]]\nversion = 1\n', 'julia'],
])('a damaged %s is a gap: %s', async (path, text, kind) => {
  const found = await declared(path, text)
  expect(found.packages).toEqual([])
  expect(found.gaps).toMatchObject([{ path, kind, reason: 'unreadable' }])
})
