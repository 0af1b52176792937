import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { succeed, type CliOptions } from '../../testkit/cli.ts'
import { npmUnreachable } from '../../testkit/npm.ts'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'

const prepare = 'npm ci --omit=dev --ignore-scripts --no-audit --no-fund'

interface Made {
  image: string
  spdx: Buffer
  cyclonedx: Buffer
  inventory: Buffer
}

/** Clones the commit, builds the example from the clone and describes the image: everything through `dist/cli`. */
async function make(clone: string, settings: CliOptions): Promise<Made> {
  mkdirSync(dirname(clone), { recursive: true })
  const umask = settings.umask ?? '0022'
  execFileSync('sh', ['-c', `umask ${umask} && git clone --quiet --no-hardlinks "$0" "$1"`, root, clone])
  const temp = `${clone}.tmp`
  mkdirSync(temp)
  const options = { ...settings, cwd: clone, env: { ...settings.env, TMPDIR: temp, HOME: temp } }
  const built = await succeed(
    [
      'build-reproducible',
      ...[
        '--context',
        'examples/app',
        '--builder',
        'embedded',
        '--prepare',
        prepare,
        '--network',
        'default',
        '--rebuilds',
        '0',
      ],
      ...['--output', `oci:${clone}.layout:v1`, '--state', `${clone}.state`],
    ],
    options,
  )
  const described = await succeed(
    ['sbom', '--image', built['image'] ?? '', '--directory', `${clone}.sbom`, '--state', `${clone}.state`],
    options,
  )
  const file = (name: string): Buffer => readFileSync(described[name] ?? '')
  return {
    image: (built['image'] ?? '').replace(/^.*@/, ''),
    spdx: file('sbom-spdx-path'),
    cyclonedx: file('sbom-cyclonedx-path'),
    inventory: file('inventory-path'),
  }
}

const title = 'two clones under other umask, time zone, language and folder give one image and the same documents'
const why = await npmUnreachable()
if (why !== null && process.env['SEALWRIGHT_REQUIRE_PEERS'] !== '1') {
  test.skip(`skipped: the npm registry is not reachable (${why}): ${title}`, () => {})
} else {
  test(
    title,
    async () => {
      const folder = scratch('two-folders')
      const first = await make(join(folder, 'a'), { umask: '0022', env: { TZ: 'UTC', LANG: 'C' } })
      const second = await make(join(folder, 'second/a much longer folder name'), {
        umask: '0077',
        env: { TZ: 'Pacific/Chatham', LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8' },
      })
      expect(first.image).toMatch(/^sha256:[0-9a-f]{64}$/)
      expect(second.image).toBe(first.image)
      for (const name of ['spdx', 'cyclonedx', 'inventory'] as const) {
        expect(first[name].length).toBeGreaterThan(1000)
        expect([name, second[name].equals(first[name])]).toEqual([name, true])
      }
      expect(first.spdx.toString()).toContain('"express"')
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    },
    240_000,
  )
}
