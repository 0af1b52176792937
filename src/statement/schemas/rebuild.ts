import { z } from 'zod'
import { digestSchema } from '../../oci/digest-schema.ts'
import { formsOf } from './forms.ts'
import { text } from './values.ts'

/** Rebuild v1 of ours: how often the image was built again with the same result. */
export const rebuildForms = formsOf(({ object, strict }) =>
  object({
    image: object({ manifest: digestSchema.describe('The plain image'), config: digestSchema }),
    rebuilds: object({
      count: z.int().min(1).describe('Rebuilds that were made'),
      matched: z.int().min(1).describe('Rebuilds that gave the same image; equal to `count`'),
    }),
    independence: strict
      ? z.literal('same-job').describe('Who rebuilt: `same-job` says only that the build is consistent')
      : text,
    builder: object({ name: text.min(1), version: text }),
    buildRecord: object({ digest: digestSchema.describe('SHA-256 of the build record') }),
  }),
)
