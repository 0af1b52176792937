import { sha256 } from '../src/base/streams.ts'
import { jcs } from '../src/encoding/jcs.ts'
import { roles, type Artifact, type EventDraft } from '../src/journal/event.ts'
import type { Descriptor, Digest, Store } from '../src/oci/types.ts'
import { promotionPredicate, type PromotionFacts } from '../src/statement/promotion.ts'
import { makeStatement } from '../src/statement/statement.ts'
import { forgeChain, type ChainKey, type ForgeOptions } from './chain.ts'
import { performed } from './performed.ts'
import { smallClaims } from './small-image.ts'

/** Claims of a job that promotes images of others: its own repository, workflow and run. */
export const promotingClaims = {
  ...smallClaims,
  sub: 'repo:acme/ops:ref:refs/heads/main',
  repository: 'acme/ops',
  repository_id: '200002',
  workflow_ref: 'acme/ops/.github/workflows/promote.yml@refs/heads/main',
  job_workflow_ref: '',
  run_id: '77',
}

/** The policy that such a job judged by. */
export const promotedBy: Digest = `sha256:${'5'.repeat(64)}`
const verdictDigest: Digest = `sha256:${'8'.repeat(64)}`
const target = 'registry.example/prod/app'

export interface PromotingJob extends Partial<ForgeOptions> {
  issuer: ForgeOptions['issuer']
  at: Date
  facts?: Partial<PromotionFacts>
  /** When the record is dated; `at` without it. */
  promotedOn?: Date
  /** What the record is about; the image itself without it. */
  about?: Digest
}

/** Attaches to an image what a job leaves that promoted it by its agent: record, evidence and the statement that points to it. */
export async function forgePromotion(
  store: Store,
  subject: Descriptor,
  { facts: changes, promotedOn, about, ...options }: PromotingJob,
): Promise<{ key: ChainKey }> {
  const facts: PromotionFacts = {
    from: { name: 'registry.example/team/app', tag: '1.0' },
    to: { name: target, tag: null },
    environment: 'production',
    class: null,
    supersedes: [],
    copied: [],
    left: [{ digest: promotedBy, type: 'text/plain', reason: 'excluded' }],
    ...changes,
  }
  const verdict = {
    verified: true,
    image: { digest: subject.digest },
    policy: { digest: promotedBy },
    builder: { id: 'https://sealwright.dev/builder/v1/sample' },
    keys: [],
    exceptions: ['accept-sample'],
  }
  const predicate = promotionPredicate(facts, verdict, verdictDigest, promotedOn ?? options.at)
  const payload = makeStatement('promotion', { digest: about ?? subject.digest }, predicate)
  const base = {
    subject,
    plain: subject.digest,
    drafts: promotingEvents(subject, facts, verdict.exceptions),
    payloads: [{ kind: 'promotion' as const, payload }],
    claims: promotingClaims,
  }
  return forgeChain(store, base, options)
}

/** The verification that passed and the promotion, as a worker of the agent leaves them in the journal. */
function promotingEvents(subject: Descriptor, facts: PromotionFacts, exceptions: string[]): EventDraft[] {
  const item = (role: string, digest: string): Artifact => ({
    role,
    name: role,
    digest: digest as Digest,
    mediaType: 'application/json',
  })
  const inputs = [item(roles.image, subject.digest), item(roles.policy, promotedBy)]
  const judged = item(roles.verdict, verdictDigest)
  return [
    { kind: 'verify', inputs, outputs: [judged], ...performed, result: { verified: true, exceptions } },
    {
      kind: 'promote',
      inputs,
      outputs: [judged, item(roles.promotion, sha256(jcs(facts)))],
      ...performed,
      result: { to: facts.to.name, copied: 0, left: 1 },
    },
  ]
}

/** A `jobs` entry of `promotions` that names these jobs. */
export function promotingJobRule({ url, jwks }: ForgeOptions['issuer'], changes: object = {}): object {
  return {
    issuer: url,
    jwks,
    'repository-id': promotingClaims.repository_id,
    workflow: '.github/workflows/promote.yml',
    refs: ['refs/heads/main'],
    events: ['push'],
    ...changes,
  }
}
