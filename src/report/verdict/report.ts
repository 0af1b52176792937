import { asJson } from '../../tasks/context.ts'
import type { GateRequest } from '../../tasks/gate/request.ts'
import type { GateResult } from '../../tasks/gate/run.ts'
import { withoutDigest } from '../../oci/reference.ts'
import { acceptances, type Acceptance } from '../../verify/policy/accept.ts'
import { originInWords, promotedInWords } from '../../verify/origin.ts'
import type { Check } from '../../verify/types.ts'
import type { ActionReport } from '../types.ts'
import { verdictCommands, type AskedAgain } from './commands.ts'
import { evidenceInWords, levelInWords, machineInWords, timeInWords } from './words.ts'

const marks: Readonly<Record<Check['status'], string>> = {
  passed: 'passed',
  failed: 'FAILED',
  accepted: 'accepted by exception',
  skipped: 'not applicable',
}

/** What a report says of the request. */
export type AskedOfGate = AskedAgain & Pick<GateRequest, 'enforce'>

/** What a reviewer sees of a verdict: the decision, who and what, each check, every exception in words. */
export function verdictReport(asked: AskedOfGate, result: Omit<GateResult, 'rootfsPath'>): ActionReport {
  const { verdict, notes } = result
  const { image, builder, job } = verdict
  const origin = originInWords(verdict)
  const builtBy: [string, string][] =
    origin === null
      ? [['Builder', builder.id]]
      : [
          ['Built by', origin.built],
          ['Admitted by', origin.admitted],
        ]
  const claim = (name: string): string => (typeof job.claims[name] === 'string' ? job.claims[name] : '')
  const [first, ...others] = verdict.checks.filter(({ status }) => status === 'failed')
  const shown: [string, string][] = [
    ...builtBy,
    ['Promoted', promotedInWords(verdict)],
    ['Evidence', evidenceInWords(verdict)],
    ['Level', levelInWords(verdict)],
    ...machineInWords(verdict),
    [
      'Job',
      job.assurance === null
        ? 'unknown'
        : job.assurance === 'self-asserted'
          ? 'self-asserted: no token confirms repository, commit and run'
          : `${job.assurance}: ${claim('repository')} ${claim('ref')} ${claim('event_name')}`.trim(),
    ],
    ['Commit', claim('sha')],
    ['Run', claim('run_id')],
    ['Trusted time', timeInWords(verdict)],
    ['Plain image', image.plainDigest === image.digest ? '' : (image.plainDigest ?? '')],
    ...(image.children ?? []).map(({ digest, platform, verified }): [string, string] => [
      `Manifest for ${platform}`,
      `${digest}${verified ? '' : ' (refused)'}`,
    ]),
    ['Policy', verdict.policy.digest],
    ['Verification summary', result.vsaDigest],
    ['Verdict file', result.verdictPath],
  ]
  return {
    headline: verdict.verified
      ? `Accepted${verdict.exceptions.length === 0 ? '' : ` with ${verdict.exceptions.length} exception(s)`}`
      : `Refused (${verdict.reasons.join(', ')}): ${first?.why ?? ''}`,
    status: verdict.verified
      ? verdict.exceptions.length === 0
        ? 'passed'
        : 'warning'
      : asked.enforce
        ? 'refused'
        : 'warning',
    subject: { name: withoutDigest(image.reference), digest: image.digest },
    facts: shown.filter(([, value]) => value !== ''),
    tables: checkTables(verdict.checks),
    exceptions: verdict.exceptions.map((name) => `${name}: ${acceptances[name as Acceptance]}`),
    commands: verdictCommands(asked, result),
    notes: [
      // The headline has the first; nobody should have to unfold all checks for the rest.
      ...others.map(({ id, why }) => `Refused for ${id}, too: ${why}`),
      ...(verdict.verified || asked.enforce ? [] : ['The image was refused; enforce is warn, so the step goes on.']),
      ...verdict.notes,
      ...notes,
    ],
    details: { verdict: asJson(verdict) },
  }
}

/** The checks in the order of a reviewer's interest: what failed or was excused, what was proven, what this image has no part in. */
function checkTables(checks: readonly Check[]): ActionReport['tables'] {
  const table = (title: string, ...states: Check['status'][]): ActionReport['tables'] => {
    const rows = checks
      .filter(({ status }) => states.includes(status))
      .map(({ id, status, reason, why, clause }) => [
        id,
        reason === null ? marks[status] : `${marks[status]} (${reason})`,
        why,
        clause,
      ])
    return rows.length === 0 ? [] : [{ title: `${title}: ${rows.length} of ${checks.length} checks`, header, rows }]
  }
  const header = ['check', 'result', 'why', 'rule']
  return [
    ...table('Failed', 'failed'),
    ...table('Accepted by exception', 'accepted'),
    ...table('Passed', 'passed'),
    ...table('Not applicable', 'skipped'),
  ]
}
