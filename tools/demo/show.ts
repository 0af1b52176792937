import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderHtml, type ReportPage } from '../../src/report/html.ts'
import { renderMarkdown } from '../../src/report/markdown.ts'
import { quote } from '../../src/report/shell.ts'
import type { ActionReport } from '../../src/report/types.ts'
import type { Check, Verdict } from '../../src/verify/types.ts'
import type { RunResult } from '../localrun/types.ts'
import { alias } from './cli.ts'

/** Stands above the summaries of the steps, whose commands say `sealwright`. */
const aboutThisMachine: ActionReport = {
  headline: 'The chain on this machine: it shows how the chain works, and proves no machine',
  status: 'warning',
  subject: null,
  facts: [],
  tables: [],
  exceptions: [],
  commands: [{ title: 'Type this first: the commands below use it', lines: [alias] }],
  notes: [],
  details: {},
}

const chain = [
  'verify-deploy',
  'setup-cvm-runner',
  'build-reproducible',
  'sbom',
  'encrypt',
  'sign-attest',
  'kbs-publish',
]

/** The gate's verdict on the clean run, in a few lines. */
export function showVerdict(path: string, image: string, say: (line: string) => void): void {
  const verdict = JSON.parse(readFileSync(path, 'utf8')) as Verdict
  say(verdict.verified ? 'Accepted' : `Refused: ${verdict.reasons.join(', ')}`)
  say(`  image      ${image}`)
  say(`  builder    ${verdict.builder.id}`)
  if (verdict.machine !== null && verdict.machine !== undefined) say(`  machine    ${machineText(verdict)}`)
  say(
    `  job        ${verdict.job.assurance ?? 'unknown'}, ${String(verdict.job.claims['repository'] ?? '')} ${String(verdict.job.claims['ref'] ?? '')}`,
  )
  const count = (status: Check['status']): number => verdict.checks.filter((check) => check.status === status).length
  say(
    `  checks     ${count('passed')} passed, ${count('accepted')} by exception, ${count('skipped')} not applicable${verdict.verified ? '' : `, ${count('failed')} failed`}`,
  )
  say(`  exceptions ${verdict.exceptions.length === 0 ? 'none' : verdict.exceptions.join(', ')}`)
}

function machineText({ machine, builder }: Verdict): string {
  const kind = machine?.status['softwareTpm'] === true ? 'software TPM' : (builder.technology ?? 'unknown')
  const register = machine?.register
  const records =
    register === null || register === undefined ? '' : `, ${register.name} with ${register.records.length} records`
  return `${kind}${records}`
}

/** Collects the summaries of all steps into one Markdown file and one self-contained page. */
export function writeSummaries(
  runs: string,
  result: RunResult,
  { directory, jwks }: { directory: string; jwks: string },
  say: (line: string) => void,
): void {
  const markdown = join(directory, 'summary.md')
  const page = join(directory, 'summary.html')
  // The verdict comes first, as in everything a reviewer reads.
  const jobs = Object.entries(result.jobs).toReversed()
  // What the demo knows and a step does not: where the keys of its token issuer are.
  const own = (line: string): string => line.replace('--jwks FILE', `--jwks ${quote(jwks)}`)
  const summaries = [renderMarkdown('demo', aboutThisMachine, []), ...jobs.map(([, job]) => own(job.summary))]
  writeFileSync(markdown, summaries.join('\n'))
  const pages = jobs
    .flatMap(([job]) => reports(join(runs, job, 'temp/sealwright/reports')))
    .map(({ report, ...page }) => ({
      ...page,
      report: { ...report, commands: report.commands.map((one) => ({ ...one, lines: one.lines.map(own) })) },
    }))
  writeFileSync(page, renderHtml([{ name: 'demo', hosts: [], report: aboutThisMachine }, ...pages]))
  say('')
  say('Summary for a reviewer:')
  say(`  ${markdown}`)
  say(`  ${page}`)
}

function reports(folder: string): ReportPage[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .toSorted((a, b) => place(a) - place(b))
    .map(
      (name) =>
        JSON.parse(readFileSync(join(folder, name), 'utf8')) as ActionReport & { action: string; hosts: string[] },
    )
    .map(({ action, hosts, ...report }) => ({ name: action, hosts, report }))
}

/** Where a report stands on the page: the gate first, then the chain in its order. */
function place(name: string): number {
  return chain.indexOf(name.replace(/\.json$/, ''))
}
