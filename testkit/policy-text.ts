import type { JsonValue } from '../src/base/json.ts'
import type { ChainBase, ChainIssuer } from './chain.ts'

/** A policy that accepts the untampered chain: everything required, the relaxations of a laptop named. JSON is YAML, too. */
export function policyText(base: ChainBase, issuer: ChainIssuer, changes: Record<string, unknown> = {}): string {
  const claim = (name: string): string => String(base.claims[name] ?? '')
  const workflow = /^[^/]+\/[^/]+\/(.+)@(.+)$/.exec(claim('job_workflow_ref') || claim('workflow_ref'))
  const policy: Record<string, unknown> = {
    version: 1,
    job: {
      issuer: issuer.url,
      jwks: issuer.jwks as unknown as JsonValue,
      repository: claim('repository'),
      'repository-id': claim('repository_id'),
      workflow: workflow?.[1] ?? '',
      refs: [claim('ref')],
      events: [claim('event_name')],
    },
    'accept-sample': true,
    'accept-unproven-time': true,
    ...changes,
  }
  return JSON.stringify(Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined)), null, 2)
}
