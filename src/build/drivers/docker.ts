import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import { InputError, TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { formatPlatform, loadImage } from '../../image/load.ts'
import { unpackArchive } from './docker-archive.ts'
import { copyImage } from '../../oci/copy.ts'
import { layoutIdentity } from '../../oci/identity.ts'
import { openLayout } from '../../oci/layout.ts'
import { noSteps, type StepsFacts } from '../../statement/isolation.ts'
import { networkHint } from '../context/prepare.ts'
import type { Driver, ImageDraft, Pass } from '../driver.ts'
import type { SandboxNetwork } from '../sandbox/types.ts'
import { normaliseForeign, targetBase } from '../foreign.ts'
import { requireLocal, requireLocalBuilder } from './docker-local.ts'
import { consumedArgs, runsForeign, type DriverNeeds } from './needs.ts'
import { rewriteBases } from './rewrite.ts'

/** What the docker here can do. */
export interface DockerFacts {
  buildx: string
  /** The builder can write an OCI archive itself: it is no plain engine. */
  exportsOci: boolean
  /** BuildKit 0.13 and later clamp times in layers themselves. */
  rewritesTimestamps: boolean
}

/**
 * The docker driver (buildx over BuildKit); null where docker is not installed.
 *
 * @throws InputError `unsupported` when there is no engine to talk to, or no buildx
 */
export async function dockerDriver(needs: DriverNeeds, ports: Ports): Promise<Driver | null> {
  if ((await ports.exec.find('docker')) === null) return null
  requireOwnNames(needs.plan.consumed)
  const childEnv = dockerEnvironment(needs.env, ports)
  const ask = async (...args: string[]): Promise<string | null> => {
    const done = await ports.exec.run('docker', args, { env: childEnv, allowFailure: true, timeoutMs: 30_000 })
    return done.code === 0 ? done.stdout.toString('utf8') : null
  }
  await requireLocal(childEnv, ask)
  const server = await ask('version', '--format', '{{.Server.Version}}')
  if (server === null || server.trim() === '') {
    throw new InputError('unsupported', 'docker is installed, but no engine answers', {
      subject: 'builder',
      remedy: 'Start the engine (systemctl start docker) or set DOCKER_HOST, or use `builder: buildah` or embedded.',
    })
  }
  const buildx = /v?(\d+\.\d+\S*)/.exec((await ask('buildx', 'version')) ?? '')?.[1]
  if (buildx === undefined) {
    throw new InputError('unsupported', 'docker is installed without its buildx plugin', {
      subject: 'builder',
      remedy: 'Install docker-buildx-plugin, or use `builder: buildah` or embedded.',
    })
  }
  const inspection = (await ask('buildx', 'inspect', '--bootstrap')) ?? ''
  await requireLocalBuilder(inspection, ask)
  const facts = readInspection(inspection, buildx)
  const build = (pass: Pass): Promise<ImageDraft> =>
    buildWithDocker({ ...pass, env: dockerEnvironment(pass.env, ports) }, facts, needs.network)
  const isolation: StepsFacts = runsForeign(needs)
    ? // The engine's own network is not filtered: what the host reaches, link-local addresses too, RUN may reach.
      { steps: 'engine', network: needs.network === 'none' ? 'none' : 'host' }
    : noSteps
  return { name: 'docker', version: server.trim(), isolation, confinement: 'container', build }
}

/**
 * Build arguments are docker's environment: one that docker or its loader reads would choose another engine, or what runs here.
 *
 * @throws InputError `input-invalid`
 */
function requireOwnNames(names: ReadonlySet<string>): void {
  for (const name of names) {
    if (!/^(?:DOCKER_|BUILDX_|BUILDKIT_|LD_|GODEBUG$|HOME$|PATH$)/i.test(name)) continue
    throw new InputError('input-invalid', `docker would read the build argument ${name} as a setting of its own`, {
      subject: 'build-args',
      remedy: 'Give the ARG another name, or use `builder: buildah`.',
    })
  }
}

/** The engine is found by variables that a clean environment does not have. */
function dockerEnvironment(env: Record<string, string>, ports: Ports): Record<string, string> {
  const named = ['DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_CERT_PATH', 'DOCKER_TLS_VERIFY', 'DOCKER_CONFIG'].flatMap(
    (name) => {
      const value = ports.env[name]
      return value === undefined || value === '' ? [] : [[name, value] as const]
    },
  )
  const home = ports.env['HOME']
  const config = home === undefined ? {} : { DOCKER_CONFIG: join(home, '.docker') }
  return { ...config, ...env, ...Object.fromEntries(named) }
}

/** Reads `docker buildx inspect`: the builder's driver and BuildKit's version. */
export function readInspection(text: string, buildx: string): DockerFacts {
  const driver = /^Driver:\s*(\S+)/m.exec(text)?.[1] ?? 'docker'
  const version = /^\s*(?:BuildKit(?: version)?|Buildkit):\s*v?(\d+)\.(\d+)/im.exec(text)
  const recent = version !== null && (Number(version[1]) > 0 || Number(version[2]) >= 13)
  return { buildx, exportsOci: driver !== 'docker', rewritesTimestamps: recent }
}

async function buildWithDocker(pass: Pass, facts: DockerFacts, network: SandboxNetwork): Promise<ImageDraft> {
  const { ports, workdir, env, plan } = pass
  const archive = join(workdir, 'image.tar')
  const file = join(workdir, 'Containerfile')
  const contexts: string[] = []
  const names = new Map<string, string>()
  for (const base of pass.bases.values()) {
    const directory = join(workdir, `base-${names.size}`)
    await mkdir(directory)
    const { digest } = base.image.descriptor
    await copyImage(base.store, openLayout(directory, layoutIdentity(directory), ports), digest, {
      tag: 'base',
      log: ports.log,
    })
    const name = `sealwright-base-${names.size}`
    contexts.push('--build-context', `${name}=oci-layout://${directory}@${digest}`)
    names.set(base.text, name)
  }
  await writeFile(file, rewriteBases(pass, names))
  // The rules were applied when the context was copied; this file wins over one in the context.
  await writeFile(`${file}.dockerignore`, '')
  const tag = `sealwright-build:${ports.random(8).toString('hex')}`
  const output = facts.exportsOci
    ? ['--output', `type=oci,dest=${archive}${facts.rewritesTimestamps ? ',rewrite-timestamp=true' : ''}`]
    : ['--load', '--tag', tag]
  const last = plan.stages.at(-1)?.stage
  const target =
    last === undefined || last.index === plan.file.stages.length - 1
      ? []
      : ['--target', last.name ?? String(last.index)]
  const args = [
    'buildx',
    'build',
    '--no-cache',
    '--progress=plain',
    '--provenance=false',
    '--sbom=false',
    '--network',
    network,
  ]
  args.push('--platform', formatPlatform(pass.platform), '--file', file, ...target, ...contexts, ...output)
  for (const name of plan.consumed) args.push('--build-arg', name)
  args.push('--build-arg', 'SOURCE_DATE_EPOCH', pass.context)
  const onLine = (line: string): void => ports.log.progress(`docker: ${line}`)
  try {
    await ports.exec.run('docker', args, { env: { ...consumedArgs(pass), ...env }, cwd: workdir, onLine })
    if (!facts.exportsOci) await ports.exec.run('docker', ['save', '--output', archive, tag], { env })
  } catch (cause) {
    if (!(cause instanceof TransportError)) throw cause
    throw new InputError('file-invalid', `docker could not build this: ${cause.message}`, {
      subject: 'docker',
      cause,
      remedy: `${networkHint(network)}The lines above come from docker itself.`,
    })
  } finally {
    if (!facts.exportsOci) await ports.exec.run('docker', ['rmi', '--force', tag], { env, allowFailure: true })
  }
  const layout = join(workdir, 'built')
  const digest = await unpackArchive(archive, layout, ports)
  await rm(archive)
  const store = openLayout(layout, layoutIdentity(layout), ports)
  const image = await loadImage(store, digest, formatPlatform(pass.platform))
  const draft = await normaliseForeign(pass, { store, image }, targetBase(pass))
  await rm(layout, { recursive: true, force: true })
  return draft
}
