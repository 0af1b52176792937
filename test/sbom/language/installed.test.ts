import { catalog, declared, packageOf, purls } from '../catalog.ts'

const gemspec = (name: string, version: string, ...more: string[]): string =>
  [
    '# -*- encoding: utf-8 -*-',
    `# stub: ${name} ${version} ruby lib`,
    '',
    'Gem::Specification.new do |s|',
    `  s.name = "${name}".freeze`,
    `  s.version = "${version}"`,
    ...more.map((line) => `  s.${line}`),
    'end',
    '',
  ].join('\n')

describe('gem', () => {
  test('gems of RubyGems, also default ones, with platform, edges, licence, author and folder', async () => {
    const found = await catalog({
      'gems/specifications/a-1.0.gemspec': gemspec(
        'a',
        '1.0',
        'licenses = ["MIT".freeze]',
        'authors = ["Andr\\u00E9 A".freeze]',
        'email = ["a@b.example".freeze]',
        'homepage = "https://b.example".freeze',
        'add_runtime_dependency(%q<b>.freeze, ["~> 2.0"])',
        'add_development_dependency(%q<d>.freeze, [">= 0"])',
      ),
      'gems/specifications/default/b-2.0.gemspec': gemspec('b', '2.0', 'licenses = ["Ruby", "BSD-2-Clause"]'),
      'gems/specifications/c-3.0-java.gemspec': gemspec('c', '3.0', "platform = 'java'"),
      'gems/specifications/d-4.0.gemspec': gemspec('d', '4.0'),
      'gems/gems/a-1.0/lib/a.rb': 'a',
      'gems/gems/c-3.0-java/lib/c.rb': 'c',
      'gems/gems/other-1.0/lib/o.rb': 'o',
    })
    expect(purls(found)).toEqual(['pkg:gem/a@1.0', 'pkg:gem/b@2.0', 'pkg:gem/c@3.0?platform=java', 'pkg:gem/d@4.0'])
    expect(packageOf(found, 'pkg:gem/a@1.0')).toMatchObject({
      dependsOn: ['pkg:gem/b@2.0'],
      licence: 'MIT',
      supplier: { name: 'André A', email: 'a@b.example' },
      homepage: 'https://b.example',
    })
    expect(packageOf(found, 'pkg:gem/b@2.0')).toMatchObject({ licence: null, licenceText: 'Ruby, BSD-2-Clause' })
    expect(found.coverage.unattributed).toBe(1)
    expect(found.gaps).toEqual([])
  })

  test.each([
    ['a program of another form', 'puts "a"', /the form that RubyGems writes/],
    [
      'a computed version',
      'Gem::Specification.new do |s|\ns.name = "a"\ns.version = A::VERSION\nend',
      /literal version/,
    ],
    ['a name with code in it', 'Gem::Specification.new do |s|\ns.name = "a#{1}"\ns.version = "1"\nend', /literal name/],
  ])('%s is a gap', async (_what, text, why) => {
    const found = await catalog({ 'specifications/a-1.gemspec': text, 'elsewhere/b.gemspec': gemspec('b', '1') })
    expect(found.packages).toEqual([])
    expect(found.gaps).toMatchObject([{ kind: 'gem', why: expect.stringMatching(why) as string }])
  })
})

describe('composer', () => {
  const entry = (name: string, more: object = {}): object => ({ name, version: 'v1.2.3', ...more })

  test('installed.json of versions 1 and 2', async () => {
    const found = await catalog({
      'app/vendor/composer/installed.json': JSON.stringify({
        packages: [
          entry('a/one', {
            license: ['MIT', 'GPL-2.0-only'],
            require: { php: '>=8', 'b/virtual': '*' },
            'install-path': '../a/one',
          }),
          entry('b/two', {
            provide: { 'b/virtual': '1' },
            require: [],
            authors: [{ name: 'Ann', email: 'a@b.example' }],
          }),
          entry('c/out', { 'install-path': '../../../etc', dist: { shasum: 'ab'.repeat(20) } }),
        ],
        'dev-package-names': ['b/two'],
      }),
      'old/vendor/composer/installed.json': JSON.stringify([entry('d/old')]),
      'app/vendor/a/one/x.php': 'x',
      'old/vendor/d/old/x.php': 'x',
      'etc/x': 'x',
      'other/installed.json': '{"is":"something else"}',
    })
    expect(purls(found)).toEqual([
      'pkg:composer/a/one@v1.2.3',
      'pkg:composer/b/two@v1.2.3',
      'pkg:composer/c/out@v1.2.3',
      'pkg:composer/d/old@v1.2.3',
    ])
    expect(found.packages[0]).toMatchObject({
      licence: 'MIT OR GPL-2.0-only',
      dependsOn: ['pkg:composer/b/two@v1.2.3'],
    })
    expect(found.packages[1]).toMatchObject({ scope: 'development', supplier: { name: 'Ann', email: 'a@b.example' } })
    expect(found.packages[2]).toMatchObject({ checksums: [{ algorithm: 'SHA-1', value: 'ab'.repeat(20) }] })
    expect(found.coverage.unattributed).toBe(2)
    expect(found.gaps).toEqual([])
  })

  test('a damaged one is a gap', async () => {
    const found = await catalog({
      'vendor/composer/installed.json': '{"packages":{}}',
      'b/vendor/composer/installed.json': '[{"name":["a"]}]',
    })
    expect(found.packages).toEqual([])
    expect(found.gaps.map(({ kind, reason }) => `${kind} ${reason}`)).toEqual([
      'composer unreadable',
      'composer unreadable',
    ])
  })

  test.each<[string, object, string]>([
    ['a name that is no text', { name: ['a'] }, 'packages[1]": expected a name, found a list'],
    ['a version that is no text', entry('x/bad', { version: 1 }), 'x/bad": expected a version, found a value of type'],
    ['requirements of another form', entry('x/bad', { require: 'b/two' }), 'x/bad": require: expected an object'],
    ['authors of another form', entry('x/bad', { authors: 'Ann' }), 'x/bad": authors: expected a list'],
  ])('an entry with %s costs itself only', async (_, bad, why) => {
    const packages = [entry('a/one', { require: { 'b/two': '*' } }), bad, entry('b/two')]
    const path = 'app/vendor/composer/installed.json'
    const gaps = [{ path, kind: 'composer', reason: 'unreadable', why: expect.stringContaining(`the entry "${why}`) }]
    const found = await catalog({ [path]: JSON.stringify({ packages }) })
    expect(purls(found)).toEqual(['pkg:composer/a/one@v1.2.3', 'pkg:composer/b/two@v1.2.3'])
    expect(packageOf(found, 'pkg:composer/a/one@v1.2.3').dependsOn).toEqual(['pkg:composer/b/two@v1.2.3'])
    expect(found.gaps).toEqual(gaps)
    const locked = await declared('composer.lock', JSON.stringify({ packages }))
    expect(purls(locked)).toEqual(purls(found))
    expect(locked.gaps).toMatchObject([{ path: 'composer.lock', why: expect.stringContaining(why) }])
  })

  test('further entries that cannot be read are counted', async () => {
    const found = await catalog({ 'composer/installed.json': '[{"name":1},{"name":2},{"name":"a/one","version":"1"}]' })
    expect(purls(found)).toEqual(['pkg:composer/a/one@1'])
    expect(found.gaps[0]?.why).toMatch(/^2 entries cannot be read, first "packages\[0\]": expected a name/)
  })
})

describe('pear', () => {
  const php = (value: unknown): string => {
    if (typeof value === 'string') return `s:${Buffer.byteLength(value)}:"${value}";`
    if (typeof value === 'number') return `i:${value};`
    if (typeof value === 'boolean') return `b:${value ? 1 : 0};`
    if (value === null) return 'N;'
    const pairs = Object.entries(value as object)
    return `a:${pairs.length}:{${pairs.map(([key, item]) => php(key) + php(item)).join('')}}`
  }

  test('packages of both forms, with their files', async () => {
    const found = await catalog({
      'php/.registry/a.reg': php({ package: 'A', version: '1.0', license: 'MIT', n: null, t: true, i: 7 }),
      'php/.registry/.channel.pecl.php.net/b.reg': php({
        name: 'b',
        channel: 'pecl.php.net',
        version: { release: '2.0', api: '1' },
        license: { _content: 'PHP 3.01' },
        filelist: { 'b.php': { installed_as: '/php/b.php' }, bad: { installed_as: '/php/../etc/x' } },
      }),
      'php/b.php': 'x',
      'etc/x': 'x',
    })
    expect(found.packages).toMatchObject([
      { purl: 'pkg:pear/pecl.php.net/A@1.0', licence: 'MIT' },
      { purl: 'pkg:pear/pecl.php.net/b@2.0', licence: 'PHP-3.01' },
    ])
    expect(found.coverage.unattributed).toBe(1)
  })

  test.each(['', 'a:1:{s:9:"name";}', 's:99999:"x";', 'a:1:{i:0;'.repeat(5000), 'O:1:"x":0:{}'])(
    '%p is a gap',
    async (text) => {
      const found = await catalog({ 'php/.registry/a.reg': text })
      expect(found.packages).toEqual([])
      expect(found.gaps).toMatchObject([{ kind: 'pear', reason: 'unreadable' }])
    },
  )
})

describe('dotnet-deps', () => {
  const sha512 = `sha512-${Buffer.alloc(64, 7).toString('base64')}`
  const deps = {
    targets: {
      '.NETCoreApp,Version=v8.0': {
        'App/1.0.0': { dependencies: { A: '1.0.0', Meta: '2.0.0' }, runtime: { 'App.dll': {} } },
        'A/1.0.0': { runtime: { 'lib/net8.0/A.dll': {}, '../../etc/x.dll': {} } },
        'Meta/2.0.0': { dependencies: { A: '1.0.0' } },
        'Nothing/3.0.0': {},
        'Other/1.0.0': { runtime: { 'Other.dll': {} } },
        'Reference/8.0.0.0': { compile: { 'Reference.dll': {} } },
      },
    },
    libraries: {
      'App/1.0.0': { type: 'project' },
      'A/1.0.0': { type: 'package', sha512 },
      'Meta/2.0.0': { type: 'package' },
      'Nothing/3.0.0': { type: 'package' },
      'Other/1.0.0': { type: 'project' },
      'Reference/8.0.0.0': { type: 'referenceassembly' },
    },
  }

  test('packages that bring a file or need one that does, and the application', async () => {
    const found = await catalog({
      'app/App.deps.json': JSON.stringify(deps),
      'app/A.dll': 'x',
      'app/libman.json': JSON.stringify({
        defaultProvider: 'cdnjs',
        libraries: [{ library: 'jquery@3.0.0' }, { library: 'x', provider: 'filesystem' }],
      }),
      'src/libman.json': JSON.stringify({ libraries: [{ library: 'not-fetched@1.0.0' }] }),
      'etc/x.dll': 'x',
      'app/other.json': '{}',
    })
    expect(purls(found)).toEqual([
      'pkg:npm/jquery@3.0.0',
      'pkg:nuget/A@1.0.0',
      'pkg:nuget/App@1.0.0',
      'pkg:nuget/Meta@2.0.0',
    ])
    expect(packageOf(found, 'pkg:nuget/A@1.0.0').checksums).toEqual([{ algorithm: 'SHA-512', value: '07'.repeat(64) }])
    expect(packageOf(found, 'pkg:nuget/App@1.0.0').dependsOn).toEqual(['pkg:nuget/A@1.0.0', 'pkg:nuget/Meta@2.0.0'])
    expect(found.coverage.unattributed).toBe(3)
    expect(found.gaps).toEqual([])
  })

  test('a damaged one is a gap', async () => {
    const found = await catalog({ 'a.deps.json': '{}', 'b.deps.json': '{"libraries":[]}', 'c.deps.json': 'x' })
    expect(found.gaps.map(({ path, kind }) => `${path} ${kind}`)).toEqual([
      'a.deps.json nuget',
      'b.deps.json nuget',
      'c.deps.json nuget',
    ])
  })

  test.each<[string, object, string]>([
    ['no version', { 'Bad/': { runtime: { 'x.dll': {} } } }, 'Bad/": expected a version'],
    ['dependencies of another form', { 'Bad/1.0.0': { dependencies: [] } }, 'Bad/1.0.0": dependencies: expected'],
    ['files of another form', { 'Bad/1.0.0': { runtime: 'x.dll' } }, 'Bad/1.0.0": runtime: expected an object'],
  ])('a library with %s costs itself only', async (_, bad, why) => {
    const targets = { net8: { ...bad, 'A/1.0.0': { runtime: { 'lib/net8/A.dll': {} } } }, broken: 1 }
    const found = await catalog({ 'app/App.deps.json': JSON.stringify({ targets, libraries: {} }) })
    expect(purls(found)).toEqual(['pkg:nuget/A@1.0.0'])
    expect(found.gaps).toMatchObject([{ path: 'app/App.deps.json', kind: 'nuget', reason: 'unreadable' }])
    expect(found.gaps[0]?.why).toContain(`2 entries cannot be read, first "${why}`)
  })

  test('a script of LibMan without a version is a gap beside the others', async () => {
    const libraries = [{ library: 'jquery@3.0.0' }, { library: 'bootstrap' }, {}]
    const found = await catalog({
      'app/App.deps.json': JSON.stringify(deps),
      'app/libman.json': JSON.stringify({ libraries }),
    })
    expect(purls(found)).toContain('pkg:npm/jquery@3.0.0')
    expect(found.gaps).toMatchObject([
      {
        path: 'app/libman.json',
        why: '2 entries cannot be read, first "bootstrap": expected a library as NAME@VERSION',
      },
    ])
  })
})

describe('r', () => {
  test('installed packages with licences in the terms of R', async () => {
    const found = await catalog({
      'lib/R/a/DESCRIPTION':
        'Package: a\nVersion: 1.0\nLicense: GPL (>= 2)\nImports: b (>= 1),\n    c\nBuilt: R 4.3.0; ; 2023; unix\nMaintainer: Ann <a@b.example>\n',
      'lib/R/b/DESCRIPTION': 'Package: b\nVersion: 2.0\nLicense: MIT + file LICENSE\n',
      'lib/R/c/DESCRIPTION': 'Package: c\nVersion: 3.0\nLicense: GPL-2 | BSD_3_clause + file LICENSE\n',
      'lib/R/d/DESCRIPTION': 'Package: d\nVersion: 4.0\nLicense: file LICENSE\n',
      'lib/R/a/x.R': 'x',
      'lib/R/b/x.R': 'x',
    })
    expect(found.packages.map(({ purl, licence }) => [purl, licence])).toEqual([
      ['pkg:cran/a@1.0', 'GPL-2.0-or-later'],
      ['pkg:cran/b@2.0', 'MIT'],
      ['pkg:cran/c@3.0', 'GPL-2.0-only OR BSD-3-Clause'],
      ['pkg:cran/d@4.0', null],
    ])
    expect(found.packages[0]).toMatchObject({
      dependsOn: ['pkg:cran/b@2.0', 'pkg:cran/c@3.0'],
      supplier: { name: 'Ann' },
      properties: [['r:built', '4.3.0']],
    })
    expect(found.coverage.unattributed).toBe(1)
  })

  test('other files of this name are nothing; a bad name is a gap', async () => {
    const found = await catalog({
      'a/DESCRIPTION': 'This is a text: of prose.',
      'b/DESCRIPTION': 'Package: b',
      'c/DESCRIPTION': Buffer.from('Package: c\xe4\nVersion: 1', 'latin1'),
    })
    expect(found.packages).toEqual([])
    expect(found.gaps).toMatchObject([{ path: 'c/DESCRIPTION', kind: 'cran' }])
  })
})

describe('conda', () => {
  const sum = '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae'

  test('packages with channel, build and files, of which changed ones are reported', async () => {
    const found = await catalog({
      'opt/env/conda-meta/a-1.0-h1_0.json': JSON.stringify({
        name: 'a',
        version: '1.0',
        build: 'h1_0',
        channel: 'https://conda.example/t/secret-token/main/linux-64',
        subdir: 'linux-64',
        fn: 'a-1.0-h1_0.conda',
        sha256: sum,
        license: 'BSD-3-Clause',
        depends: ['b >=1', 'python'],
        paths_data: {
          paths: [
            { _path: 'bin/a', path_type: 'hardlink', sha256: sum, sha256_in_prefix: sum },
            { _path: 'bin/b', path_type: 'hardlink', sha256: sum },
            { _path: 'bin/c', path_type: 'hardlink', sha256: '00'.repeat(32), prefix_placeholder: '/x' },
            { _path: '../../etc/x', path_type: 'hardlink', sha256: sum },
            { _path: 'bin/l', path_type: 'softlink', sha256: sum },
          ],
        },
      }),
      'opt/env/conda-meta/b-2.0-0.json': JSON.stringify({ name: 'b', version: '2.0', files: ['lib/b.so'] }),
      'opt/env/conda-meta/history': '==> now <==',
      'opt/env/bin/a': 'foo',
      'opt/env/bin/b': 'changed',
      'opt/env/bin/c': 'x',
      'opt/env/bin/l': { link: 'a' },
      'opt/env/lib/b.so': '\x7fELF',
      'opt/env/lib/c.so': '\x7fELF',
    })
    const [a] = found.packages
    expect(a).toMatchObject({
      purl: 'pkg:conda/a@1.0?build=h1_0&channel=main&subdir=linux-64&type=conda',
      checksums: [{ algorithm: 'SHA-256', value: sum }],
      dependsOn: ['pkg:conda/b@2.0'],
      licence: 'BSD-3-Clause',
    })
    expect(found.coverage.executables).toEqual(['opt/env/lib/c.so'])
    expect(found.coverage.findings).toMatchObject([{ path: 'opt/env/bin/b', kind: 'modified' }])
  })

  test('a damaged one is a gap', async () => {
    const found = await catalog({ 'conda-meta/a.json': '{"version":"1"}', 'conda-meta/b.json': 'x' })
    expect(found.packages).toEqual([])
    expect(found.gaps.map(({ kind }) => kind)).toEqual(['conda', 'conda'])
  })
})

describe('lua', () => {
  test('rockspecs with literals and joined names', async () => {
    const found = await catalog({
      'lib/luarocks/rocks-5.4/a/1.0-1/a-1.0-1.rockspec': [
        'local name = "a" -- a comment',
        'local version_ = "1.0"',
        'package = name',
        'version = version_.."-"..\'1\'',
        'source = { url = "git://x/"..name..".git", branch = (version_ == "dev") and "main" or nil }',
        'description = { license = "MIT/X11", homepage = [[https://b.example]], maintainer = "Ann <a@b.example>" }',
        'dependencies = { "lua >= 5.1", "b >= 2", --[[ "c" ]] }',
        'build = { modules = { ["a.x"] = "x.lua", y = { "y.c", "z.c" } } }',
      ].join('\n'),
      'lib/luarocks/rocks-5.4/b/2.0-1/b-2.0-1.rockspec': "package='b'\nversion='2.0-1'",
      'lib/luarocks/rocks-5.4/a/1.0-1/doc/x': 'x',
      'share/lua/5.4/a.lua': 'x',
    })
    expect(found.packages).toMatchObject([
      {
        purl: 'pkg:luarocks/a@1.0-1',
        licence: 'MIT',
        homepage: 'https://b.example',
        dependsOn: ['pkg:luarocks/b@2.0-1'],
      },
      { purl: 'pkg:luarocks/b@2.0-1' },
    ])
    expect(found.coverage.unattributed).toBe(1)
    expect(found.gaps).toEqual([])
  })

  test.each(['package = "a', 'package = compute("a")\nversion = "1"', 'package = "a"\nversion = f()', 'x = {'])(
    '%p is a gap',
    async (text) => {
      const found = await catalog({ 'a.rockspec': text, 'empty.rockspec': ' ' })
      expect(found.packages).toEqual([])
      expect(found.gaps).toMatchObject([{ path: 'a.rockspec', kind: 'luarocks' }])
    },
  )
})

describe('erlang', () => {
  test('applications, with edges and folder; a program of another system is none', async () => {
    const found = await catalog({
      'lib/a-1.0/ebin/a.app':
        '%% a comment\n{application, \'a\', [{vsn,"1.0"}, {x, <<"b">>}, {n, -1}, {env,[{k,{f,[]}}]}, {applications,[kernel,b]}]}.\n',
      'lib/b-2.0/ebin/b.app': '{application,b,[{description,"x \\" y"},{vsn,"2.0"}]}',
      'lib/c/ebin/c.app': '{application,c,[{vsn,git}]}.',
      'lib/a-1.0/priv/a': { text: '#!/bin/sh', mode: 0o755 },
      'Other.app': 'x = 1',
    })
    expect(found.packages).toMatchObject([
      { purl: 'pkg:otp/a@1.0', dependsOn: ['pkg:otp/b@2.0'] },
      { purl: 'pkg:otp/b@2.0' },
      { purl: 'pkg:otp/c@git' },
    ])
    expect(found.coverage.executables).toEqual([])
    expect(found.gaps).toEqual([])
  })

  test.each(['{application, a, [', '{application, a, [{vsn,"1}]}.', `{application, a, ${'['.repeat(5000)}`])(
    '%p is a gap',
    async (text) => {
      const found = await catalog({ 'a.app': text })
      expect(found.packages).toEqual([])
      expect(found.gaps).toMatchObject([{ kind: 'otp', reason: 'unreadable' }])
    },
  )
})

describe('wordpress, swipl-pack, opam and conan', () => {
  test('plugins by the header of their main file', async () => {
    const found = await catalog({
      'www/wp-content/plugins/good/good.php':
        '<?php\n/**\n * Plugin Name: Good: the Plugin\n * Version: 1.2.3\n * Author: Ann\n * License: MIT\n */\n' +
        'x'.repeat(20_000),
      'www/wp-content/plugins/good/inc.php': '<?php // nothing',
      'www/wp-content/plugins/hello.php': '<?php /* Plugin Name: Hello */',
      'www/other/x.php': '<?php\n * Plugin Name: No\n',
    })
    expect(found.packages).toMatchObject([
      {
        purl: 'pkg:generic/wordpress-plugin/good@1.2.3',
        name: 'Good: the Plugin',
        licence: 'MIT',
        type: 'wordpress-plugin',
      },
      { purl: 'pkg:generic/wordpress-plugin/hello', version: null },
    ])
    expect(found.coverage.unattributed).toBe(1)
    expect(found.gaps).toEqual([])
  })

  test('packs of SWI-Prolog; other files of this name are nothing', async () => {
    const found = await catalog({
      'pack/a/pack.pl': "name(a).\nversion('1.0').\nauthor( 'Ann', 'a@b.example' ).\nhome('https://b.example').\n",
      'b/pack.pl': ':- module(pack, []).',
    })
    expect(found.packages).toMatchObject([
      { purl: 'pkg:swiplpack/a@1.0', supplier: { name: 'Ann', email: 'a@b.example' } },
    ])
    expect(found.gaps).toEqual([])
  })

  test('packages of an opam switch, not those of its repository', async () => {
    const file =
      'opam-version: "2.0"\nlicense: ["MIT" "ISC"]\nurl {\n checksum: [ "md5=ab" "sha256=' +
      'ab'.repeat(32) +
      '" ]\n}\n'
    const found = await catalog({
      'root/.opam/default/.opam-switch/packages/a.1.0~x/opam': file,
      'root/.opam/repo/default/packages/b/b.1/opam': file,
      'root/.opam/default/.opam-switch/packages/c.1/opam': 'nothing',
    })
    expect(found.packages).toMatchObject([
      {
        purl: 'pkg:opam/a@1.0~x',
        licence: 'MIT AND ISC',
        checksums: [{ algorithm: 'SHA-256', value: 'ab'.repeat(32) }],
      },
    ])
    expect(found.gaps).toMatchObject([{ kind: 'opam', why: expect.stringMatching(/opam-version/) as string }])
  })

  test("Conan's cache", async () => {
    const found = await catalog({
      '.conan/data/a/1.0/_/_/package/0123abcd/conaninfo.txt':
        '[settings]\n  os=Linux\n[full_requires]\n  b/2.0:0123abcd\n',
      'x/conaninfo.txt': 'nothing',
    })
    expect(found.packages).toMatchObject([
      { purl: 'pkg:conan/a@1.0', dependsOn: ['pkg:conan/b@2.0'] },
      { purl: 'pkg:conan/b@2.0' },
    ])
    expect(found.gaps).toMatchObject([{ path: 'x/conaninfo.txt', kind: 'conan' }])
  })
})
