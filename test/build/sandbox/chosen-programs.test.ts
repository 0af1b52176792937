import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { buildahDriver } from '../../../src/build/drivers/buildah.ts'
import { dockerDriver } from '../../../src/build/drivers/docker.ts'
import { consumedArgs } from '../../../src/build/drivers/needs.ts'
import { parseContainerfile } from '../../../src/build/containerfile/parse.ts'
import { planBuild } from '../../../src/build/containerfile/plan.ts'
import type { Ports } from '../../../src/base/ports.ts'
import { silentLog } from '../../../src/runner/log.ts'
import { makePorts } from '../../../src/runner/make-ports.ts'
import { sandboxPeers, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { programs } from './attack.ts'

const child = join(import.meta.dirname, 'child.ts')

interface Told {
  lines: string[]
  error?: string
  isolation?: { steps: string }
  record?: { path: string[]; buildArgs: Record<string, string> }
}

/** A build whose caller chooses PATH and arguments, as a step on the agent's socket can. */
async function build(files: Record<string, string>, options: object): Promise<Told> {
  const folder = scratch('chosen')
  const context = join(folder, 'context')
  mkdirSync(join(context, 'root/tmp'), { recursive: true })
  programs(join(context, 'root'), ['sh', 'cat'])
  for (const [name, text] of Object.entries(files)) writeFileSync(join(context, name), text)
  const temp = join(folder, 'temp')
  mkdirSync(temp)
  const given = { context, prepare: null, builder: 'buildah', network: 'none', exclude: [], ...options }
  const env = { PATH: process.env['PATH'], HOME: folder, RUNNER_TEMP: temp }
  const args = [child, JSON.stringify({ ...given, layout: join(folder, 'layout') })]
  const { stdout } = await promisify(execFile)(process.execPath, args, { encoding: 'utf8', env, cwd: '/' })
  return JSON.parse(stdout) as Told
}

/** A folder of programs that say that they were run. */
function hostilePrograms(names: readonly string[]): string {
  const bin = join(scratch('hostile'), 'bin')
  mkdirSync(bin, { recursive: true })
  for (const path of [join(bin, '..'), bin]) chmodSync(path, 0o755)
  for (const name of names) {
    writeFileSync(join(bin, name), `#!/bin/sh\necho "HOSTILE ${name}"\nexec /usr/bin/${name} "$@"\n`)
    chmodSync(join(bin, name), 0o755)
  }
  return bin
}

const hostile = (lines: readonly string[]): string[] => lines.flatMap((line) => /HOSTILE \w+/.exec(line) ?? [])

describe('a caller that chooses PATH', () => {
  withPeers([...sandboxPeers, 'buildah'], 'chooses neither buildah nor what starts it', async () => {
    const bin = hostilePrograms(['buildah', 'tar', 'cat', 'setpriv'])
    const Containerfile = 'FROM scratch\nCOPY root /\nRUN echo ran >/made; cat /made\n'
    const told = await build({ Containerfile }, { places: { PATH: `${bin}:/usr/bin:/bin` } })
    expect(told.error).toBeUndefined()
    expect(told.lines).toContain('buildah: ran')
    expect(hostile(told.lines)).toEqual([])
    // RUN saw nothing of it either, so the record has nothing to tell.
    expect(told.record?.path).toEqual([])
  })

  withPeers(sandboxPeers, 'adds to what prepare sees, and the record tells it', async () => {
    const bin = hostilePrograms(['cat'])
    const Containerfile = 'FROM scratch\nCOPY made /\n'
    const options = { builder: 'embedded', prepare: 'echo "$PATH" >made; cat made', places: { PATH: bin } }
    const told = await build({ Containerfile }, options)
    expect(told.error).toBeUndefined()
    expect(told.lines.join()).toContain(`prepare: ${bin}:`)
    expect(told.record?.path).toEqual([bin])
  })
})

describe('a folder of PATH that lies deep in a folder which the sandbox has as its own', () => {
  withPeers(sandboxPeers, 'can be entered: /tmp is the sandbox’s', async () => {
    const bin = join(mkdtempSync('/tmp/sealwright-deep-'), 'a/b/c/bin')
    mkdirSync(bin, { recursive: true })
    for (let folder = bin; folder !== '/tmp'; folder = dirname(folder)) chmodSync(folder, 0o755)
    writeFileSync(join(bin, 'deep'), '#!/bin/sh\necho from the deep\n')
    chmodSync(join(bin, 'deep'), 0o755)
    try {
      const options = { builder: 'embedded', prepare: 'deep >made; cat made', places: { PATH: bin } }
      const told = await build({ Containerfile: 'FROM scratch\nCOPY made /\n' }, options)
      expect(told.error).toBeUndefined()
      expect(told.lines.join()).toContain('prepare: from the deep')
    } finally {
      rmSync(join(bin, '../../../..'), { recursive: true })
    }
  })
})

describe('build arguments that a loader or program reads as its own', () => {
  const evil = { LD_PRELOAD: '/none/evil.so', DOCKER_HOST: 'tcp://192.0.2.1:2375', VERSION: '1' }
  const text = 'FROM scratch\nARG LD_PRELOAD\nARG VERSION\nCOPY Containerfile /\n'

  const planOf = (buildArgs: Record<string, string>) =>
    planBuild(parseContainerfile(text, 'Containerfile'), {
      ...{ target: null, buildArgs, epoch: 0 },
      platform: { os: 'linux', architecture: 'amd64' },
    })

  test.each<[string, Record<string, string>, boolean]>([
    ['an argument of the caller', evil, true],
    ['none that an ARG takes', { OTHER: 'x' }, false],
  ])('buildah works in the sandbox with %s: %s', async (_title, buildArgs, sandboxed) => {
    const base = makePorts({ env: {}, cwd: '/', log: silentLog })
    const ran: string[] = []
    const exec: Ports['exec'] = {
      find: async () => '/usr/bin/buildah',
      run: async (_program, args) => {
        ran.push(args.join(' '))
        return { code: 0, stdout: Buffer.from('buildah version 1.28.2'), stderr: '' }
      },
    }
    const needs = {
      ...{ plan: planOf(buildArgs), bases: new Map(), network: 'none' as const, temp: scratch('needs'), env: {} },
      sandbox: () => Promise.reject(new Error('the sandbox was asked for')),
    }
    const driver = buildahDriver(needs, { ...base, exec })
    if (sandboxed) {
      await expect(driver).rejects.toThrow('the sandbox was asked for')
      expect(ran).toEqual(['--version'])
    } else expect((await driver)?.isolation.steps).toBe('no-steps')
  })

  test('docker refuses those that it would read as its own settings', async () => {
    const base = makePorts({ env: {}, cwd: '/', log: silentLog })
    const exec: Ports['exec'] = {
      find: async () => '/usr/bin/docker',
      run: () => Promise.reject(new Error('docker was run')),
    }
    const needs = {
      ...{ bases: new Map(), network: 'none' as const, temp: '/', env: {} },
      sandbox: () => Promise.reject(new Error('no sandbox')),
    }
    const refused = dockerDriver({ ...needs, plan: planOf(evil) }, { ...base, exec })
    await expect(refused).rejects.toMatchObject({ code: 'input-invalid', subject: 'build-args' })
    const fine = dockerDriver({ ...needs, plan: planOf({ VERSION: '1' }) }, { ...base, exec })
    await expect(fine).rejects.toThrow('docker was run')
  })

  test('reach nothing where no ARG takes them', () => {
    const { DOCKER_HOST: _unused, ...taken } = evil
    expect(consumedArgs({ plan: planOf(evil), buildArgs: { ...evil, toString: 'x' } })).toEqual(taken)
  })
})
