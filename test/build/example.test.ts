import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkEmbedded } from '../../src/build/embedded/driver.ts'
import { parseContainerfile } from '../../src/build/containerfile/parse.ts'
import { planBuild } from '../../src/build/containerfile/plan.ts'
import { root } from '../../testkit/peers.ts'

const read = (name: string): string => readFileSync(join(root, 'examples/app', name), 'utf8')
const options = { target: null, platform: { os: 'linux', architecture: 'amd64' }, epoch: 0 }

describe('the example application', () => {
  test('has at least 60 locked packages, each with its hash', () => {
    const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { integrity?: string }> }
    const packages = Object.entries(lock.packages).filter(([path]) => path.startsWith('node_modules/'))
    expect(packages.length).toBeGreaterThanOrEqual(60)
    expect(packages.filter(([, { integrity }]) => integrity?.startsWith('sha512-') !== true)).toEqual([])
  })

  test('is built by the embedded builder on an empty base, and on one that is given', () => {
    const file = parseContainerfile(read('Containerfile'), 'Containerfile')
    const plan = planBuild(file, { ...options, buildArgs: {} })
    expect(() => checkEmbedded(plan)).not.toThrow()
    expect(plan.stages.at(-1)?.base).toEqual({ kind: 'scratch' })
    const onto = planBuild(file, { ...options, buildArgs: { BASE: 'oci:base:latest' } })
    expect(onto.stages.at(-1)?.base).toEqual({ kind: 'image', name: 'oci:base:latest' })
  })

  test('its variant with RUN needs another builder', () => {
    const file = parseContainerfile(read('Containerfile.run'), 'Containerfile.run')
    const plan = planBuild(file, { ...options, buildArgs: { BASE: 'oci:base:latest' } })
    expect(() => checkEmbedded(plan)).toThrow(
      /line \d+ of Containerfile\.run: the embedded builder does not support RUN/,
    )
  })
})
