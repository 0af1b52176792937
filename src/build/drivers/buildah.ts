import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError, TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { formatPlatform, loadImage } from '../../image/load.ts'
import { copyImage } from '../../oci/copy.ts'
import { layoutIdentity } from '../../oci/identity.ts'
import { openLayout } from '../../oci/layout.ts'
import type { Plan } from '../containerfile/plan.ts'
import { hasInstruction } from '../containerfile/plan.ts'
import type { Driver, ImageDraft, Pass } from '../driver.ts'
import { normaliseForeign, targetBase } from '../foreign.ts'
import { probeIsolation, storageFlags, type Isolation } from './probe.ts'
import { rewriteBases } from './rewrite.ts'

/**
 * The buildah driver, with the isolation that works here; null where buildah is not installed.
 *
 * @throws InputError `unsupported` when buildah is there and cannot build
 */
export async function buildahDriver(
  plan: Plan,
  temp: string,
  env: Record<string, string>,
  ports: Ports,
): Promise<Driver | null> {
  if ((await ports.exec.find('buildah')) === null) return null
  const shown = await ports.exec.run('buildah', ['--version'], { env })
  const version = /version (\S+)/.exec(shown.stdout.toString('utf8'))?.[1] ?? 'unknown'
  const probe = await probeIsolation(temp, env, hasInstruction(plan, 'RUN'), ports)
  return {
    name: 'buildah',
    version,
    // Without RUN nothing of the image runs.
    isolation: probe.isolation ?? 'none',
    build: (pass) => build(pass, probe),
  }
}

async function build(
  pass: Pass,
  probe: { isolation: Isolation | null; storage: 'overlay' | 'vfs' },
): Promise<ImageDraft> {
  const { plan, ports, workdir, env, around } = pass
  const flags = storageFlags(workdir, probe.storage)
  const file = join(workdir, 'Containerfile')
  const ignore = join(workdir, 'no-rules')
  const identifier = join(workdir, 'image-id')
  await writeFile(file, rewriteBases(pass, await privateBases(pass)))
  // The rules were applied when the context was copied; what `prepare` made belongs in, whatever they say.
  await writeFile(ignore, '')
  const args = ['bud', '--format', 'oci', '--layers=false', '--no-cache', '--timestamp', String(pass.epoch)]
  args.push('--isolation', probe.isolation ?? 'chroot', '--jobs', String(around.jobs), '--pull-never')
  args.push(
    '--platform',
    formatPlatform(pass.platform),
    '--ignorefile',
    ignore,
    '--iidfile',
    identifier,
    '--file',
    file,
  )
  const last = plan.stages.at(-1)?.stage
  if (last !== undefined && last.index !== plan.file.stages.length - 1)
    args.push('--target', last.name ?? String(last.index))
  for (const name of plan.consumed) args.push('--build-arg', name)
  // Values travel in the environment: arguments of a process can be read by everyone.
  const childEnv = { ...pass.buildArgs, ...env }
  const line = (text: string): void => ports.log.progress(`buildah: ${text}`)
  await shell(pass, ['buildah', ...flags, ...args, pass.context], childEnv, line)

  const layout = join(workdir, 'built')
  await mkdir(layout)
  const id = (await readFile(identifier, 'utf8')).trim()
  const push = ['push', '--quiet', '--disable-compression', id, `oci:${layout}:built`]
  await ports.exec.run('buildah', [...flags, ...push], { env })
  const store = openLayout(layout, layoutIdentity(layout), ports)
  const found = await store.resolve({ tag: 'built' })
  if (found === null) throw new TransportError('tool-failed', 'buildah wrote no image', { subject: 'buildah' })
  const draft = await normaliseForeign(pass, { store, image: await loadImage(store, found.digest) }, targetBase(pass))
  await ports.exec.run('buildah', [...flags, 'rmi', '--all', '--force'], { env, allowFailure: true })
  await rm(layout, { recursive: true, force: true })
  return draft
}

/** Copies each base out of its store into a layout of this pass, so that buildah can use no other one; the platform's manifest only. */
async function privateBases(pass: Pass): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  for (const base of pass.bases.values()) {
    const folder = `base-${names.size}`
    const directory = join(pass.workdir, folder)
    await mkdir(directory)
    const store = openLayout(directory, layoutIdentity(directory), pass.ports)
    await copyImage(base.store, store, base.image.descriptor.digest, { tag: 'base', log: pass.ports.log })
    // Relative to the working directory: buildah makes an image name of the path, and those know no capitals.
    names.set(base.text, `oci:${folder}:base`)
  }
  return names
}

/** Runs a program under this pass's umask. */
async function shell(
  pass: Pass,
  command: readonly string[],
  env: Record<string, string>,
  onLine: (line: string) => void,
): Promise<void> {
  const script = `umask ${pass.around.umask}; exec "$@"`
  try {
    await pass.ports.exec.run('sh', ['-c', script, 'sh', ...command], { env, cwd: pass.workdir, onLine })
  } catch (cause) {
    throw explain(cause)
  }
}

function explain(cause: unknown): unknown {
  if (!(cause instanceof TransportError)) return cause
  return new InputError('file-invalid', `buildah could not build this: ${cause.message}`, {
    subject: 'buildah',
    cause,
    remedy: 'The last lines above are of buildah itself; a RUN may need a network or another isolation.',
  })
}
