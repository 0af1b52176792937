import { z } from 'zod'
import { isolationSchema } from '../../journal/event.ts'

const text = z.string().min(1).max(1024)
const value = z.union([z.string().max(4096), z.array(z.string().max(4096)).min(1).max(64)])
const path = z.union([text, z.array(text).min(1).max(64)])
/** One value, or a list of them. */
const list = (most: number): z.ZodType<string[]> =>
  z.union([text.transform((one) => [one]), z.array(text).min(1).max(most)])

/**
 * What a build may have been asked for (TRUST §5.8). A job can ask its agent for anything: a command, another file, another base. So what this
 * section does not name must not have been asked for.
 */
export const buildSchema = z.strictObject({
  prepare: value.optional().describe('Commands that may have been run in the context before the build, word for word'),
  path: list(64)
    .optional()
    .describe('Folders outside /usr that prepare may have taken programs from, as the record names them'),
  'build-args': z
    .record(text, value)
    .optional()
    .describe('Build arguments by name, each with the values that it may have had; "*" is any value'),
  target: path.optional().describe('Stages that may have been built; the last one by default'),
  file: path
    .optional()
    .describe('Containerfiles, from the top of the repository; default: Containerfile of the context, else Dockerfile'),
  context: path.optional().describe('Folders that may have been the context; the top of the repository by default'),
  network: isolationSchema.shape.network
    .optional()
    .describe('Most network that foreign steps may have had: none, default (filtered) or host; none by default'),
  secrets: list(64).optional().describe('Ids of build secrets that may have been given'),
  cache: list(64).optional().describe('Digests of caches that may have been read; "*" is any'),
  bases: list(256)
    .optional()
    .describe('Base images by name or digest that are neither of a registry nor built in the same job'),
  'bases-policy': list(16)
    .optional()
    .describe(
      'Digests of bases policies, one of which every base must have passed before the build (`bases: golden`, docs/status.md)',
    ),
})
export type BuildRules = z.infer<typeof buildSchema>
