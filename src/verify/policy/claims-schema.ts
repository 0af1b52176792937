import { z } from 'zod'
import { claimKinds } from '../../statement/claims/types.ts'
import { severityLimits } from '../../statement/claims/severity.ts'
import { durationForm } from './duration.ts'

/** Claims that parties other than the builder must have made of an image. Every entry has to be met. */
export const claimSchema = z
  .strictObject({
    kind: z.enum(claimKinds).describe('vulns (in-toto vulns v0.2), openvex or test-result (in-toto test-result v0.1)'),
    keys: z
      .array(z.string().min(1).max(65_536))
      .min(1)
      .max(16)
      .describe('Public keys (PEM text or files beside the policy), one of which must have signed the claim'),
    'max-age': z
      .string()
      .regex(durationForm, 'write a duration such as 7d or 12h')
      .optional()
      .describe(
        'Oldest scan or VEX document that counts, by the time that it states, or by the trusted time of its signature where that is earlier',
      ),
    'max-severity': z
      .enum(severityLimits)
      .optional()
      .describe('Highest severity that is admitted; a finding without a rating counts as worse than critical'),
    scanner: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe('URI of the scanner as the claim states it, such as pkg:github/anchore/grype'),
  })
  .superRefine((claim, context) => {
    const only = (member: 'max-severity' | 'scanner'): void => {
      if (claim[member] !== undefined && claim.kind !== 'vulns')
        context.addIssue({ code: 'custom', path: [member], message: `belongs to kind vulns, not to ${claim.kind}` })
    }
    only('max-severity')
    only('scanner')
    if (claim['max-age'] !== undefined && claim.kind === 'test-result')
      context.addIssue({ code: 'custom', path: ['max-age'], message: 'test-result v0.1 states no time' })
  })
export type ClaimRule = z.infer<typeof claimSchema>
