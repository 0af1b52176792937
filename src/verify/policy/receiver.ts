import type { Policy, ResolvedJob } from './load.ts'

/**
 * The policy by which a job is judged whose agent signed a promotion record: the rules of the image's policy for machines, with the jobs of the entry.
 * What it says of builds does not concern such a job. An entry names its jobs by their tokens, so one without a token is none of them, also where the
 * policy accepts a builder's own word.
 *
 * @param maxAgeSeconds oldest evidence; null for the policy's own limit
 */
export function receiverPolicy(policy: Policy, jobs: readonly ResolvedJob[], maxAgeSeconds: number | null): Policy {
  return {
    ...policy,
    jobs: [...jobs],
    publisher: null,
    document: { ...policy.document, statements: ['promotion'] },
    accepts: new Set([...policy.accepts].filter((name) => name !== 'accept-self-asserted-job')),
    maxAgeSeconds: maxAgeSeconds ?? policy.maxAgeSeconds,
  }
}
