import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import type { Short } from '../../image/make-image.ts'
import { catalog, type Files } from '../catalog.ts'

/** All files of a folder, as they would lie in an image; links are not followed. */
function filesOf(folder: string, at: string): Files {
  const found: Record<string, Omit<Short, 'path'>> = {}
  for (const name of readdirSync(folder)) {
    const [here, place] = [join(folder, name), `${at}/${name}`]
    const stat = lstatSync(here)
    if (stat.isDirectory()) Object.assign(found, filesOf(here, place))
    else if (stat.isSymbolicLink()) found[place] = { link: readlinkSync(here) }
    else if (stat.isFile()) found[place] = { text: readFileSync(here), mode: stat.mode & 0o7777 }
  }
  return found
}

const quiet = { stdio: 'pipe', maxBuffer: 1 << 26, encoding: 'utf8' } as const

/** Makes a wheel: pip needs neither an index nor a build for it. */
const makeWheel = `
import sys, zipfile
folder, name, version, needs = sys.argv[1:5]
info = f"{name}-{version}.dist-info"
lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "License: MIT", "Author: Ann"]
lines += [f"Requires-Dist: {need}" for need in needs.split() if need]
files = {
    f"{name}/__init__.py": f"version = {version!r}\\n",
    f"{info}/METADATA": "\\n".join(lines) + "\\n\\nA description.\\n",
    f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    f"{info}/entry_points.txt": f"[console_scripts]\\n{name} = {name}:main\\n",
}
files[f"{info}/RECORD"] = "".join(f"{path},,\\n" for path in [*files, f"{info}/RECORD"])
path = f"{folder}/{name}-{version}-py3-none-any.whl"
with zipfile.ZipFile(path, "w") as archive:
    for place, text in files.items():
        archive.writestr(place, text)
print(path)
`

withPeers(
  ['python3'],
  'pip list names the same distributions in a virtual environment',
  async () => {
    const dir = scratch('pip')
    const venv = join(dir, 'venv')
    const env = { PATH: process.env['PATH'], HOME: dir, PIP_NO_INDEX: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1' }
    execFileSync(peer('python3'), ['-m', 'venv', venv], { ...quiet, env })
    const python = join(venv, 'bin/python')
    const wheel = (...args: string[]): string =>
      execFileSync(python, ['-c', makeWheel, dir, ...args], { ...quiet, env }).trim()
    const wheels = [wheel('Alpha_one', '1.0', 'beta.two>=2'), wheel('beta_two', '2.0', '')]
    execFileSync(python, ['-m', 'pip', 'install', '--no-deps', ...wheels], { ...quiet, env })
    const listed = JSON.parse(execFileSync(python, ['-m', 'pip', 'list', '--format=json'], { ...quiet, env })) as {
      name: string
      version: string
    }[]

    const found = await catalog(filesOf(venv, 'opt/venv'))
    const ours = found.packages.filter(({ type }) => type === 'pypi')
    // What a distribution carries with it is listed as well: pip does not look into its own folders.
    const direct = ours.filter(({ locations }) => locations.some((path) => !path.includes('/_vendor/')))
    const normal = ({ name, version }: { name: string; version: string | null }): string =>
      `${name.toLowerCase().replace(/[-_.]+/g, '-')}@${version ?? ''}`
    expect(direct.map(normal).sort()).toEqual(listed.map(normal).sort())
    expect(listed.length).toBeGreaterThan(2)
    const alpha = ours.find(({ name }) => name === 'alpha-one')
    expect(alpha).toMatchObject({ dependsOn: ['pkg:pypi/beta-two@2.0'], licence: 'MIT', supplier: { name: 'Ann' } })
    // The sums of RECORD agree with what pip has written.
    expect(found.coverage.findings.filter(({ kind }) => kind === 'modified')).toEqual([])
    expect(found.coverage.checked).toBeGreaterThan(100)
    expect(found.gaps).toEqual([])
  },
  300_000,
)

withPeers(
  ['npm'],
  'npm ls --all names the same packages, from node_modules and from the lock file',
  async () => {
    const dir = scratch('npm')
    const app = join(dir, 'app')
    const make = (place: string, manifest: object): void => {
      mkdirSync(join(dir, place), { recursive: true })
      writeFileSync(join(dir, place, 'package.json'), JSON.stringify(manifest))
      writeFileSync(join(dir, place, 'index.js'), '')
    }
    make('b', { name: '@s/b', version: '2.0.0' })
    make('c', { name: 'c', version: '3.0.0' })
    const env = { PATH: process.env['PATH'], HOME: dir, npm_config_offline: 'true' }
    const pack = (place: string): string =>
      join(dir, execFileSync(peer('npm'), ['pack', '--silent', join(dir, place)], { ...quiet, cwd: dir, env }).trim())
    make('a', { name: 'a', version: '1.0.0', dependencies: { '@s/b': `file:${pack('b')}` } })
    make('app', {
      name: 'app',
      version: '0.1.0',
      dependencies: { a: `file:${pack('a')}` },
      devDependencies: { c: `file:${pack('c')}` },
    })
    execFileSync(peer('npm'), ['install', '--no-audit', '--no-fund', '--ignore-scripts'], { ...quiet, cwd: app, env })
    const listed = execFileSync(peer('npm'), ['ls', '--all', '--parseable', '--long'], { ...quiet, cwd: app, env })
      .trim()
      .split('\n')
      .map((line) => line.split(':')[1] ?? '')

    const named = (found: { name: string; version: string | null }[]): string[] =>
      found.map(({ name, version }) => `${name}@${version ?? ''}`).sort()
    const files = filesOf(app, 'app')
    const found = await catalog(files)
    expect(named(found.packages)).toEqual([...new Set(listed)].sort())
    expect(found.packages.find(({ name }) => name === 'a')?.dependsOn).toEqual(['pkg:npm/%40s/b@2.0.0'])
    const lock = await catalog({ 'package-lock.json': readFileSync(join(app, 'package-lock.json')) }, 'source')
    expect(named(lock.packages)).toEqual([...new Set(listed)].sort())
    expect(lock.packages.find(({ name }) => name === 'c')?.scope).toBe('development')
    expect(lock.packages.find(({ name }) => name === 'a')?.checksums).toHaveLength(1)
  },
  300_000,
)

withPeers(['perl'], "what Perl's own installer leaves gives name, version and every file", async () => {
  const dir = scratch('cpan')
  mkdirSync(join(dir, 'blib/Foo'), { recursive: true })
  writeFileSync(join(dir, 'blib/Foo/Bar.pm'), 'package Foo::Bar;\nour $VERSION = "1.02";\n1;\n')
  const root = join(dir, 'root')
  // Debian's two folders of one library: code for this machine, and code for all.
  const library = join(root, 'usr/local/lib/x86_64-linux-gnu/perl/5.36')
  const options = { ...quiet, cwd: dir, env: { PATH: process.env['PATH'], HOME: dir } }
  const code = 'install([from_to => {@ARGV}, verbose => 0])'
  const places = ['blib', join(root, 'usr/local/share/perl/5.36'), 'write', join(library, 'auto/Foo/Bar/.packlist')]
  execFileSync(peer('perl'), ['-MExtUtils::Install', '-e', code, ...places], options)
  const facts = ['Module', 'Foo::Bar', 'installed into', '/usr/local/share/perl/5.36', 'VERSION', '1.02']
  const log = execFileSync(peer('perl'), ['-MExtUtils::Command::MM', '-e', 'perllocal_install', ...facts], options)
  writeFileSync(join(library, 'perllocal.pod'), log)
  const files = filesOf(join(root, 'usr'), 'usr')
  // The list has the paths of the machine that it was made on.
  const list = 'usr/local/lib/x86_64-linux-gnu/perl/5.36/auto/Foo/Bar/.packlist'
  const text = readFileSync(join(root, list), 'utf8').replaceAll(root, '')
  const found = await catalog({ ...files, [list]: text })
  expect(found.packages.map(({ purl }) => purl)).toEqual(['pkg:cpan/Foo::Bar@1.02'])
  expect(Object.keys(files)).toHaveLength(3)
  // The log of installations belongs to none of them.
  expect(found.coverage.unattributed).toBe(1)
  expect(found.gaps).toEqual([])
})
