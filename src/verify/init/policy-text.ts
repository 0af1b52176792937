import type { StepsIsolation } from '../../journal/event.ts'
import { acceptances, acceptanceNames, type Acceptance } from '../policy/accept.ts'
import { jobLines, type JobFacts } from './job-lines.ts'
import { keyLines } from './key-lines.ts'
import type { Shortened } from './statement-kinds.ts'

/** What a first policy says. */
export interface PolicyFacts {
  technology: string | null
  job: JobFacts | null
  /** Lines of measurements, rules and collateral. */
  machine: readonly string[]
  releaseKeys: readonly string[]
  /** Sections `trusted-root` and `identities`, or `publisher`. */
  identities: readonly string[]
  /** Section `promotions`. */
  promotions: readonly string[]
  accepts: ReadonlySet<Acceptance>
  statements: Shortened | null
  /** Section `build`. */
  build: readonly string[]
  /** Section `encryption`. */
  encryption: readonly string[]
  /** Section `status`, or a comment. */
  status: readonly string[]
  /** Section `time`, or a comment. */
  time: readonly string[]
  /** Value of `accept-steps-isolation`. */
  steps: StepsIsolation
}

/** The text of a policy file, its sections in one order; each exception is marked as unsafe, with its meaning. */
export function renderPolicy(facts: PolicyFacts): string {
  const { technology, job, machine, releaseKeys, accepts, statements, steps } = facts
  const lines = ['# yaml-language-server: $schema=https://sealwright.dev/schema/policy.schema.json', 'version: 1']
  if (technology !== null) lines.push(`technology: ${technology}`)
  if (job !== null) lines.push(...jobLines(job))
  lines.push(...machine)
  if (releaseKeys.length > 0) lines.push(...keyLines(releaseKeys))
  lines.push(...facts.identities, ...facts.promotions)
  if (statements !== null)
    lines.push(
      `statements: [${statements.kinds.join(', ')}]  # UNSAFE: the image has no ${statements.lacking.join(', no ')}`,
    )
  lines.push(...facts.build, ...facts.encryption, ...facts.status, ...facts.time)
  for (const name of acceptanceNames) {
    if (!accepts.has(name)) continue
    const value = name === 'accept-steps-isolation' ? steps : 'true'
    lines.push(`${name}: ${value}  # UNSAFE: ${acceptances[name]}`)
  }
  return `${lines.join('\n')}\n`
}
