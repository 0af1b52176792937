/** The gate's policy for the demo: everything required, and each relaxation that a laptop needs named. */
export interface DemoPolicyFacts {
  issuer: string
  jwks: unknown
  repository: string
  repositoryId: string
  workflow: string
  ref: string
  event: string
}

export function demoPolicy(facts: DemoPolicyFacts): string {
  return `# The policy of the demo. On real runners the two accept lines are not there.
version: 1
technology: sample
job:
  issuer: ${facts.issuer}
  jwks: ${JSON.stringify(facts.jwks)}
  repository: ${facts.repository}
  repository-id: "${facts.repositoryId}"
  workflow: ${facts.workflow}
  refs: [${facts.ref}]
  events: [${facts.event}]
accept-sample: true # UNSAFE: no TEE stands behind this run
accept-unproven-time: true # UNSAFE: no trusted time stamps the statements
`
}
