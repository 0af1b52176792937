import { catalogers } from '../../src/sbom/catalogers/index.ts'
import type { Cataloger } from '../../src/sbom/cataloger.ts'

/** Where the inputs of a kind's tests come from. */
const sources = {
  recorded: 'a package manager wrote them in the test',
  'syft testdata': "syft's fixtures, read by `npm run recall`; those of our own tests are written by the format",
  'by format': 'they are written in the test, by the documentation of the format',
} as const

type Source = keyof typeof sources

/** What each cataloger reads, and where its tests have it from. */
const rows: Readonly<Record<string, readonly [reads: string, source: Source]>> = {
  alpm: ['`var/lib/pacman/local/*/{desc,files,mtree}`', 'syft testdata'],
  apk: ['`lib/apk/db/installed`', 'syft testdata'],
  'apple-app-bundle': ['`Info.plist` of macOS bundles', 'syft testdata'],
  chisel: ["`manifest.wall` of Ubuntu's chisel", 'by format'],
  dpkg: ['`var/lib/dpkg/status`, `status.d`, `updates`, `info`, `diversions`', 'recorded'],
  homebrew: ['kegs below `Cellar`', 'syft testdata'],
  'linux-kernel': ['`vmlinuz` and modules (`.ko`, `.ko.gz`, `.ko.zst`; `.ko.xz` by path only)', 'by format'],
  nix: ['store paths of Nix and Guix', 'syft testdata'],
  opkg: ['`status` and `info` of opkg', 'by format'],
  portage: ['`var/db/pkg/*/*/CONTENTS`', 'syft testdata'],
  remains: [
    'what a removed database of apk, dpkg, pacman, Portage, rpm or Slackware leaves behind is reported',
    'by format',
  ],
  rpm: ['databases in SQLite (with its log), ndb and Berkeley DB; manifests of Azure Linux', 'recorded'],
  slackware: ['`var/log/packages`, `var/lib/pkgtools/packages`', 'by format'],
  snap: ['`snap.yaml`, manifests of snaps', 'syft testdata'],
  unread: ['databases of 18 further package managers are reported as not read', 'by format'],
  bitnami: ['`.spdx-*.spdx`, `.bitnami_components.json`', 'by format'],
  'binary-classifier': ['more than 60 programs by the version in their bytes', 'syft testdata'],
  'dotnet-bundle': ['`deps.json` in single-file applications of .NET', 'by format'],
  'elf-note': ['`.note.package` in ELF files', 'recorded'],
  executables: ['programs that cannot be looked into (packed, damaged, over 256 MiB) are reported', 'by format'],
  gguf: ['heads of `.gguf` models', 'by format'],
  githubactions: ['what workflows and actions use', 'syft testdata'],
  'go-binary': ["Go's build information in ELF, PE, Mach-O and WebAssembly", 'recorded'],
  'java-archive': ['`.jar`, `.war`, `.ear` and others, also nested and shaded', 'recorded'],
  'jvm-release': ['`release` of Java run times', 'by format'],
  'native-image': ['the SBOM in native images of GraalVM (ELF); one without is reported', 'by format'],
  onnx: ['heads of `.onnx` models', 'by format'],
  'pe-version': [
    'version resources of Windows programs and .NET assemblies; metadata of assemblies without one',
    'by format',
  ],
  'php-extension': ['module entry of extensions (`php*/**/*.so`)', 'by format'],
  'rust-binary': ["cargo-auditable's `.dep-v0`", 'by format'],
  safetensors: ['heads of `.safetensors` models', 'by format'],
  npm: ['`package.json` of installed modules (npm, Yarn, pnpm, Bun, Debian) and of applications', 'recorded'],
  'yarn-pnp': ["Yarn's `.pnp.cjs` and `.pnp.data.json`", 'by format'],
  python: ['`.dist-info`, `.egg-info`, `EGG-INFO` with RECORD, `installed-files.txt`, `direct_url.json`', 'recorded'],
  gem: ['`specifications/**/*.gemspec` of the form that RubyGems writes', 'recorded'],
  composer: ['`installed.json` of Composer 1 and 2', 'recorded'],
  pear: ['`.registry/**/*.reg` of PEAR and PECL', 'syft testdata'],
  'dotnet-deps': ['`*.deps.json`, and `libman.json` beside it', 'syft testdata'],
  r: ['`DESCRIPTION`', 'syft testdata'],
  conda: ['`conda-meta/*.json`', 'syft testdata'],
  lua: ['`*.rockspec`', 'syft testdata'],
  erlang: ['`*.app` of Erlang and Elixir', 'syft testdata'],
  wordpress: ['main file of plugins below `wp-content/plugins`', 'syft testdata'],
  'swipl-pack': ['`pack.pl`', 'syft testdata'],
  cpan: ['`.meta/*/{install,MYMETA}.json`, `auto/**/.packlist` and `perllocal.pod` of Perl', 'recorded'],
  opam: ['`.opam-switch/packages/*/opam`', 'by format'],
  'conan-info': ["`conaninfo.txt` in Conan's cache", 'syft testdata'],
  'npm-lock': ['`package-lock.json`, `npm-shrinkwrap.json`, versions 1 to 3', 'recorded'],
  'yarn-lock': ['`yarn.lock` of Yarn 1 and later, with the scopes of `package.json`', 'syft testdata'],
  'pnpm-lock': ['`pnpm-lock.yaml`, versions 5 to 9', 'syft testdata'],
  'bun-lock': ['`bun.lock`', 'by format'],
  'bun-lockb': ['`bun.lockb` is reported as not read', 'by format'],
  'deno-lock': ['`deno.lock`, versions 2 to 5', 'by format'],
  requirements: ['`*requirements*.txt`, `requirements/*.txt`', 'syft testdata'],
  'setup-py': ['versions that a `setup.py` pins', 'syft testdata'],
  'poetry-lock': ['`poetry.lock`', 'syft testdata'],
  'uv-lock': ['`uv.lock`, `*.py.lock`', 'syft testdata'],
  'pdm-lock': ['`pdm.lock`', 'syft testdata'],
  'pipfile-lock': ['`Pipfile.lock`', 'syft testdata'],
  'go-mod': ['`go.mod` with `go.sum`', 'by format'],
  'cargo-lock': ['`Cargo.lock`, versions 1 to 4', 'syft testdata'],
  'gemfile-lock': ['`Gemfile.lock`, `gems.locked`', 'syft testdata'],
  gemspec: ['`*.gemspec` of a source tree', 'syft testdata'],
  'composer-lock': ['`composer.lock`', 'syft testdata'],
  'nuget-lock': ['`packages.lock.json`', 'syft testdata'],
  'gradle-lock': ['`gradle.lockfile`, `buildscript-gradle.lockfile`, `dependency-locks/*.lockfile`', 'syft testdata'],
  pom: ['`pom.xml`, `*.pom`, with parents and imports of the same tree', 'syft testdata'],
  'pubspec-lock': ['`pubspec.lock`', 'syft testdata'],
  pubspec: ['`pubspec.yaml`: the package itself', 'by format'],
  'swift-resolved': ['`Package.resolved`, versions 1 to 3', 'syft testdata'],
  'podfile-lock': ['`Podfile.lock`', 'syft testdata'],
  'mix-lock': ['`mix.lock`', 'syft testdata'],
  'rebar-lock': ['`rebar.lock`', 'syft testdata'],
  stack: ['`stack.yaml.lock`, `extra-deps` of `stack.yaml`', 'syft testdata'],
  'cabal-freeze': ['`cabal.project.freeze`', 'syft testdata'],
  'conan-lock': ['`conan.lock` of Conan 1 and 2', 'syft testdata'],
  conanfile: ['`conanfile.txt`', 'syft testdata'],
  vcpkg: ['`vcpkg.json`', 'syft testdata'],
  'opam-file': ['`*.opam`, `opam`', 'syft testdata'],
  'terraform-lock': ['`.terraform.lock.hcl`', 'syft testdata'],
  'renv-lock': ['`renv.lock`', 'by format'],
  'julia-manifest': ['`Manifest.toml`', 'by format'],
}

/** The table of kinds in docs/sbom.md. A cataloger that has no row above is shown as such. */
export function kindsTable(): string {
  return [
    ...Object.entries(sources).map(([name, meaning]) => `- \`${name}\`: ${meaning}`),
    '',
    '| cataloger | kind | subject | reads | inputs of its tests |',
    '| --- | --- | --- | --- | --- |',
    ...catalogers.map((one) => line(one, rows[one.name] ?? ['', 'not stated'])),
  ].join('\n')
}

function line({ name, kind, finds }: Cataloger, [reads, source]: readonly [string, string]): string {
  const subject = { installed: 'image', declared: 'source tree', both: 'both' }[finds]
  return `| \`${name}\` | \`${kind}\` | ${subject} | ${reads} | ${source} |`
}
