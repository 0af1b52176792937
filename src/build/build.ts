import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { InternalError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { sha256 } from '../base/streams.ts'
import { noSteps, weakestSteps } from '../statement/isolation.ts'
import { jcs } from '../encoding/jcs.ts'
import { formatPlatform } from '../image/load.ts'
import { layoutIdentity } from '../oci/identity.ts'
import { openLayout } from '../oci/layout.ts'
import { mediaTypes, type Digest, type Store } from '../oci/types.ts'
import { resolveBases } from './bases.ts'
import { parseContainerfile } from './containerfile/parse.ts'
import { planBuild } from './containerfile/plan.ts'
import { cleanEnvironment } from './context/prepare.ts'
import { describeDifference, type PassDifference } from './difference.ts'
import type { Driver, ImageDraft, Pass } from './driver.ts'
import { chooseDriver } from './drivers/choose.ts'
import { readIgnoreRules } from './ignore.ts'
import { isByDefault, publicPath } from './inputs.ts'
import { localMaterial } from './material.ts'
import { makeContext, requireSameContext, surroundingsOf, type ContextOptions, type PassContext } from './pass.ts'
import { parsePlatform } from './platform.ts'
import { makeRecord } from './record.ts'
import { inSandbox, openSandbox, type Sandbox } from './sandbox/open.ts'
import { recordedArgs } from './secrets.ts'
import { findUnclean, uncleanFile, uncleanIgnoreFile } from './source/clean.ts'
import { resolveEpoch } from './source/git.ts'
import type { BuildOptions, BuildResult } from './types.ts'

/**
 * Builds an image, builds it again as often as asked, compares, and publishes the first one into the output store, its tag last.
 *
 * @throws InputError for everything the author can mend; VerificationError `source-mismatch`, `digest-mismatch`
 */
export async function buildImage(options: BuildOptions, ports: Ports): Promise<BuildResult> {
  await mkdir(ports.roots.temp, { recursive: true })
  const temp = await mkdtemp(join(ports.roots.temp, 'sealwright-build-'))
  try {
    return await buildIn(temp, options, ports)
  } finally {
    await rm(temp, { recursive: true, force: true })
  }
}

async function buildIn(temp: string, options: BuildOptions, ports: Ports): Promise<BuildResult> {
  const { context, file, source } = options.material ?? (await localMaterial(options.context, options.file, ports))
  const epoch = resolveEpoch(options.sourceDateEpoch, source, context)
  const platform = parsePlatform(options.platforms)
  const text = file.bytes.toString('utf8')
  const { buildArgs, target } = options
  const parsed = parseContainerfile(text, publicPath(context, file.path))
  const plan = planBuild(parsed, { target, buildArgs, platform, epoch })
  for (const name of Object.keys(buildArgs)) {
    if (!plan.consumed.has(name)) ports.log.warn(`no ARG of ${parsed.name} takes the build argument ${name}`)
  }
  const shownArgs = recordedArgs(buildArgs, ports.log)
  const bases = await resolveBases(plan, platform, ports, options.cwd ?? ports.roots.cwd)
  const { admitBases } = options
  if (admitBases !== undefined) for (const base of bases.values()) base.promotion = await admitBases.admit(base)
  const env = await cleanEnvironment(ports, join(temp, 'driver'), epoch, surroundingsOf(1))
  // Opened only where something foreign runs; `prepare` fails before any work where the machine allows no sandbox.
  const sandbox = (): Promise<Sandbox> =>
    openSandbox(options.network, options.exclude, { ...ports, env: { ...ports.env, ...options.places } })
  const prepare = options.prepare === null ? null : { command: options.prepare, sandbox: await sandbox() }
  const needs = { plan, bases, network: options.network, temp, env, sandbox }
  const driver = await chooseDriver(options.builder, needs, ports)
  const isolation = weakestSteps(driver.isolation, prepare === null ? noSteps : inSandbox(options.network))
  ports.log.info(
    `building ${parsed.name} with ${driver.name} ${driver.version} (steps: ${isolation.steps}, network: ${isolation.network})`,
  )

  const rules = await readIgnoreRules(context, file.path, options.material !== undefined)
  const contextOptions: ContextOptions = {
    context,
    rules,
    // The context's own path has no symlinks any more.
    exclude: await Promise.all(options.exclude.map((path) => realpath(path).catch(() => path))),
    blobHash: source?.hash ?? null,
    prepare,
    epoch,
  }
  const common = { plan, source: text, bases, platform, epoch, buildArgs, labels: options.labels, ports }
  const run = (number: number, store: Store): Promise<Ran> =>
    runPass(number, temp, contextOptions, { ...common, compression: options.compression, store }, driver)

  const first = await run(1, options.output.store)
  const differences: PassDifference[] = []
  for (let number = 2; number <= options.rebuilds + 1; number++) {
    ports.log.info(`building again (${number - 1} of ${options.rebuilds}) to compare`)
    const folder = join(temp, `layout-${number}`)
    await mkdir(folder)
    const store = openLayout(folder, layoutIdentity(folder), ports)
    const again = await run(number, store)
    requireSameContext(first.context.copy, again.context.copy)
    if (again.draft.image.descriptor.digest !== first.draft.image.descriptor.digest) {
      const old = { image: first.draft.image, store: options.output.store }
      differences.push(await describeDifference(number, old, { image: again.draft.image, store }, ports))
    }
    await rm(folder, { recursive: true, force: true })
  }

  const reproducible = differences.length === 0
  const published = reproducible || options.allowDifference
  const { image, manifestBytes, baseLayers } = first.draft
  if (published) await options.output.store.putManifest(manifestBytes, mediaTypes.manifest, { tag: options.output.tag })
  const unclean =
    source === null
      ? ['not in a git work tree']
      : [
          ...findUnclean(source, context, first.context.copy.files, rules),
          ...uncleanFile(source, file),
          ...uncleanIgnoreFile(source, context, file.path, rules),
        ]
  const record = makeRecord({
    source,
    unclean,
    context: { path: source === null ? '.' : publicPath(source.top, context), copy: first.context.copy },
    containerfile: {
      path: source === null ? parsed.name : publicPath(source.top, file.path),
      bytes: file.bytes,
      byDefault: isByDefault(source, context, file.path),
    },
    ignoreFile:
      rules.file === null
        ? null
        : { path: publicPath(source === null ? context : source.top, rules.file.path), bytes: rules.file.bytes },
    bases: [...bases.values()],
    options: { ...options, buildArgs: shownArgs },
    platform: formatPlatform(platform),
    epoch,
    driver,
    image,
    matched: options.rebuilds - differences.length,
    network: isolation.network,
    // RUN sees the image's own programs, and buildah the machine's.
    path: prepare === null ? [] : prepare.sandbox.view.recordedPath,
  })
  const recordBytes = jcs(record)
  return {
    digest: image.descriptor.digest,
    configDigest: image.configDigest,
    record,
    recordBytes,
    recordDigest: sha256(recordBytes),
    reproducible,
    published,
    differences,
    preparedFiles: first.context.preparedFiles,
    isolation,
    unclean,
    layers: image.manifest.layers.map((layer, index) => ({
      digest: layer.digest,
      diffId: layerId(image.config.rootfs.diff_ids, index),
      size: layer.size,
      from: index < baseLayers ? 'base' : 'build',
    })),
  }
}

interface Ran {
  draft: ImageDraft
  context: PassContext
}

async function runPass(
  number: number,
  temp: string,
  contextOptions: ContextOptions,
  common: Omit<Pass, 'context' | 'workdir' | 'env' | 'around'>,
  driver: Driver,
): Promise<Ran> {
  const around = surroundingsOf(number)
  const workdir = join(temp, around.folder)
  await mkdir(workdir)
  const context = await makeContext(workdir, contextOptions, around, common.ports)
  const draft = await driver.build({ ...common, context: context.folder, workdir, env: context.env, around })
  await rm(workdir, { recursive: true, force: true })
  return { draft, context }
}

function layerId(ids: readonly Digest[], index: number): Digest {
  const id = ids[index]
  if (id === undefined) throw new InternalError('the image has more layers than diff ids')
  return id
}
