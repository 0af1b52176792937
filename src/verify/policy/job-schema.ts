import { z } from 'zod'

export const text = z.string().min(1).max(1024)
export const time = z.iso.datetime({ error: 'write a time such as 2026-01-31T00:00:00Z' })
export const window = { 'not-before': time.optional(), 'not-after': time.optional() }
export const url = z.string().regex(/^https?:\/\/[^\s]+$/, 'write an https URL')

const jwks = z.strictObject({ keys: z.array(z.record(z.string(), z.json())).min(1).max(64) })

/** Which jobs may have made the image. All members are compared with the *token's* claims. */
export const jobSchema = z
  .strictObject({
    issuer: url.describe('`iss` of the job tokens'),
    jwks: z.union([jwks, text]).optional().describe('Pinned keys of the issuer: inline, or a file beside the policy'),
    'jwks-uri': url.optional().describe('Where the keys of the issuer are read at each verification'),
    repository: text.optional().describe('OWNER/NAME; the id is what counts, this is compared too'),
    'repository-id': z
      .string()
      .regex(/^[0-9]{1,20}$/, 'write the numeric id in quotes')
      .describe('`repository_id`: survives a rename, unlike the name'),
    'workflow-repository': z
      .string()
      .regex(/^[^/\s]+\/[^/\s]+$/, 'write OWNER/NAME')
      .optional()
      .describe('OWNER/NAME that the workflow file lies in; the job’s own repository by default'),
    workflow: text.describe(
      'Path of the workflow file in its repository (of the reusable workflow where there is one)',
    ),
    'workflow-refs': z
      .array(text)
      .min(1)
      .optional()
      .describe('Refs that the workflow file may come from; `refs` by default'),
    'workflow-shas': z
      .array(z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, 'write a whole commit id'))
      .min(1)
      .optional()
      .describe('Commits that the workflow file may come from; any by default'),
    refs: z.array(text).min(1).describe('Refs that may be built'),
    events: z.array(text).min(1).describe('Events that may have started the job'),
    environments: z.array(text).min(1).optional().describe('Deployment environments that the job may have run in'),
    ...window,
  })
  .refine((job) => (job.jwks === undefined) !== (job['jwks-uri'] === undefined), {
    error: 'give either jwks (pinned keys, inline or a file) or jwks-uri',
    path: ['jwks'],
  })
