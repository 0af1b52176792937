import { gzipSync, zstdCompressSync } from 'node:zlib'
import { makeElf } from '../../../testkit/sbom/make-executable.ts'
import type { Files, FileSeed } from './types.ts'

/** One small valid file of each kind that syft's fixtures do not have. */
export function textSeeds(): FileSeed[] {
  return [...lists(), ...systems()].map(([path, content, wrap]): FileSeed => {
    return {
      kind: 'file',
      name: `built ${path}`,
      path,
      content: Buffer.from(content),
      beside: besideOf(path),
      ...(wrap && { wrap }),
    }
  })
}

function besideOf(path: string): Files {
  if (path.startsWith('app/.pnp')) return { 'app/.yarn/cache/a.zip': Buffer.from('x') }
  if (path.endsWith('/perllocal.pod'))
    return { [path.replace(/[^/]*$/, 'auto/Foo/Bar/.packlist')]: Buffer.from('/a\n') }
  const database = Buffer.from('Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n')
  return path === 'etc/os-release' ? { 'var/lib/dpkg/status': database, 'usr/lib/opkg/status': database } : {}
}

type Row = [path: string, content: string | Buffer, wrap?: (content: Buffer) => Buffer]

const json = (value: object): string => JSON.stringify(value)
const sum = 'ab'.repeat(32)
const integrity = `sha512-${Buffer.alloc(64, 1).toString('base64')}`

function lists(): Row[] {
  const gemspec = (name: string): string =>
    `Gem::Specification.new do |s|\n  s.name = "${name}".freeze\n  s.version = "1.0"\n  s.licenses = ["MIT".freeze]\n  s.authors = ["Ann".freeze]\n  s.email = ["a@b.example".freeze]\n  s.add_runtime_dependency(%q<b>.freeze, ["~> 2.0"])\nend\n`
  const entry = { name: 'b/two', version: 'v1.2.3', license: ['MIT'], require: { php: '>=8', 'a/one': '*' } }
  const installed = json({
    packages: [entry, { ...entry, name: 'a/one', 'install-path': '../a/one' }],
    'dev-package-names': ['b/two'],
  })
  const bun = `{ // a comment
    "lockfileVersion": 1, "workspaces": { "": { "name": "app", "dependencies": { "a": "^1" }, }, },
    "packages": { "a": ["a@1.0.0", "", { "dependencies": { "b": "*" } }, "${integrity}"], "b": ["b@1.0.0", "", {}, ""], "g": ["g@git+https://x/y#abc", {}, "abc"], },
  }`
  const deno = {
    version: '5',
    npm: { 'a@1.0.0': { integrity, dependencies: ['b@2.0.0_p@1'] }, 'b@2.0.0_p@1': { integrity: 'x' } },
    jsr: { '@std/path@1.0.0': { integrity: sum } },
  }
  const pnp = {
    packageRegistryData: [
      [null, [[null, { packageLocation: './', packageDependencies: [['a', 'npm:1.0.0']] }]]],
      [
        'a',
        [
          [
            'npm:1.0.0',
            { packageLocation: './.yarn/cache/a.zip/node_modules/a/', packageDependencies: [['a', 'npm:1.0.0']] },
          ],
        ],
      ],
    ],
  }
  const opam = `opam-version: "2.0"\nversion: "1.0"\nlicense: ["MIT" "ISC"]\nauthors: ["Ann"]\ndepends: ["ocaml" {>= "4"}]\nurl {\n checksum: [ "md5=ab" "sha256=${sum}" ]\n}\n`
  return [
    ['gems/specifications/a-1.0.gemspec', gemspec('a')],
    ['app/vendor/composer/installed.json', installed],
    ['bun.lock', bun],
    ['bun.lockb', 'bun'],
    ['deno.lock', json(deno)],
    ['app/.pnp.data.json', json(pnp)],
    ['app/.pnp.cjs', `const RAW_RUNTIME_STATE =\n'${JSON.stringify(pnp, null, 2).replaceAll('\n', '\\\n')}';\n`],
    ['root/.opam/default/.opam-switch/packages/a.1.0~x/opam', opam],
    ['a.opam', opam],
    [
      'go.mod',
      'module example.com/app\ngo 1.24\nrequire (\n\texample.com/two/v2 v2.0.0 // indirect\n\texample.com/o v1.0.0\n)\nreplace example.com/o v1.0.0 => example.com/fork v1.5.0\nexclude example.com/none v1.0.0\n',
    ],
    ['pubspec.yaml', 'name: app\nversion: 1.0.0+1\ndependencies:\n  a: ^1.0.0\n'],
    [
      'renv.lock',
      json({ R: {}, Packages: { a: { Package: 'a', Version: '1.0', Requirements: ['b'] }, b: { Version: '2.0' } } }),
    ],
    [
      'Manifest.toml',
      'manifest_format = "2.0"\n[[deps.A]]\nuuid = "u-1"\nversion = "1.0.0"\ndeps = ["B"]\n[[deps.B]]\nuuid = "u-2"\n',
    ],
    [
      'Cargo.lock',
      `version = 3\n[[package]]\nname = "app"\nversion = "0.1.0"\ndependencies = ["a 1.0.0", "b"]\n[[package]]\nname = "a"\nversion = "1.0.0"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "${sum}"\n`,
    ],
    [
      'opt/bitnami/postgresql/.spdx-postgresql.spdx',
      json({
        spdxVersion: 'SPDX-2.3',
        packages: [
          {
            SPDXID: 'a',
            name: 'postgresql',
            licenseDeclared: 'PostgreSQL',
            externalRefs: [{ referenceType: 'purl', referenceLocator: 'pkg:bitnami/postgresql@17.2.0-8?arch=arm64' }],
          },
        ],
        relationships: [{ spdxElementId: 'a', relationshipType: 'CONTAINS', relatedSpdxElement: 'a' }],
      }),
    ],
    ['opt/bitnami/.bitnami_components.json', json({ yq: { version: '4.18.1-1', arch: 'amd64', distro: 'debian-10' } })],
    [
      '.github/workflows/ci.yml',
      'on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4 # v4.1\n      - uses: docker://alpine:3\n  b:\n    uses: o/r/.github/workflows/w.yml@main\n',
    ],
  ]
}

function systems(): Row[] {
  const wall = [
    { jsonwall: '1.0', schema: '1.0', count: 4 },
    { kind: 'package', name: 'libc6', version: '2.39', sha256: sum, arch: 'amd64' },
    { kind: 'path', path: '/usr/bin/tool', mode: '0755', slices: ['libc6_bins'], sha256: sum },
    { kind: 'slice', name: 'libc6_bins' },
  ]
  const lines = wall.map((one) => `${json(one)}\n`).join('')
  const kernel = Buffer.alloc(0x400)
  kernel.write('HdrS', 0x202, 'latin1')
  kernel.writeUInt16LE(0x80, 0x20e)
  kernel.write('6.1.0-1-amd64 (builder@host) #1 SMP\0', 0x280, 'latin1')
  const info = 'name=zfs\0version=2.1\0license=CDDL\0vermagic=6.1.0-1-amd64 SMP mod_unload\0depends=spl\0'
  const module = (content: Buffer): Buffer => makeElf([{ name: '.modinfo', bytes: content }])
  const folder = 'usr/lib/modules/6.1.0-1-amd64'
  const paragraph = (name: string): string =>
    `Package: ${name}\nVersion: 1.0\nStatus: install user installed\nArchitecture: mips\nDepends: libc (>= 1), none\nProvides: libc6\nLicense: MIT\n\n`
  const perl = 'usr/local/lib/perl5/site_perl/5.40.0/x86_64-linux-gnu'
  return [
    [
      `${perl}/.meta/Foo-Bar-1.02/install.json`,
      json({ dist: 'Foo-Bar-1.02', name: 'Foo::Bar', version: '1.02', pathname: 'A/AN/ANN/Foo-Bar-1.02.tar.gz' }),
    ],
    [`${perl}/auto/Foo/Bar/.packlist`, '/usr/local/share/perl/Foo/Bar.pm type=file\n/usr/local/bin/foo\n'],
    [`${perl}/perllocal.pod`, '=head2 now: C<Module> L<Foo::Bar|Foo::Bar>\n\n=item *\n\nC<VERSION: 1.1>\n\n=back\n'],
    ['var/lib/chisel/manifest.wall', lines, (content) => zstdCompressSync(content)],
    ['boot/vmlinuz-6.1.0-1-amd64', kernel],
    [`${folder}/kernel/fs/zfs.ko`, info, module],
    [`${folder}/kernel/fs/zfs.ko.gz`, info, (content) => gzipSync(module(content))],
    [
      'var/lib/dpkg/status',
      'Package: libc6\nStatus: install ok installed\nMaintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>\nArchitecture: amd64\nSource: glibc\nVersion: 2.41-12\nProvides: libc-virtual (= 2)\nDescription: GNU C Library\n a second line\n .\nHomepage: https://www.gnu.org/\n\nPackage: left\nStatus: install ok installed\nArchitecture: all\nVersion: 1:1.0+ds-2\nDepends: libc-virtual | other, libc6 (>= 2.3)\nConffiles:\n /etc/left 0123456789abcdef0123456789abcdef\n\n',
    ],
    ['usr/lib/opkg/status', paragraph('libc') + paragraph('tool')],
    ['usr/lib/opkg/info/alone.control', 'Package: alone\nVersion: 3\nArchitecture: all\n'],
    ['nix/store/0123456789abcdfghijklmnpqrsvwxyz-glibc-2.34-210-bin/bin/ldd', 'x'],
    [
      'var/lib/pkgtools/packages/a-tool-1.0-x86_64-2',
      'PACKAGE NAME:     a-tool-1.0-x86_64-2\nPACKAGE DESCRIPTION:\nFILE LIST:\n./\nusr/\nusr/bin/tool\n',
    ],
    [
      'var/lib/pacman/local/a-1.0-1/desc',
      '%NAME%\na\n\n%VERSION%\n1.0-1\n\n%LICENSE%\nMIT\n\n%DEPENDS%\nb>=1\n\n%PROVIDES%\nlib=1\n\n',
    ],
    ['etc/os-release', 'ID=alpine\nVERSION_ID="3.22.0"\nPRETTY_NAME="Alpine"\nID_LIKE="a b"\n'],
  ]
}
