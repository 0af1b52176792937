import { z } from 'zod'
import type { Digest } from './types.ts'

/**
 * Schema of a digest in what we write (journal, agent, statements): `sha256:` and 64 lower-case hexadecimal digits. Images of others may be named
 * by SHA-512; our own records never name them so, because their readers compare SHA-256 only.
 */
export const digestSchema: z.ZodType<Digest> = z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)])
