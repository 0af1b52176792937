import { z } from 'zod'
import { digestSchema } from '../../oci/digest-schema.ts'
import { formsOf } from './forms.ts'
import { text, time } from './values.ts'

/** Archive v1 of ours: when an image was in production, and what of it is kept. */
export const archiveForms = formsOf(({ object }) =>
  object({
    archived: time.describe('When the image came into the archive'),
    inProduction: object({ from: time, to: time }).describe('Interval in which the image was in production'),
    keys: z
      .array(object({ uri: text.min(1), until: time }))
      .min(1)
      .max(64)
      .optional()
      .describe('Where the keys of an encrypted image are kept, and until when'),
    purged: object({ time, layers: z.array(digestSchema).min(1).max(4096) })
      .optional()
      .describe('Layers that were deleted from the archive, and when'),
  }),
)
