import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compareSides } from '../../../src/sbom/diff/compare-sides.ts'
import { artifactSide, documentSide } from '../../../src/sbom/diff/side.ts'
import { sbomFormats } from '../../../src/sbom/formats/names.ts'
import { describeImage } from '../../../src/sbom/scan.ts'
import { makeImage } from '../../image/make-image.ts'
import { peer, root, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'

/** Our own packages of npm make a real tree; programs as packages are left out for their size. */
const heavy = ['node-linux-*', '@typescript', 'typescript', '@swc/core-*', '@oxlint*', 'oxlint*', '.cache']
const theirFormats = ['spdx-json', 'spdx-tag-value', 'cyclonedx-json@1.6', 'cyclonedx-json@1.5', 'syft-json'] as const

withPeers(
  ['mmdebstrap', 'syft', 'tar'],
  "syft's documents of a Debian and npm image name the packages that ours name, whatever the formats",
  async () => {
    const dir = scratch('syft-diff')
    const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'stable'
    const quiet = { stdio: 'pipe', maxBuffer: 1 << 28 } as const
    execFileSync(peer('mmdebstrap'), ['--variant=minbase', codename, join(dir, 'base.tar')], quiet)
    const excluded = heavy.map((name) => `--exclude=node_modules/${name}`)
    const transform = ['--transform', 's,^,app/,S', '-cf', join(dir, 'app.tar')]
    execFileSync(peer('tar'), ['-C', root, ...excluded, ...transform, 'node_modules', 'package.json'], quiet)
    const layers = [readFileSync(join(dir, 'base.tar')), readFileSync(join(dir, 'app.tar'))]
    const { store, image, directory, digest } = await makeImage(layers, { compression: 'none' })
    const described = await describeImage(store, image)
    const kinds = new Set(described.description.packages.map(({ type }) => type))
    expect([...kinds]).toEqual(expect.arrayContaining(['deb', 'npm']))

    const env = { PATH: process.env['PATH'], HOME: dir, SYFT_CHECK_FOR_APP_UPDATE: 'false' }
    const outputs = theirFormats.flatMap((format) => ['-o', `${format}=${join(dir, format)}`])
    execFileSync(peer('syft'), ['scan', `oci-dir:${directory}`, '-q', ...outputs], { ...quiet, env })

    for (const format of theirFormats) {
      const theirs = await documentSide(format, readFileSync(join(dir, format)), null)
      expect(theirs.document?.packages.length).toBeGreaterThan(200)
      // Our documents in each format, and the image itself.
      const others = await Promise.all(sbomFormats.map((ours) => documentSide(ours, described.encode(ours), null)))
      for (const ours of [...others, await artifactSide('image', described, digest, theirs.document)]) {
        const { changes, counts } = compareSides(theirs, ours)
        const failing = changes.filter((change) => change.severity === 'fail')
        expect([format, ours.label, failing.slice(0, 5)]).toEqual([format, ours.label, []])
        const debAndNpm = changes.filter(
          (change) => change.level === 'packages' && /^pkg:(?:deb|npm)\//.test(change.key),
        )
        expect([format, ours.label, debAndNpm]).toEqual([format, ours.label, []])
        expect(counts.identity.tooling).toBe(1)
      }
    }

    // One package less in what was found: each of their documents tells.
    for (const format of theirFormats) {
      const theirs = await documentSide(format, readFileSync(join(dir, format)), null)
      const whole = await artifactSide('image', described, digest, theirs.document)
      const packages = whole.document?.packages.filter(({ name }) => name !== 'zod') ?? []
      const document = whole.document === null ? null : { ...whole.document, packages }
      const { verdict, changes } = compareSides(theirs, { ...whole, document })
      expect(verdict).toBe('differs')
      expect(changes).toContainEqual(
        expect.objectContaining({ level: 'packages', op: 'removed', key: expect.stringMatching(/^pkg:npm\/zod@/) }),
      )
    }
  },
  600_000,
)
