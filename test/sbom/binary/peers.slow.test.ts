import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { classified } from '../../../src/sbom/catalogers/binary/classified.ts'
import { goBinary } from '../../../src/sbom/catalogers/binary/go.ts'
import { javaArchive } from '../../../src/sbom/catalogers/binary/java.ts'
import { findPeer, peer, root, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { makeZip } from '../../../testkit/sbom/make-zip.ts'
import { catalog } from './catalog.ts'

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
}

withPeers(['go'], 'modules of real programs are those that go version -m shows', async () => {
  const go = peer('go')
  const tools = execFileSync(go, ['env', 'GOTOOLDIR'], { cwd: '/' }).toString().trim()
  const programs = [...filesIn(tools), ...filesIn(join(root, '.peers/bin')), realpathSync(go)].filter(isElf)
  let compared = 0
  for (const path of programs) {
    const theirs = modulesOf(go, path)
    if (theirs === null) continue
    compared++
    const { packages } = catalog(goBinary, { [path]: readFileSync(path) })
    // The program's own module stands first and may have got its version from elsewhere; the library has no line of its own.
    const ours = packages.slice(1).filter(({ name }) => name !== 'stdlib')
    expect([path, ours.map(({ name, version }) => `${name}@${version ?? ''}`).sort()]).toEqual([path, theirs.deps])
    expect(packages[0]?.name).toBe(theirs.main)
    expect(packages.find(({ name }) => name === 'stdlib')?.version).toBe(theirs.version)
  }
  expect(compared).toBeGreaterThan(0)
})

function isElf(path: string): boolean {
  return readFileSync(path).subarray(0, 4).toString('latin1') === '\x7fELF'
}

/** Null for a file that is no program of Go. */
function modulesOf(go: string, path: string): { main: string; deps: string[]; version: string } | null {
  const { status, stdout } = spawnSync(go, ['version', '-m', path], { cwd: '/', stdio: 'pipe' })
  // Programs of other languages end it with 1.
  if (status !== 0) return null
  const [first = '', ...lines] = stdout.toString().split('\n')
  const version = /: go(\S+)/.exec(first)?.[1]
  if (version === undefined) return null
  const deps: string[] = []
  let [main, packagePath] = ['', '']
  for (const line of lines) {
    const [, kind = '', name = '', moduleVersion = ''] = line.split('\t')
    if (kind === 'path') packagePath = name
    if (kind === 'mod') main = name
    if (kind === '=>') deps.pop()
    if (kind === 'dep' || kind === '=>') deps.push(`${name}@${moduleVersion}`)
  }
  return { main: main || packagePath, deps: deps.sort(), version }
}

withPeers(['syft'], 'archives of Java that are here, and some made for it, give what syft finds', async () => {
  const folder = join(scratch('jars'), 'jars')
  mkdirSync(folder)
  for (const path of filesIn('/usr/share/java').filter((each) => each.endsWith('.jar')))
    copyFileSync(realpathSync(path), join(folder, basename(path)))
  const manifest = (lines: string): { name: string; content: string; deflate: boolean } => ({
    name: 'META-INF/MANIFEST.MF',
    content: `Manifest-Version: 1.0\r\n${lines}`,
    deflate: true,
  })
  const properties = (group: string, artifact: string, version: string): { name: string; content: string } => ({
    name: `META-INF/maven/${group}/${artifact}/pom.properties`,
    content: `groupId=${group}\nartifactId=${artifact}\nversion=${version}\n`,
  })
  const inner = makeZip([manifest(''), properties('org.inner', 'lib', '1.0')])
  const made = {
    'shaded-1.0.jar': [manifest(''), properties('org.a', 'shaded', '1.0'), properties('org.b', 'guest', '2.0')],
    'shop.war': [manifest('Implementation-Version: 7\r\n'), { name: 'WEB-INF/lib/lib-1.0.jar', content: inner }],
    'plain_1.2.jar': [manifest('Bundle-SymbolicName: org.example.plain;singleton:=true\r\n')],
    'git.hpi': [manifest('Group-Id: org.jenkins-ci.plugins\r\nPlugin-Version: 5\r\n')],
  }
  for (const [name, files] of Object.entries(made)) writeFileSync(join(folder, name), makeZip(files))
  const files = Object.fromEntries(filesIn(folder).map((path) => [basename(path), readFileSync(path)]))
  const ours = catalog(javaArchive, files).packages.flatMap(({ purl, locations }) =>
    locations.map((path) => `${path} ${purl}`),
  )
  const output = execFileSync(
    peer('syft'),
    ['scan', `dir:${folder}`, '-q', '--override-default-catalogers', 'java-archive-cataloger', '-o', 'syft-json'],
    { env: { PATH: process.env['PATH'], HOME: folder, SYFT_CHECK_FOR_APP_UPDATE: 'false' }, maxBuffer: 1 << 28 },
  )
  const { artifacts } = JSON.parse(output.toString()) as {
    artifacts: { purl: string; locations: { path: string }[] }[]
  }
  const theirs = artifacts.flatMap(({ purl, locations }) =>
    locations.map(({ path }) => `${path.replace(/^\//, '')} ${purl}`),
  )
  const decoded = (rows: string[]): string[] => [...new Set(rows.map(decodeURIComponent))].sort()
  expect(decoded(ours)).toEqual(decoded(theirs))
  expect(decoded(ours)).toContain('shop.war pkg:maven/org.inner/lib@1.0')
})

withPeers(
  ['bash', 'git', 'perl', 'openssl', 'xz', 'curl'],
  'programs of this machine have the version that they tell',
  async () => {
    let compared = 0
    for (const name of ['bash', 'git', 'perl', 'xz', 'curl', 'gzip', 'zstd', 'jq', 'openssl', 'node', 'java']) {
      const path = findPeer(name)
      if (path === null) continue
      const found = catalog(classified, { [`usr/bin/${name}`]: readFileSync(realpathSync(path)) }).packages[0]
      // A script or a link to another program of this name.
      if (found === undefined) continue
      compared++
      const flag = name === 'openssl' ? 'version' : '--version'
      const told = execFileSync(path, [flag], { stdio: 'pipe' }).toString()
      expect([name, told]).toEqual([name, expect.stringContaining(found.version?.replace(/\+.*/, '') ?? 'a version')])
    }
    expect(compared).toBeGreaterThanOrEqual(5)
  },
)
