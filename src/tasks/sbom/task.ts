import { z } from 'zod'
import { loadImage } from '../../image/load.ts'
import { defineTask } from '../context.ts'
import { findImage } from '../images.ts'
import { keyRequestSchema } from '../keys.ts'
import { describe, describeRequestSchema } from './describe.ts'
import { withOpener } from './opener.ts'
import { readPlain } from './plain.ts'

export const sbomRequestSchema = z.strictObject({
  /** Reference; a layout's folder is absolute. */
  image: z.string(),
  describe: describeRequestSchema,
  keys: keyRequestSchema,
})
export type SbomRequest = z.infer<typeof sbomRequestSchema>

/** Describes an image: its packages, and every file of it. */
export const sbom = defineTask(sbomRequestSchema, async (request, context) => {
  const { store, descriptor } = await findImage(request.image, context)
  const image = await loadImage(store, descriptor.digest)
  const found = await withOpener(store, image, request.keys, context, (open) => readPlain(store, image, context, open))
  return describe(store, found, request.describe, context, !found.kept)
})
