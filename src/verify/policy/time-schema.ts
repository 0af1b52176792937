import { z } from 'zod'
import { vkey } from './log-schema.ts'

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

const timedLogSchema = z.strictObject({
  name: z.string().min(1).max(256).describe('What verdicts call it'),
  key: z.string().min(1).max(65_536).describe('Public key of the log in PEM, or a file with it'),
  'not-before': time.optional().describe('Times before this one do not count'),
  'not-after': time.optional().describe('Times after this one do not count'),
})

/** Who may say when a statement was signed (TRUST §5.7). */
export const timeSchema = z
  .strictObject({
    authorities: z.array(authoritySchema).min(1).max(64).optional().describe('RFC 3161 time stamp authorities'),
    logs: z
      .array(timedLogSchema)
      .min(1)
      .max(64)
      .optional()
      .describe('Logs with a time of their own (Rekor v1), whose signed entry timestamps count'),
    witnesses: z
      .array(vkey)
      .min(1)
      .max(64)
      .optional()
      .describe('Verifier keys of those witnesses in `log` whose cosignatures count as time'),
    'witness-quorum': z
      .int()
      .min(1)
      .max(64)
      .optional()
      .describe('How many of these witnesses must state the time; all by default'),
  })
  .superRefine(({ authorities, logs, witnesses = [], 'witness-quorum': quorum }, context) => {
    if (authorities === undefined && logs === undefined && witnesses.length === 0)
      context.addIssue({ code: 'custom', message: 'name authorities, logs or witnesses' })
    if (quorum !== undefined && quorum > witnesses.length)
      context.addIssue({
        code: 'custom',
        path: ['witness-quorum'],
        message: `asks for ${quorum} of ${witnesses.length} witnesses`,
      })
  })
