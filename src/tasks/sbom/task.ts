import { z } from 'zod'
import { loadImage } from '../../image/load.ts'
import { InputError } from '../../base/errors.ts'
import { formatPlatform, parsePlatform, samePlatform } from '../../image/platforms.ts'
import type { Image } from '../../image/types.ts'
import type { Digest, Store } from '../../oci/types.ts'
import { defineTask, type Outcome, type TaskContext } from '../context.ts'
import { findImage } from '../images.ts'
import { keyRequestSchema } from '../keys.ts'
import { describe, describeRequestSchema, type SbomResult } from './describe.ts'
import { engineRequestSchema, subjectRequestSchema } from './request.ts'
import { withOpener } from './opener.ts'
import { readPlain } from './plain.ts'
import { inSandbox } from '../../build/sandbox/open.ts'
import { mergeEngines } from '../../sbom/engines/merge.ts'

export const sbomRequestSchema = z.strictObject({
  subject: subjectRequestSchema,
  describe: describeRequestSchema,
  keys: keyRequestSchema,
  engine: engineRequestSchema,
})
export type SbomRequest = z.infer<typeof sbomRequestSchema>

/** Describes an image or a tree of files: its packages, and every file of it. */
export const sbom = defineTask(sbomRequestSchema, async (request, context): Promise<Outcome<SbomResult>> => {
  const { subject } = request
  if (subject.kind === 'image') {
    const { store, descriptor } = await findImage(subject.image, context)
    return describeStored(store, await chosen(store, descriptor.digest, subject.platform), request, context)
  }
  if (subject.kind === 'archive') {
    const { withArchive } = await import('./archive.ts')
    return withArchive(subject, context, async ({ store, digest }) =>
      describeStored(store, await chosen(store, digest, subject.platform), request, context),
    )
  }
  const { describeDisk, describeFolder } = await import('./tree/task.ts')
  if (subject.kind === 'disk') return describeDisk(subject, request, context)
  return describeFolder(subject, request, context)
})

async function describeStored(
  store: Store,
  image: Image,
  { keys, describe: documents, engine }: SbomRequest,
  context: TaskContext,
): Promise<Outcome<SbomResult>> {
  // Before minutes of work: an engine that is not there, or cannot read the image.
  const { name } = engine
  const syft =
    name === 'builtin' ? null : await (await import('./engine/syft.ts')).runSyft(store, image, engine, context)
  const found = await withOpener(store, image, keys, context, (open) => readPlain(store, image, context, open))
  if (syft === null || name === 'builtin') return describe(store, found, documents, context, !found.kept)
  const { catalogue, only } = mergeEngines(found.catalogue, syft.document, name)
  // What syft found is not kept: a later step may ask for another engine.
  const engines = { facts: [syft.facts], only }
  const described = await describe(store, { ...found, catalogue }, documents, context, false, engines)
  return { ...described, events: described.events.map((event) => ({ ...event, isolation: inSandbox('none') })) }
}

/** One image of an index by its platform. A single image is what was asked for, or refused: two platforms are never confused. */
async function chosen(store: Store, digest: Digest, platform: string | null): Promise<Image> {
  const image = await loadImage(store, digest, platform ?? undefined)
  if (platform === null || samePlatform(image.platform, parsePlatform(platform))) return image
  throw new InputError(
    'not-found',
    `the image ${digest} is for ${formatPlatform(image.platform)}, not for ${platform}`,
    {
      subject: 'platform',
      remedy: 'Name an index that holds an image for the platform, or leave `platform` out.',
    },
  )
}
