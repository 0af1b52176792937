import { printable } from '../../base/printable.ts'
import { asJson } from '../../tasks/context.ts'
import type { Carried, CarriedStatus } from '../../tasks/status/carry.ts'
import { statusInWords } from '../../verify/status/effective.ts'
import type { ActionReport } from '../types.ts'
import { promotionOutputs } from './report.ts'

const words: Readonly<Record<CarriedStatus['outcome'], string>> = {
  carried: 'carried',
  present: 'already there',
  kept: 'not carried: the target has a newer statement of this signer',
  contradictory: 'carried; contradicts another statement of the same serial and time',
}

/** What `promote` with `status-only` gives: outputs, report, lines, and whether a statement contradicts another one or cannot be read. */
export function carriedResult({ statuses, silent, broken, dryRun }: Carried): {
  outputs: Record<string, string>
  report: ActionReport
  lines: string[]
  refused: boolean
} {
  const rows = [
    ...statuses.map(({ statement, outcome }) => [
      statement.subject,
      `${statusInWords(statement)} (serial ${statement.predicate.serial})`,
      `${dryRun && outcome !== 'present' && outcome !== 'kept' ? 'would be ' : ''}${words[outcome]}`,
    ]),
    ...silent.map((digest) => [digest, 'the source holds no status by a signer that the policy names', '']),
    ...broken.map(({ manifest, error }) => [manifest, 'not carried', error.message]),
  ]
  const done = statuses.map(({ statement, outcome }) => {
    const { subject, manifest, predicate } = statement
    return { subject, manifest, status: predicate.status, serial: predicate.serial, outcome }
  })
  const isCopied = ({ outcome }: { outcome: CarriedStatus['outcome'] }): boolean =>
    outcome === 'carried' || outcome === 'contradictory'
  const refused = broken.length > 0 || statuses.some(({ outcome }) => outcome === 'contradictory')
  const { verdict: _none, ...outputs } = promotionOutputs([])
  const count = done.filter(isCopied).length
  return {
    outputs: {
      ...outputs,
      promoted: String(!refused && !dryRun),
      reasons: refused ? 'revocation-unknown' : '',
      'copied-json': JSON.stringify(done.filter(isCopied)),
      'results-json': JSON.stringify(done),
      'verdict-path': '',
      'public-key-path': '',
    },
    report: {
      headline: `${refused ? 'Refused (revocation-unknown): ' : ''}${count} status statement(s) ${dryRun ? 'would be ' : ''}carried, ${done.length - count} already there or replaced, ${silent.length} manifest(s) without a status at the source`,
      status: refused ? 'refused' : silent.length > 0 ? 'warning' : 'passed',
      subject: null,
      facts: [],
      tables: [{ title: 'Status of images', header: ['Manifest', 'Status', 'What was done'], rows }],
      exceptions: [],
      commands: [],
      notes: [],
      details: { statuses: asJson(done), silent: [...silent] },
    },
    lines: rows.map((row) => printable(row.filter((cell) => cell !== '').join(': '))),
    refused,
  }
}
