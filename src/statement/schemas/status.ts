import { z } from 'zod'
import { statusNames } from '../notices.ts'
import { formsOf } from './forms.ts'
import { sha256Hex, text, time } from './values.ts'

/** Members that belong to one status, and have to be there. */
const own = { by: 'superseded', reason: 'revoked', from: 'revoked', date: 'end-of-life' } as const

/** Status v1 of ours: whether an image may still be used. */
export const statusForms = formsOf(({ object }) =>
  object({
    status: z.enum(statusNames),
    serial: z
      .int()
      .min(1)
      .describe('Rises with each statement of one signer about one image; the highest one replaces all others'),
    issued: time.describe('When the signer said this'),
    expires: time.optional().describe('After this time the statement proves nothing, unless it revokes'),
    by: object({ name: text.min(1).optional(), digest: object({ sha256: sha256Hex }) })
      .optional()
      .describe('superseded: the image that takes its place'),
    reason: text.min(1).optional().describe('revoked: why, for people'),
    from: time.optional().describe('revoked: since when the image must not be used'),
    date: time.optional().describe('end-of-life: when the support ends'),
  }).superRefine((predicate, context) => {
    for (const [name, status] of Object.entries(own)) {
      const { [name]: member }: Record<string, unknown> = predicate
      if ((member !== undefined) === (predicate.status === status)) continue
      const message = member === undefined ? `is required by the status ${status}` : `belongs to the status ${status}`
      context.addIssue({ code: 'custom', path: [name], message })
    }
  }),
)
