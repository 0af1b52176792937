import { demoPolicy, type DemoPolicyFacts } from '../../testkit/policy.ts'
import type { Issuer } from './oidc.ts'

/** Claims of the jobs of a run through localrun that a policy names. */
export const claims = { repository: 'example/app', repository_id: '100001', ref: 'refs/heads/main' }

/** The policy for a job of that run with simulated evidence. */
export function policyFor(issuer: Issuer, workflow: string, more: Partial<DemoPolicyFacts> = {}): string {
  return demoPolicy({
    technology: 'sample',
    issuer: issuer.url,
    jwks: issuer.jwks,
    repository: claims.repository,
    repositoryId: claims.repository_id,
    workflow,
    ref: claims.ref,
    event: 'workflow_dispatch',
    ...more,
  })
}
