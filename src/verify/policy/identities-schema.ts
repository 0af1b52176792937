import { z } from 'zod'
import { repeatsGroups } from './repeated-groups.ts'
import type { FulcioClaim } from '../../sign/certificate/claims.ts'

const text = z.string().min(1).max(1024)

/** Claims that a policy may name, with the claim of the certificate and what a short form stands for. */
export const policyClaims = {
  repository: 'sourceRepositoryUri',
  'repository-id': 'sourceRepositoryIdentifier',
  owner: 'sourceRepositoryOwnerUri',
  'owner-id': 'sourceRepositoryOwnerIdentifier',
  visibility: 'sourceRepositoryVisibility',
  workflow: 'buildSignerUri',
  'workflow-sha': 'buildSignerDigest',
  'caller-workflow': 'buildConfigUri',
  ref: 'sourceRepositoryRef',
  sha: 'sourceRepositoryDigest',
  trigger: 'buildTrigger',
  'runner-environment': 'runnerEnvironment',
  environment: 'deploymentEnvironment',
  subject: 'tokenSubject',
} as const satisfies Record<string, FulcioClaim>
export type PolicyClaim = keyof typeof policyClaims

const claim = text.optional()

const claimsSchema = z.strictObject({
  repository: claim.describe('OWNER/NAME on github.com, or a URI: whose source was built'),
  'repository-id': claim.describe('Survives a rename, unlike the name'),
  owner: claim.describe('OWNER on github.com, or a URI'),
  'owner-id': claim,
  visibility: claim.describe('public, private or internal, when it was signed'),
  workflow: claim.describe(
    'OWNER/REPO/.github/workflows/FILE that signed, at any ref, or with @REF; `*` covers one segment of REF. Of a reusable workflow it is that file',
  ),
  'workflow-sha': claim.describe('Commit of that file'),
  'caller-workflow': claim.describe('The workflow that was started, written as `workflow` is'),
  ref: claim.describe('Ref that was built; `*` covers one segment'),
  sha: claim.describe('Commit that was built'),
  trigger: claim.describe('Event that started the run, as push'),
  'runner-environment': claim.describe('self-hosted, github-hosted, gitlab-hosted …'),
  environment: claim.describe('Deployment environment of the job'),
  subject: claim.describe('`sub` of the token'),
}) satisfies z.ZodType<Partial<Record<PolicyClaim, string | undefined>>>

/** One identity whose certificates may sign the image. */
export const identitySchema = z
  .strictObject({
    name: text.describe('For reasons and verdicts; each name once'),
    issuer: z
      .string()
      .regex(/^https?:\/\/[^\s]+$/, 'write a URL')
      .describe('Issuer of the identity, compared whole; with the slug where an enterprise has one'),
    san: text.optional().describe('Subject alternative name of the certificate, compared whole'),
    'san-pattern': text.optional().describe('Regular expression that covers the whole name'),
    claims: claimsSchema.optional().describe('Claims that the certificate must have'),
    'not-before': z.iso.datetime({ error: 'write a time such as 2026-01-31T00:00:00Z' }).optional(),
    'not-after': z.iso.datetime({ error: 'write a time such as 2026-01-31T00:00:00Z' }).optional(),
  })
  .refine((identity) => (identity.san === undefined) !== (identity['san-pattern'] === undefined), {
    error: 'give either san or san-pattern',
    path: ['san'],
  })
  .refine(({ 'san-pattern': pattern }) => pattern === undefined || isPattern(pattern), {
    error: 'is not a regular expression',
    path: ['san-pattern'],
  })
  .refine(({ 'san-pattern': pattern }) => pattern === undefined || !repeatsGroups(pattern), {
    error: 'repeats a group that holds a repetition or an alternative, as (a+)+ does: matching could take forever',
    path: ['san-pattern'],
  })
export type PolicyIdentity = z.infer<typeof identitySchema>

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'u').source !== ''
  } catch {
    return false
  }
}

/** What a policy says of its parties that cannot be: the rules that span `release-keys`, `identities`, `trusted-root` and `threshold`. */
export function partyProblems(policy: {
  'release-keys'?: readonly unknown[] | undefined
  identities?: readonly PolicyIdentity[] | undefined
  'trusted-root'?: unknown
  publisher?: { identities?: readonly PolicyIdentity[] | undefined } | undefined
  threshold?: number | undefined
  status?: { identities?: readonly PolicyIdentity[] | undefined } | undefined
  promotions?: readonly { identities?: readonly PolicyIdentity[] | undefined }[] | undefined
}): { path: (string | number)[]; message: string }[] {
  const { identities = [], threshold = 1, 'trusted-root': root, 'release-keys': keys = [] } = policy
  const names = identities.map(({ name }) => name)
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index)
  const parties = keys.length + identities.length
  const sections = [policy.publisher, policy.status, ...(policy.promotions ?? [])]
  const named = [identities, ...sections.map((section) => section?.identities ?? [])].flat().length
  return [
    ...(twice === -1 ? [] : [{ path: ['identities', twice, 'name'], message: 'names a party that is there already' }]),
    ...(named > 0 && root === undefined
      ? [{ path: ['trusted-root'], message: 'identities need the trusted root of their authorities' }]
      : []),
    ...(named === 0 && root !== undefined
      ? [{ path: ['trusted-root'], message: 'is for identities, and the policy names none' }]
      : []),
    ...(policy.threshold !== undefined && threshold > parties
      ? [{ path: ['threshold'], message: `asks for ${threshold} of ${parties} parties` }]
      : []),
  ]
}
