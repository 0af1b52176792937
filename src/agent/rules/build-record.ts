import { z } from 'zod'
import { VerificationError } from '../../base/errors.ts'
import { roles } from '../../journal/event.ts'
import { parseJcs } from '../../encoding/jcs.ts'
import type { Digest } from '../../oci/types.ts'
import { stepsNetworks } from '../../statement/isolation.ts'
import type { BuildRecord } from '../../statement/types.ts'
import { artifact, buildOf, documentOf, mismatch, type RuleContext } from './context.ts'

const text = z.string()
const nullable = z.string().nullable()
/** The members that a statement is made of; what the record holds beside them is told by its digest. */
const schema = z.looseObject({
  v: z.literal(1),
  source: z.looseObject({
    repository: nullable,
    commit: nullable,
    tree: nullable,
    clean: z.boolean(),
    committed: z.int().nullable(),
  }),
  context: z.looseObject({ path: text, digest: text, files: z.int(), bytes: z.int() }),
  containerfile: z.looseObject({ path: text, digest: text, byDefault: z.boolean() }),
  ignoreFile: z.looseObject({ path: text, digest: text }).nullable(),
  target: nullable,
  platform: text,
  baseImages: z.array(
    z.looseObject({
      name: text,
      digest: text,
      manifest: text.optional(),
      config: text.optional(),
      layers: z.array(text).optional(),
      promotion: text.optional(),
    }),
  ),
  buildArgs: z.record(text, text),
  labels: z.record(text, text),
  prepare: nullable,
  network: z.enum(stepsNetworks),
  path: z.array(text),
  secrets: z.array(text),
  cache: nullable,
  basesPolicy: text.optional(),
  sourceDateEpoch: z.int(),
  compression: text,
  builder: z.looseObject({ name: text, version: text, isolation: text }),
  tools: z.record(text, text),
  image: z.looseObject({ manifest: text, config: text }),
  rebuilds: z.looseObject({ count: z.int(), matched: z.int(), independence: z.literal('same-job') }),
})

/** The build record of the subject's `build` event, which must speak of the very image that this event made. */
export function buildRecord(context: RuleContext): { record: BuildRecord; digest: Digest } {
  const event = buildOf(context)
  const { bytes, digest } = documentOf(context, 'build-record', event, 'outputs', [roles.buildRecord])
  let record: BuildRecord
  try {
    record = schema.parse(parseJcs(bytes, 'build record')) as unknown as BuildRecord
  } catch (cause) {
    throw new VerificationError('format-invalid', 'the build record is not of version 1', {
      subject: 'build-record',
      cause,
    })
  }
  if (record.image.manifest !== artifact(event, 'outputs', roles.image)) {
    throw mismatch('build-record', 'speaks of another image than its build event')
  }
  return { record, digest }
}
