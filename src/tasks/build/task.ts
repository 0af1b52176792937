import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { InputError } from '../../base/errors.ts'
import { once } from '../../base/streams.ts'
import { buildImage } from '../../build/build.ts'
import { driverNames, jobPlaces, type BuildOptions, type BuildResult } from '../../build/types.ts'
import { copyImage } from '../../oci/copy.ts'
import { openStore } from '../../oci/open.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import { defineTask, type TaskContext } from '../context.ts'
import { workStore } from '../images.ts'
import { buildEvent } from './event.ts'
import { basesPolicySchema } from './bases-policy.ts'
import { unpackSource } from './unpack.ts'

const texts = z.record(z.string(), z.string())

export const buildRequestSchema = z.strictObject({
  /** Where the image goes, with its tag; a layout's folder is absolute. */
  output: z.string(),
  /** The context and Containerfile by path; null for a worker, which fetches `context` as a packed source. */
  local: z.strictObject({ context: z.string(), file: z.string().nullable(), exclude: z.array(z.string()) }).nullable(),
  /** Folder that a relative `oci:DIR` of the Containerfile is taken from. */
  cwd: z.string(),
  /** PATH and folders of the job: what of the machine its foreign steps may see (TRUST §4). */
  /** Which bases are admitted; all where it is left out. */
  basesPolicy: basesPolicySchema.optional(),
  places: z.partialRecord(z.enum(jobPlaces), z.string().max(65_536)),
  prepare: z.string().nullable(),
  /** Network of `prepare` and RUN. */
  network: z.enum(['none', 'default']),
  builder: z.enum(['auto', ...driverNames]),
  target: z.string().nullable(),
  platforms: z.array(z.string()),
  buildArgs: texts,
  labels: texts,
  sourceDateEpoch: z.union([z.literal('commit'), z.int().min(0)]),
  rebuilds: z.int().min(0).max(9),
  compression: z.enum(['gzip', 'zstd']),
  allowDifference: z.boolean(),
})
export type BuildRequest = z.infer<typeof buildRequestSchema>

/** What a build gives to its step; the record's bytes are delivered as `build-record`. */
export interface BuildTaskResult extends Omit<BuildResult, 'recordBytes'> {
  /** `docker-reference` of the store that the image is in. */
  identity: string
  /** `…:TAG@DIGEST`. */
  reference: string
}

/** Builds an image reproducibly. In a worker it is made in the workers' store and copied to where the step wants it, its tag last. */
export const build = defineTask(buildRequestSchema, async (request, context) => {
  const output = { ...parseReference(request.output, request.cwd), digest: undefined }
  const target = openStore({ ...output, tag: undefined }, context.ports)
  const tag = output.tag ?? 'latest'
  const own = await workStore(target.identity, context)
  const { recordBytes, ...result } = await buildWith(request, { store: own ?? target, tag }, context)
  if (own !== null && result.published) await copyImage(own, target, result.digest, { tag, log: context.ports.log })
  await context.caller.deliver('build-record', once(recordBytes))
  const done: BuildTaskResult = {
    ...result,
    identity: target.identity,
    reference: formatReference({ ...output, tag, digest: result.digest }),
  }
  // A rebuild that differed made nothing that a statement could speak of.
  return { result: done, events: result.published ? [buildEvent(result, target.identity)] : [] }
})

async function buildWith(
  request: BuildRequest,
  output: BuildOptions['output'],
  { ports, caller, work }: TaskContext,
): Promise<BuildResult> {
  const { local, output: _text, basesPolicy, ...rest } = request
  const admitBases =
    basesPolicy === undefined ? undefined : (await import('./golden.ts')).goldenBases(basesPolicy, ports)
  const options = { ...rest, admitBases }
  if (ports.remote === undefined) {
    if (local !== null) return buildImage({ ...options, ...local, output }, ports)
    throw new InputError('input-missing', 'the request names no context', { subject: 'context' })
  }
  // A path of the job means nothing here.
  if (local !== null) throw new InputError('input-invalid', 'a worker reads no path of the job', { subject: 'context' })
  const folder = await mkdtemp(join(await work.path('temp'), 'source-'))
  try {
    const material = await unpackSource(await caller.fetch('context'), folder)
    return await buildImage({ ...options, context: '', file: null, exclude: [], material, output }, ports)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
