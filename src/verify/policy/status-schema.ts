import { z } from 'zod'
import { durationForm } from './duration.ts'
import { identitySchema } from './identities-schema.ts'

const key = z.string().min(1).max(65_536)
const keys = z.array(key).min(1).max(16)
const choice = z.enum(['allow', 'refuse'])

/** Whose word on the status of an image counts, and how recent it has to be (docs/status.md). */
export const statusSchema = z
  .strictObject({
    keys: z
      .array(z.union([key, keys]))
      .min(1)
      .max(16)
      .optional()
      .describe(
        'Public keys (PEM text or files) that sign status statements; none of them signs images. Each is a signer of its own, who has to speak; a list in the list holds the keys of one signer, of which one is enough',
      ),
    identities: z
      .array(identitySchema)
      .min(1)
      .max(16)
      .optional()
      .describe('Whose certificates sign status statements; needs `trusted-root`'),
    'max-age': z
      .string()
      .regex(durationForm, 'write a duration such as 7d or 12h')
      .optional()
      .describe(
        'Oldest status that is admitted; of each signer one is then required. Without it nothing shows whether a newer statement was hidden',
      ),
    required: z.literal(true).optional().describe('A status of any age by each signer has to be there'),
    superseded: choice.optional().describe('Whether an image that another one replaced is admitted; refuse by default'),
    encrypted: z
      .literal('optional')
      .optional()
      .describe(
        'Of an image that others built, the status of the plain image is enough; by default both forms need one',
      ),
    'end-of-life': choice.optional().describe('Whether an image without support is admitted; refuse by default'),
  })
  .refine(({ keys: own, identities }) => own !== undefined || identities !== undefined, {
    error: 'name the keys or the identities that may sign a status',
    path: ['keys'],
  })
  .refine(({ identities = [] }) => new Set(identities.map(({ name }) => name)).size === identities.length, {
    error: 'names a party twice',
    path: ['identities'],
  })
export type StatusSection = z.infer<typeof statusSchema>

/** Whose word on archived images counts (docs/status.md). */
export const archiveSchema = z.strictObject({
  keys: keys.describe('Public keys (PEM text or files) of whoever keeps the archive'),
})
