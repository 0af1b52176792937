import { z } from 'zod'
import { loadImage } from '../../image/load.ts'
import { defineTask } from '../context.ts'
import { findImage } from '../images.ts'
import { keyRequestSchema } from '../keys.ts'
import { describe, describeRequestSchema } from './describe.ts'
import { subjectRequestSchema } from './request.ts'
import { withOpener } from './opener.ts'
import { readPlain } from './plain.ts'

export const sbomRequestSchema = z.strictObject({
  subject: subjectRequestSchema,
  describe: describeRequestSchema,
  keys: keyRequestSchema,
})
export type SbomRequest = z.infer<typeof sbomRequestSchema>

/** Describes an image or a tree of files: its packages, and every file of it. */
export const sbom = defineTask(sbomRequestSchema, async (request, context) => {
  const { subject, describe: documents } = request
  if (subject.kind !== 'image') {
    const { describeFolder } = await import('./tree/task.ts')
    return describeFolder(subject, documents, context)
  }
  const { store, descriptor } = await findImage(subject.image, context)
  const image = await loadImage(store, descriptor.digest, subject.platform ?? undefined)
  const found = await withOpener(store, image, request.keys, context, (open) => readPlain(store, image, context, open))
  return describe(store, found, documents, context, !found.kept)
})
