import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeImage } from '../../src/sbom/scan.ts'
import { parsePurl } from '../../src/sbom/purl.ts'
import { makeImage } from '../image/make-image.ts'
import { peer, root, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'

interface SyftArtifact {
  name: string
  version: string
  type: string
  purl: string
}

/** Our own packages of npm make a real tree with nested and scoped ones; programs as packages are left out for their size. */
const heavy = ['node-linux-*', '@typescript', 'typescript', '@swc/core-*', '@oxlint*', 'oxlint*', '.cache']

withPeers(
  ['mmdebstrap', 'syft', 'tar'],
  'syft finds the same Debian and npm packages in a real image',
  async () => {
    const dir = scratch('syft')
    const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'stable'
    const quiet = { stdio: 'pipe', maxBuffer: 1 << 28 } as const
    execFileSync(
      peer('mmdebstrap'),
      ['--variant=minbase', '--include=node-semver', codename, join(dir, 'base.tar')],
      quiet,
    )
    const excluded = heavy.map((name) => `--exclude=node_modules/${name}`)
    const transform = ['--transform', 's,^,app/,S', '-cf', join(dir, 'app.tar')]
    execFileSync(peer('tar'), ['-C', root, ...excluded, ...transform, 'node_modules', 'package.json'], quiet)

    const layers = [readFileSync(join(dir, 'base.tar')), readFileSync(join(dir, 'app.tar'))]
    // What the top layer deletes must not be listed.
    const top = [{ path: 'app/node_modules/.wh.zod' }]
    const { store, image, directory } = await makeImage([...layers, top], { compression: 'none' })
    const { description, packages } = await describeImage(store, image)

    const env = { PATH: process.env['PATH'], HOME: dir, SYFT_CHECK_FOR_APP_UPDATE: 'false' }
    const output = execFileSync(peer('syft'), ['scan', `oci-dir:${directory}`, '-q', '-o', 'syft-json'], {
      ...quiet,
      env,
    })
    const { artifacts } = JSON.parse(output.toString()) as { artifacts: SyftArtifact[] }
    // syft's word for a package that states no version, as a package.json inside another package may.
    const stated = (version: string): string | null => (version === 'UNKNOWN' ? null : version)
    const theirs = (type: string): string[] =>
      [
        ...new Set(
          artifacts.filter((one) => one.type === type).map(({ name, version }) => `${name}@${stated(version)}`),
        ),
      ].sort()
    const ours = (type: string): string[] =>
      [
        ...new Set(
          description.packages.filter((one) => one.type === type).map(({ name, version }) => `${name}@${version}`),
        ),
      ].sort()

    expect(ours('deb')).toEqual(theirs('deb'))
    expect(ours('npm')).toEqual(theirs('npm'))
    expect(ours('npm')).not.toContain(expect.stringMatching(/^zod@/))
    expect(ours('npm').length).toBeGreaterThan(100)
    expect(packages).toBeGreaterThan(200)
    // syft takes the point release into `distro` and encodes colons, which the specification now leaves as they are.
    const purls = (list: readonly { type: string; purl: string }[]): object[] =>
      list
        .filter(({ type }) => type === 'deb')
        .map(({ purl }) => parsePurl(purl))
        .map((purl) => ({ ...purl, qualifiers: { ...purl.qualifiers, distro: undefined } }))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
    expect(purls(description.packages)).toEqual(purls(artifacts))
    const owned = description.packages.filter(({ ownedBy }) => ownedBy !== null)
    expect(owned.map(({ name }) => name)).toContain('semver')
  },
  300_000,
)
