import { z } from 'zod'
import { durationForm } from './duration.ts'
import { digest } from './encryption-schema.ts'
import { identitySchema } from './identities-schema.ts'
import { jobSchema } from './job-schema.ts'

const text = z.string().min(1).max(1024)

/** Promotion records that receivers must have signed of an image. Every entry has to be met. */
export const promotionSchema = z
  .strictObject({
    keys: z
      .array(z.string().min(1).max(65_536))
      .min(1)
      .max(16)
      .optional()
      .describe(
        'Public keys of receivers (PEM text or files beside the policy); one of them, of `identities` or of `jobs` must have signed the record',
      ),
    identities: z
      .array(identitySchema)
      .min(1)
      .max(16)
      .optional()
      .describe('Receivers whose certificates sign records; needs `trusted-root`'),
    jobs: z
      .array(jobSchema)
      .min(1)
      .max(16)
      .optional()
      .describe(
        'Jobs whose attested agents sign records (`signer: agent`); their evidence must pass the rules of this policy for machines',
      ),
    environment: text
      .optional()
      .describe('What the record must allow the image for, such as production; any by default'),
    to: text.optional().describe('Repository that the image must have been promoted to; any by default'),
    policies: z
      .array(digest)
      .min(1)
      .max(64)
      .optional()
      .describe('Digests of policies by which the receiver may have verified the image; any by default'),
    'max-age': z
      .string()
      .regex(durationForm, 'write a duration such as 7d or 12h')
      .optional()
      .describe(
        'Oldest record that counts, by the time that it states, or by the trusted time of its signature where that is earlier',
      ),
  })
  .refine(({ keys, identities, jobs }) => [keys, identities, jobs].some((one) => one !== undefined), {
    error: 'name the keys, the identities or the jobs that may sign a record',
    path: ['keys'],
  })
  .refine(({ identities = [] }) => new Set(identities.map(({ name }) => name)).size === identities.length, {
    error: 'names a party twice',
    path: ['identities'],
  })
export type PromotionRule = z.infer<typeof promotionSchema>
