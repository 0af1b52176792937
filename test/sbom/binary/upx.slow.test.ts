import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { warnOfGaps } from '../../../src/tasks/sbom/completeness.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { recordingLog, scratch } from '../../../testkit/ports.ts'
import { catalog } from '../catalog.ts'

withPeers(
  ['go', 'upx'],
  'a Go program that UPX has packed is a gap with a warning, for Linux and Windows; the same program unpacked is described',
  async () => {
    const dir = scratch('upx')
    mkdirSync(join(dir, 'src'))
    writeFileSync(join(dir, 'src/go.mod'), 'module example.com/app\ngo 1.21\n')
    writeFileSync(join(dir, 'src/main.go'), 'package main\nfunc main() { println("x") }\n')
    for (const [os, arch] of [
      ['linux', 'amd64'],
      ['linux', '386'],
      ['windows', 'amd64'],
    ] as const) {
      const file = join(dir, `app-${os}-${arch}`)
      const env = {
        PATH: process.env['PATH'],
        // Its cache of the standard library: three of them take a minute to build.
        HOME: process.env['HOME'],
        GOOS: os,
        GOARCH: arch,
        CGO_ENABLED: '0',
        GOTOOLCHAIN: 'local',
        GOFLAGS: '-buildvcs=false',
      }
      execFileSync(peer('go'), ['build', '-o', file, '.'], { cwd: join(dir, 'src'), env, stdio: 'pipe' })
      const plain = await catalog({ 'opt/app': { text: readFileSync(file), mode: 0o755 } })
      expect(plain.packages.map(({ name }) => name)).toEqual(expect.arrayContaining(['example.com/app', 'stdlib']))
      expect(plain.gaps).toEqual([])

      execFileSync(peer('upx'), ['-q', '-1', file], { stdio: 'pipe' })
      const packed = await catalog({ 'opt/app': { text: readFileSync(file), mode: 0o755 } })
      expect(packed.packages.filter(({ type }) => type === 'golang')).toEqual([])
      expect(packed.gaps).toMatchObject([{ path: 'opt/app', kind: 'binary', reason: 'opaque' }])
      const log = recordingLog()
      warnOfGaps(packed.gaps, log)
      expect(log.lines).toEqual([
        'SBOM incomplete: opt/app (binary, opaque) is not described: the program was packed by UPX: its modules cannot be seen',
      ])
    }
  },
  300_000,
)
