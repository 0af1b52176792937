import { z } from 'zod'
import { digestSchema } from '../../oci/digest-schema.ts'
import { stepsNetworks } from '../isolation.ts'
import { buildType } from '../types.ts'
import { formsOf, type Form } from './forms.ts'
import { count, gitId, sha256Hex, text } from './values.ts'

const texts = z.array(z.string()).max(4096)
const byName = z.record(z.string(), z.string())

/** SLSA provenance v1 (slsa.dev/spec/v1.2/provenance) of our build type; provenance of another build type is not of this form. */
export const provenanceForms = formsOf((form) => {
  const { object } = form
  return object({
    buildDefinition: object({
      buildType: z.literal(buildType),
      // The gate judges each parameter by itself, with a reason of its own (TRUST §5.8): one that is missing or unknown is `parameters-refused`.
      externalParameters: form.strict ? externalParameters(form) : z.record(z.string(), z.unknown()),
      internalParameters: internalParameters(form),
      resolvedDependencies: z.array(dependency(form)).max(65_536),
    }),
    runDetails: object({
      builder: object({ id: text.min(1), version: byName }),
      metadata: object({ invocationId: text.optional() }),
      byproducts: z
        .array(object({ name: text, digest: object({ sha256: sha256Hex }), mediaType: text }))
        .min(1)
        .max(256)
        .describe('The build record, by digest'),
    }),
  })
})

/** Everything that whoever starts the job controls (TRUST §5.8). */
function externalParameters({ object }: Form) {
  return object({
    workflow: object({ repository: text, path: text, ref: text }).optional(),
    source: object({ repository: text.nullable(), commit: gitId.nullable() }),
    context: text.describe('Folder of the build context in the repository'),
    file: text.describe('Containerfile'),
    fileByDefault: z.boolean().describe('Whether a build of this context takes that file if none is named'),
    builder: text,
    target: z.string().nullable(),
    platform: text,
    buildArgs: byName,
    labels: byName,
    prepare: z.string().nullable().describe('Command that ran before the build'),
    network: z.enum(stepsNetworks).describe('Network that `prepare` and `RUN` had'),
    path: texts.describe('Entries of PATH outside /usr that they saw'),
    secrets: texts.describe('Ids of build secrets'),
    cache: digestSchema.nullable(),
    basesPolicy: digestSchema
      .optional()
      .describe('SHA-256 of the bases policy that every base passed before the build'),
    ignoreFile: text.nullable(),
    sourceDateEpoch: count.describe('Seconds since 1970'),
    compression: text,
    rebuilds: count,
  })
}

/** What the job and its machine added. */
function internalParameters({ object }: Form) {
  return object({
    job: object({
      assurance: z.enum(['token', 'self-asserted', 'none']),
      instance: text.nullable().describe('Random id of the agent; null without an agent'),
      claims: z.record(z.string(), z.string()).describe('Claims of the OIDC token that hold no time'),
    }),
    source: object({
      repository: text.nullable(),
      commit: gitId.nullable(),
      tree: gitId.nullable(),
      clean: z.boolean(),
      committed: z.int().nullable().describe('Seconds since 1970'),
    }),
    context: object({ files: count, bytes: count }),
    builder: object({ name: text, version: text, isolation: text }),
    tools: byName,
    image: object({ manifest: digestSchema, config: digestSchema }).describe('The plain image that the build made'),
  })
}

/** in-toto resource descriptor of one input. */
function dependency({ object }: Form) {
  return object({
    name: text.min(1),
    uri: text.optional(),
    digest: object({ sha256: sha256Hex.optional(), gitCommit: gitId.optional(), gitTree: gitId.optional() }),
  })
}
