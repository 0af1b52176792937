import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseContainerfile } from '../../src/build/containerfile/parse.ts'
import { planBuild } from '../../src/build/containerfile/plan.ts'
import { dockerDriver, readInspection } from '../../src/build/drivers/docker.ts'
import { parsePlatform } from '../../src/build/platform.ts'
import { unpackArchive } from '../../src/build/drivers/docker-archive.ts'
import { loadImage } from '../../src/image/load.ts'
import { openStore } from '../../src/oci/open.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { build } from './support.ts'

/** Ports whose `docker` is a script; no engine is needed to see what is asked of it. */
function portsWith(script: string) {
  const bin = scratch('bin')
  writeFileSync(join(bin, 'docker'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(bin, 'docker'), 0o755)
  const log = join(bin, 'log')
  const ports = testPorts()
  const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: bin }
  return { log, bin, temp: ports.roots.temp, env }
}

async function dockerPorts(script: string, more: Record<string, string> = {}) {
  const { makePorts } = await import('../../src/runner/make-ports.ts')
  const { env, temp, log, bin } = portsWith(script)
  return { ports: makePorts({ env: { ...env, ...more }, cwd: temp, temp }), log, bin }
}

const context = { a: 'A', Containerfile: 'FROM scratch\nARG KEY\nCOPY a /\n' }

describe('the docker driver', () => {
  test.each([
    ['no engine', 'case "$1" in context) echo unix:///run/docker.sock;; *) exit 1;; esac', /no engine answers/],
    [
      'no buildx',
      'case "$1" in context) echo unix:///run/docker.sock;; version) echo 28.0.0;; *) exit 1;; esac',
      /without its buildx/,
    ],
  ])('%s is told clearly', async (_title, script, message) => {
    const { ports } = await dockerPorts(script)
    await expect(build(context, { builder: 'docker' }, ports)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(message),
      remedy: expect.stringContaining('embedded'),
    })
  })

  const engine = (inspect: string): string =>
    `case "$1 $2" in "context inspect") echo unix:///run/docker.sock;; "version "*) echo 28;; "buildx version") echo v0.20.1;; "buildx inspect") ${inspect};; *) exit 1;; esac`

  test.each<[string, string, Record<string, string>]>([
    ['DOCKER_HOST over TCP', engine('echo Driver: docker'), { DOCKER_HOST: 'tcp://10.0.0.1:2376' }],
    ['DOCKER_HOST over SSH', engine('echo Driver: docker'), { DOCKER_HOST: 'ssh://builder' }],
    ['a context elsewhere', 'echo ssh://builder', {}],
    ['an engine that does not say where it is', 'exit 1', {}],
    ['a remote builder', engine('echo Driver: remote'), {}],
    ['a Kubernetes builder', engine('echo Driver: kubernetes'), {}],
    ['a builder at another address', engine(String.raw`printf "Driver: docker-container\nEndpoint: tcp://b:1\n"`), {}],
  ])('%s is another machine: refused', async (_title, script, env) => {
    const { ports } = await dockerPorts(script, env)
    await expect(build(context, { builder: 'docker' }, ports)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('must stay on this machine'),
    })
  })

  test.each([
    ['none', { steps: 'engine', network: 'none' }],
    ['default', { steps: 'engine', network: 'host' }],
  ] as const)('network %s is what BuildKit is asked for, and what is said of it', async (network, isolation) => {
    const needs = {
      temp: '',
      env: {},
      network,
      bases: new Map(),
      sandbox: () => Promise.reject(new Error('not asked for')),
    }
    const plan = (text: string) =>
      planBuild(parseContainerfile(text, 'C'), { target: null, buildArgs: {}, platform: parsePlatform([]), epoch: 0 })
    const { ports } = await dockerPorts(engine(String.raw`printf "Driver: docker\nEndpoint: default\n"`))
    const driver = await dockerDriver({ ...needs, plan: plan('FROM scratch\nRUN true\n') }, ports)
    expect(driver?.isolation).toEqual(isolation)
    const nothing = await dockerDriver({ ...needs, plan: plan('FROM scratch\nCOPY . /\n') }, ports)
    expect(nothing?.isolation).toEqual({ steps: 'no-steps', network: 'none' })
  })

  test('auto goes on to the embedded builder where docker cannot work', async () => {
    const { ports, bin } = await dockerPorts('exit 1')
    // Nothing else is on this PATH, so buildah is not there either.
    const { makePorts } = await import('../../src/runner/make-ports.ts')
    const alone = makePorts({ env: { PATH: bin }, cwd: ports.roots.cwd, temp: ports.roots.temp })
    const built = await build(context, { builder: 'auto', buildArgs: { KEY: 'x' } }, alone)
    expect(built.result.record.builder.name).toBe('embedded')
  })

  withPeers(['tar'], 'takes BuildKit’s archive, normalises it and shows no value in its arguments', async () => {
    const made = await build(context, { labels: { from: 'engine' } })
    const script = [
      'echo "$@" >> "$(dirname "$0")/log"',
      'case "$1 $2" in',
      '"context inspect") echo unix:///run/docker.sock;;',
      '"version "*) echo 28.0.0;;',
      '"buildx version") echo "github.com/docker/buildx v0.20.1 abc";;',
      '"buildx inspect") printf "Name: x\\nDriver: docker-container\\nBuildKit version: v0.20.0\\n";;',
      `"buildx build") env | grep ^KEY= > "$(dirname "$0")/env"; for a in "$@"; do case "$a" in type=oci,dest=*) f="\${a#type=oci,dest=}"; tar -C ${made.directory} -cf "\${f%%,*}" .;; esac; done;;`,
      'esac',
    ].join('\n')
    const { ports, log, bin } = await dockerPorts(script)
    const built = await build(context, { builder: 'docker', buildArgs: { KEY: 'v4lue' }, rebuilds: 1 }, ports)
    expect(built.result.record.builder).toEqual({ name: 'docker', version: '28.0.0', isolation: 'container' })
    expect(built.files.get('a')).toMatchObject({ type: 'file', size: 1, mode: 0o644 })
    const asked = readFileSync(log, 'utf8')
    expect(asked).toContain('rewrite-timestamp=true')
    expect(asked).not.toContain('v4lue')
    expect(asked).toContain('--network none')
    expect(readFileSync(join(bin, 'env'), 'utf8')).toBe('KEY=v4lue\n')
  })

  test('reads what buildx says of its builder', () => {
    expect(readInspection('Driver:   docker\nBuildkit: v0.12.5', '0.11')).toMatchObject({
      exportsOci: false,
      rewritesTimestamps: false,
    })
    expect(readInspection('Driver: docker-container\nBuildKit version: v0.13.0', '0.13')).toMatchObject({
      exportsOci: true,
      rewritesTimestamps: true,
    })
    expect(readInspection('', '0.11')).toMatchObject({ exportsOci: false, rewritesTimestamps: false })
  })

  withPeers(['skopeo'], 'reads what docker save writes', async () => {
    const made = await build(context)
    const archive = join(scratch(), 'image.tar')
    execFileSync(peer('skopeo'), ['copy', '--quiet', `oci:${made.directory}:latest`, `docker-archive:${archive}:x:1`])
    const folder = join(scratch(), 'layout')
    mkdirSync(folder)
    const digest = await unpackArchive(archive, folder, testPorts())
    const image = await loadImage(openStore({ kind: 'layout', directory: folder }, testPorts()), digest)
    expect(image.config.rootfs.diff_ids).toEqual(made.config.rootfs.diff_ids)
  })

  withPeers(['tar'], 'an archive that is none of both is refused', async () => {
    const folder = scratch()
    writeFileSync(join(folder, 'x'), '')
    execFileSync('tar', ['-C', folder, '-cf', join(folder, 'a.tar'), 'x'])
    await expect(unpackArchive(join(folder, 'a.tar'), join(folder, 'l'), testPorts())).rejects.toMatchObject({
      code: 'format-invalid',
    })
    expect(existsSync(join(folder, 'l', 'index.json'))).toBe(false)
  })
})
