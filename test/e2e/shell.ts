import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cleanEnv, program } from '../../testkit/cli.ts'
import { peer } from '../../testkit/peers.ts'

export const cosigns = ['cosign2', 'cosign3'] as const

/** A shell as the reader of a report has it, where `cosign` is one of the two and `sealwright` is the program of `dist/`. */
export function shell(folder: string): (cosign: (typeof cosigns)[number], line: string) => number {
  const [node, state] = [process.execPath, join(folder, 'state')]
  for (const cosign of cosigns) {
    const bin = join(folder, `bin-${cosign}`)
    mkdirSync(bin)
    symlinkSync(peer(cosign), join(bin, 'cosign'))
    symlinkSync(peer('oras'), join(bin, 'oras'))
    writeFileSync(join(bin, 'sealwright'), `#!/bin/sh\nexec '${node}' '${program}' "$@"\n`)
    chmodSync(join(bin, 'sealwright'), 0o755)
  }
  return (cosign, line) => {
    const path = [join(folder, `bin-${cosign}`), process.env['PATH'] ?? ''].join(':')
    const env = { ...cleanEnv(), PATH: path, HOME: folder, SEALWRIGHT_STATE: state }
    try {
      execFileSync('sh', ['-c', line], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
      return 0
    } catch (error) {
      return (error as { status: number | null }).status ?? -1
    }
  }
}
