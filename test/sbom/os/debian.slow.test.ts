import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { passImage } from '../../../src/image/pass.ts'
import type { Catalogue } from '../../../src/sbom/model.ts'
import { sbomReaders } from '../../../src/sbom/readers.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { makeImage, type Short } from '../../image/make-image.ts'
import { findings } from './fixture.ts'

const quiet = { stdio: 'pipe', maxBuffer: 1 << 28 } as const

/** Scripts of dpkg itself, and what mmdebstrap copies from the machine that it runs on, with its modes. */
const ofHost = /^(?:var\/lib\/dpkg\/info\/|etc\/(?:hostname|resolv\.conf)$)/

async function described(...layers: (Short[] | Buffer)[]): Promise<Catalogue> {
  const { store, image } = await makeImage(layers, { compression: 'none' })
  const readers = sbomReaders()
  const { inventory } = await passImage(store, image, readers.readers)
  return readers.finish(inventory)
}

withPeers(
  ['mmdebstrap', 'tar', 'dpkg-query'],
  "a real Debian system: the same packages as dpkg-query's own answer, every file as its package says, nothing left over but what is made at installation",
  async () => {
    const dir = scratch('debian')
    const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'stable'
    const tar = join(dir, 'root.tar')
    execFileSync(peer('mmdebstrap'), ['--variant=essential', codename, tar], quiet)
    mkdirSync(join(dir, 'root'))
    execFileSync(peer('tar'), ['-C', join(dir, 'root'), '-xf', tar, './var/lib/dpkg'], quiet)
    const admin = `--admindir=${join(dir, 'root/var/lib/dpkg')}`
    const told = execFileSync(peer('dpkg-query'), [admin, '-W', '-f', '${Package}@${Version} ${Architecture}\n'], quiet)

    const root = readFileSync(tar)
    const found = await described(root)
    const debs = found.packages.filter(({ cataloger }) => cataloger === 'dpkg')
    expect(debs.map(({ name, version, purl }) => `${name}@${version} ${/arch=(\w+)/.exec(purl)?.[1]}`).sort()).toEqual(
      told.toString().trim().split('\n').sort(),
    )
    expect(debs.length).toBeGreaterThan(50)
    expect(found.gaps).toEqual([])
    expect(findings(found)).toEqual([])
    expect(found.coverage.checked).toBeGreaterThan(1000)
    expect(found.coverage.executables.filter((path) => !ofHost.test(path))).toEqual([])
    expect(found.coverage.privileged).toContain('usr/bin/passwd')
    expect(debs.filter(({ licence }) => licence !== null).length).toBeGreaterThan(10)
    expect(debs.filter(({ dependsOn }) => dependsOn.length > 0).length).toBeGreaterThan(30)

    const changed = await described(root, [
      { path: 'usr/bin/env', text: 'evil', mode: 0o755 },
      { path: 'etc/debian_version', text: 'changed' },
      { path: 'usr/bin/backdoor', text: 'new', mode: 0o755 },
    ])
    expect(findings(changed)).toEqual(['modified usr/bin/env'])
    expect(changed.coverage.executables.filter((path) => !ofHost.test(path))).toEqual(['usr/bin/backdoor'])
  },
  300_000,
)
