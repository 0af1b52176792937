import { existsSync, realpathSync } from 'node:fs'
import { delimiter, dirname, isAbsolute } from 'node:path'
import { acceptances, type Acceptance } from '../src/verify/policy/accept.ts'
import { bootValues } from './machine.ts'

/** The gate's policy for the demo: everything required, and each relaxation that a laptop needs named. */
export interface DemoPolicyFacts {
  technology: string
  issuer: string
  jwks: unknown
  repository: string
  repositoryId: string
  workflow: string
  /** Where the workflow file is not of the job's own repository. */
  workflowRepository?: string
  /** Where the workflow file is not taken from one of the job's own refs: a commit, as `uses: …@SHA` names it. */
  workflowRef?: string
  ref: string
  event: string
  /** Who may state times; without it the policy accepts that nobody does. */
  timeAuthority?: { name: string; pem: string }
  /** What a build may be asked for, where it is not that of the demo's examples. */
  build?: Record<string, unknown>
}

/** Members of a policy about the machines of the demo, with what is given up on each of them. */
export function machinePolicy(technology: string): Record<string, unknown> {
  if (technology !== 'tpm') return technology === 'sample' ? { technology, 'accept-sample': true } : { technology }
  return {
    technology,
    'accept-sample': undefined,
    measurements: [{ name: 'runner image of the demo', values: bootValues }],
    ...Object.fromEntries(softwareTpm.map((name) => [name, true])),
  }
}

/** Folders outside /usr that programs of a job of this machine may come from. */
function jobPath(): string[] {
  const given = [dirname(process.execPath), ...(process.env['PATH'] ?? '').split(delimiter)].filter(isAbsolute)
  const real = given.filter((folder) => existsSync(folder)).map((folder) => realpathSync(folder))
  return [...new Set([...given, ...real])].filter((folder) => !folder.startsWith('/usr/'))
}

const exampleBuild = {
  // On this machine programs may come from wherever its PATH says; a runner's policy names its tool cache.
  path: jobPath(),
  context: ['examples/app'],
  file: ['examples/app/Containerfile', 'examples/app/Containerfile.run'],
  prepare: 'npm ci --omit=dev --ignore-scripts --no-audit --no-fund',
  'build-args': { BASE: '*' },
  network: 'host',
  bases: ['localhost/debian'],
}

/** What the example's build may be asked for. */
export const buildPolicy: Record<string, unknown> = { build: exampleBuild }

/** The same for tampered copies. Some are copies of the small image, whose context is the repository itself. */
export const copyPolicy: Record<string, unknown> = {
  build: { ...exampleBuild, context: ['.', ...exampleBuild.context], file: ['Containerfile', ...exampleBuild.file] },
}

/** A software TPM of a demo is a program, nobody measured what its values cover, its storage is this laptop's, and so is the KBS. */
const softwareTpm: readonly Acceptance[] = [
  'accept-software-tpm',
  'accept-coverage-short',
  'accept-machine-only',
  'accept-storage-exposed',
  'accept-embedded-kbs',
]

function timeLine({ timeAuthority }: DemoPolicyFacts): string {
  if (timeAuthority === undefined) return `accept-unproven-time: true # UNSAFE: ${acceptances['accept-unproven-time']}`
  const { name, pem } = timeAuthority
  return `time: ${JSON.stringify({ authorities: [{ name, chain: pem }] })}`
}

export function demoPolicy(facts: DemoPolicyFacts): string {
  const all = {
    ...machinePolicy(facts.technology),
    ...buildPolicy,
    ...(facts.build === undefined ? {} : { build: facts.build }),
  }
  const members = Object.entries(all).filter(([, value]) => value !== undefined)
  const relaxed = (name: string): name is Acceptance => name in acceptances
  return `# The policy of the demo. On real runners the accept lines are not there.
version: 1
job:
  issuer: ${facts.issuer}
  jwks: ${JSON.stringify(facts.jwks)}
  repository: ${facts.repository}
  repository-id: "${facts.repositoryId}"
  workflow: ${facts.workflow}
${facts.workflowRepository === undefined ? '' : `  workflow-repository: ${facts.workflowRepository}\n`}${facts.workflowRef === undefined ? '' : `  workflow-refs: [${facts.workflowRef}]\n`}  refs: [${facts.ref}]
  events: [${facts.event}]
${members
  .map(
    ([name, value]) => `${name}: ${JSON.stringify(value)}${relaxed(name) ? ` # UNSAFE: ${acceptances[name]}` : ''}\n`,
  )
  .join('')}${timeLine(facts)}
`
}
