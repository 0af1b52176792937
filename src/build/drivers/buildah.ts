import { chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import { TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { formatPlatform, loadImage } from '../../image/load.ts'
import { copyImage } from '../../oci/copy.ts'
import { layoutIdentity } from '../../oci/identity.ts'
import { openLayout } from '../../oci/layout.ts'
import type { Digest } from '../../oci/types.ts'
import { noSteps } from '../../statement/isolation.ts'
import type { Driver, ImageDraft, Pass } from '../driver.ts'
import { normaliseForeign, targetBase } from '../foreign.ts'
import { inSandbox } from '../sandbox/open.ts'
import { runsForeign, type DriverNeeds } from './needs.ts'
import { probeSandboxed, probeStorage, storageFlags, type StorageDriver } from './probe.ts'
import { refused } from './refused.ts'
import { rewriteBases } from './rewrite.ts'
import { buildSandboxed } from './sandboxed.ts'

/** The machine does not change within a process. */
let knownStorage: StorageDriver | null = null

/**
 * The buildah driver; null where buildah is not installed. Where something of the image is run, or a caller's build argument is at work, all of
 * buildah works in the sandbox.
 *
 * @throws InputError `unsupported` when buildah is there and cannot build, `tool-missing` when the sandbox lacks a program
 */
export async function buildahDriver(needs: DriverNeeds, ports: Ports): Promise<Driver | null> {
  const { temp, env } = needs
  if ((await ports.exec.find('buildah')) === null) return null
  const shown = await ports.exec.run('buildah', ['--version'], { env })
  const version = /version (\S+)/.exec(shown.stdout.toString('utf8'))?.[1] ?? 'unknown'
  const common = { name: 'buildah', version } as const
  const foreign = runsForeign(needs)
  // Build arguments are buildah's environment, where a caller may name what its loader reads (LD_PRELOAD).
  if (!foreign && needs.plan.consumed.size === 0) {
    const storage = await probeStorage(temp, env, ports)
    return { ...common, isolation: noSteps, confinement: 'none', build: (pass) => build(pass, storage) }
  }
  const sandbox = await needs.sandbox()
  const storage = knownStorage ?? (await probeSandboxed(temp, sandbox))
  knownStorage = storage
  return {
    ...common,
    isolation: foreign ? inSandbox(sandbox.network) : noSteps,
    confinement: 'chroot',
    build: async (pass) => {
      const names = await writeInputs(pass, join(pass.workdir, 'in'))
      const layout = join(pass.workdir, 'built')
      const digest = await buildSandboxed(pass, names, budArguments(pass), storage, sandbox, layout)
      return draftOf(pass, layout, digest)
    },
  }
}

async function build(pass: Pass, storage: StorageDriver): Promise<ImageDraft> {
  const { ports, workdir, env } = pass
  const flags = storageFlags(workdir, storage)
  const inputs = join(workdir, 'in')
  const identifier = join(workdir, 'image-id')
  await writeInputs(pass, inputs)
  const args = ['bud', ...budArguments(pass), '--iidfile', identifier]
  const script = `umask ${pass.around.umask}; exec "$@"`
  try {
    await ports.exec.run('sh', ['-c', script, 'sh', 'buildah', ...flags, ...args, pass.context], {
      env,
      cwd: inputs,
      onLine: (text) => ports.log.progress(`buildah: ${text}`),
    })
  } catch (cause) {
    throw cause instanceof TransportError ? refused(cause, '') : cause
  }
  const layout = join(workdir, 'built')
  await mkdir(layout)
  const id = (await readFile(identifier, 'utf8')).trim()
  const push = ['push', '--quiet', '--disable-compression', id, `oci:${layout}:built`]
  await ports.exec.run('buildah', [...flags, ...push], { env })
  const found = await openLayout(layout, layoutIdentity(layout), ports).resolve({ tag: 'built' })
  if (found === null) throw new TransportError('tool-failed', 'buildah wrote no image', { subject: 'buildah' })
  const draft = await draftOf(pass, layout, found.digest)
  await ports.exec.run('buildah', [...flags, 'rmi', '--all', '--force'], { env, allowFailure: true })
  return draft
}

async function draftOf(pass: Pass, layout: string, digest: Digest): Promise<ImageDraft> {
  const store = openLayout(layout, layoutIdentity(layout), pass.ports)
  const draft = await normaliseForeign(pass, { store, image: await loadImage(store, digest) }, targetBase(pass))
  await rm(layout, { recursive: true, force: true })
  return draft
}

/** Arguments that do not depend on where things lie; paths are relative to the folder of {@link writeInputs}. */
function budArguments(pass: Pass): string[] {
  const { plan } = pass
  const args = ['--format', 'oci', '--layers=false', '--no-cache', '--timestamp', String(pass.epoch)]
  args.push('--isolation', 'chroot', '--jobs', String(pass.around.jobs), '--pull-never')
  args.push('--platform', formatPlatform(pass.platform), '--ignorefile', 'no-rules', '--file', 'Containerfile')
  const last = plan.stages.at(-1)?.stage
  if (last !== undefined && last.index !== plan.file.stages.length - 1)
    args.push('--target', last.name ?? String(last.index))
  // Values travel in the environment: arguments of a process can be read by everyone.
  for (const name of plan.consumed) args.push('--build-arg', name)
  return args
}

/**
 * Writes the Containerfile, and copies each base out of its store into a layout of this pass, so that buildah can use no other one; the
 * platform's manifest only.
 *
 * @returns the folder
 */
async function writeInputs(pass: Pass, folder: string): Promise<string> {
  await mkdir(folder)
  const names = new Map<string, string>()
  for (const base of pass.bases.values()) {
    const directory = join(folder, `base-${names.size}`)
    await mkdir(directory)
    const store = openLayout(directory, layoutIdentity(directory), pass.ports)
    await copyImage(base.store, store, base.image.descriptor.digest, { tag: 'base', log: pass.ports.log })
    // Relative to the working directory: buildah makes an image name of the path, and those know no capitals.
    names.set(base.text, `oci:base-${names.size}:base`)
  }
  await writeFile(join(folder, 'Containerfile'), rewriteBases(pass, names))
  // The rules were applied when the context was copied; what `prepare` made belongs in, whatever they say.
  await writeFile(join(folder, 'no-rules'), '')
  for (const name of ['Containerfile', 'no-rules']) await chmod(join(folder, name), 0o644)
  return folder
}
