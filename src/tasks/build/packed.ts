import { z } from 'zod'

/** First entry of a packed source: where things lie in it, and what git said. */
export const packedSourceSchema = z.strictObject({
  /** Context folder, relative to the repository's top; '' for the top itself. */
  context: z.string().max(4096),
  /** Containerfile: `top/…`, or `beside/…` where it lies outside of the repository. */
  file: z.string().max(4096),
  git: z
    .strictObject({
      commit: z.string().max(64),
      remote: z.string().max(4096).nullable(),
      version: z.string().max(128),
    })
    .nullable(),
})
export type PackedSource = z.infer<typeof packedSourceSchema>
