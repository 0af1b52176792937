import { z } from 'zod'

const time = z.iso.datetime({ error: 'write a time such as 2026-01-31T00:00:00Z' })

const authoritySchema = z.strictObject({
  name: z.string().min(1).max(256).describe('What verdicts call it'),
  chain: z
    .string()
    .min(1)
    .max(65_536)
    .describe('Certificates in PEM, or a file with them: the signer first where it is pinned, the root last'),
  policies: z
    .array(z.string().regex(/^[0-2](?:\.(?:0|[1-9][0-9]{0,8})){1,32}$/, 'write an OID such as 1.3.6.1.4.1.4146.2.3'))
    .min(1)
    .max(64)
    .optional()
    .describe('Policies of the authority, one of which a stamp must be made under; any by default'),
  'not-before': time.optional().describe('Stamps of before this time do not count'),
  'not-after': time.optional().describe('Stamps of after this time do not count'),
})

/** Who may say when a statement was signed (TRUST §5.7). */
export const timeSchema = z.strictObject({
  authorities: z
    .array(authoritySchema)
    .min(1)
    .max(64)
    .describe('RFC 3161 time stamp authorities; every statement that is needed must carry a stamp by one of them'),
})
