import { z } from 'zod'
import { digest } from './encryption-schema.ts'
import { identitySchema } from './identities-schema.ts'

const text = z.string().min(1).max(1024)
const time = z.iso.datetime({ error: 'write a time such as 2026-01-31T00:00:00Z' })

/**
 * Who built an image that the job of `job` only admitted (TRUST §4): whose signature must cover the plain image, and by which policies an agent must
 * have verified that image in the job that described or encrypted it.
 */
export const publisherSchema = z
  .strictObject({
    'release-keys': z
      .array(
        z.union([text, z.strictObject({ key: text, 'not-before': time.optional(), 'not-after': time.optional() })]),
      )
      .min(1)
      .max(64)
      .optional()
      .describe('PEM text or files: keys of the publisher'),
    identities: z
      .array(identitySchema)
      .min(1)
      .max(64)
      .optional()
      .describe('Whose certificates count as those keys do; they need `trusted-root`'),
    threshold: z
      .int()
      .min(1)
      .max(64)
      .optional()
      .describe('How many of these keys and identities must have signed the plain image; 1 by default'),
    'verify-policies': z
      .array(digest)
      .min(1)
      .max(64)
      .describe(
        'Digests of the policies that count: by one of them an agent of the job must have verified the plain image (a verdict and `policy-digest` name it)',
      ),
    builders: z
      .array(text)
      .min(1)
      .max(64)
      .optional()
      .describe(
        'Builder ids (`builder.id`) of which the publisher’s own provenance must name one; without it none is asked for',
      ),
  })
  .superRefine(({ 'release-keys': keys = [], identities = [], threshold = 1 }, context) => {
    const names = identities.map(({ name }) => name)
    const parties = keys.length + identities.length
    const twice = names.findIndex((name, index) => names.indexOf(name) !== index)
    if (parties === 0)
      context.addIssue({
        code: 'custom',
        path: ['release-keys'],
        message: 'name release-keys or identities of the publisher',
      })
    else if (threshold > parties)
      context.addIssue({ code: 'custom', path: ['threshold'], message: `asks for ${threshold} of ${parties} parties` })
    if (twice !== -1)
      context.addIssue({
        code: 'custom',
        path: ['identities', twice, 'name'],
        message: 'names a party that is there already',
      })
  })
export type PublisherSection = z.infer<typeof publisherSchema>

/** What a policy with this section cannot ask for also: such statements are the publisher's to make, about the plain image. */
export function publisherProblems(policy: {
  publisher?: PublisherSection | undefined
  statements?: readonly string[] | undefined
  rebuilds?: unknown
  build?: unknown
}): { path: (string | number)[]; message: string }[] {
  if (policy.publisher === undefined) return []
  const index = (policy.statements ?? []).findIndex((kind) => kind === 'provenance' || kind === 'rebuild')
  const own = (['build', 'rebuilds'] as const).filter((name) => policy[name] !== undefined)
  return [
    ...(index === -1
      ? []
      : [
          {
            path: ['statements', index],
            message: 'stays the publisher’s; `publisher.builders` asks for its provenance',
          },
        ]),
    ...own.map((name) => ({
      path: [name],
      message: 'is about builds of the job, and `publisher` about images of others',
    })),
  ]
}
