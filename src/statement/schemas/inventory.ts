import { z } from 'zod'
import { digestSchema } from '../../oci/digest-schema.ts'
import { formsOf } from './forms.ts'
import { count, text } from './values.ts'

/** Inventory v1 of ours: names the document that lists every path of the image. */
export const inventoryForms = formsOf(({ object }) =>
  object({
    document: object({
      digest: digestSchema.describe('SHA-256 of the inventory document, a referrer of the same image'),
      mediaType: text.min(1),
      size: count.describe('Bytes of the document'),
    }),
    config: digestSchema.describe('Configuration of the image that was read'),
    diffIds: z.array(digestSchema).max(4096).describe('Digests of the uncompressed layers, in layer order'),
    files: count.describe('Entries of the document'),
  }),
)
