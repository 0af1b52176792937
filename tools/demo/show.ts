import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderHtml, type ReportPage } from '../../src/report/html.ts'
import type { ActionReport } from '../../src/report/types.ts'
import type { Verdict } from '../../src/verify/types.ts'
import type { RunResult } from '../localrun/types.ts'

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
  const passed = verdict.checks.filter((check) => check.status === 'passed').length
  say(`  checks     ${passed} passed, ${verdict.checks.length - passed} accepted by exception or not applicable`)
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
export function writeSummaries(runs: string, result: RunResult, directory: string, say: (line: string) => void): void {
  const markdown = join(directory, 'summary.md')
  const page = join(directory, 'summary.html')
  // The verdict comes first, as in everything a reviewer reads.
  const jobs = Object.entries(result.jobs).toReversed()
  writeFileSync(markdown, jobs.map(([, job]) => job.summary).join('\n'))
  writeFileSync(page, renderHtml(jobs.flatMap(([job]) => reports(join(runs, job, 'temp/sealwright/reports')))))
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
