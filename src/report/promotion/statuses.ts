import { exitCodes } from '../../base/errors.ts'
import { printable } from '../../base/printable.ts'
import { asJson } from '../../tasks/context.ts'
import type { CarriedPlace } from '../../tasks/receive/subscription/statuses.ts'
import type { CarriedStatus } from '../../tasks/status/carry.ts'
import { statusInWords } from '../../verify/status/effective.ts'
import type { ActionReport } from '../types.ts'
import { promotionOutputs } from './report.ts'

const words: Readonly<Record<CarriedStatus['outcome'], string>> = {
  carried: 'carried',
  present: 'already there',
  kept: 'not carried: the target has a newer statement of this signer',
  contradictory: 'carried; contradicts another statement of the same serial and time',
}

/** What `promote` with `status-only` gives: outputs, report, lines, and the worst exit code: a statement contradicts another one, or cannot be read. */
export function carriedResult(places: readonly CarriedPlace[]): {
  outputs: Record<string, string>
  report: ActionReport
  lines: string[]
  exitCode: number
} {
  const shown = places.map((place) => ({ place, rows: rowsOf(place) }))
  const all = places.flatMap(({ carried }) => carried ?? [])
  const done = places.flatMap(({ to, carried }) =>
    (carried?.statuses ?? []).map(({ statement, outcome }) => {
      const { subject, manifest, predicate } = statement
      return { to, subject, manifest, status: predicate.status, serial: predicate.serial, outcome }
    }),
  )
  const isCopied = ({ outcome }: { outcome: CarriedStatus['outcome'] }): boolean =>
    outcome === 'carried' || outcome === 'contradictory'
  const refused = all.some(
    ({ broken, statuses }) => broken.length > 0 || statuses.some(({ outcome }) => outcome === 'contradictory'),
  )
  const exitCode = Math.max(refused ? exitCodes.refused : exitCodes.ok, ...places.map((place) => place.exitCode))
  const dryRun = all.some((one) => one.dryRun)
  const silent = all.flatMap((one) => one.silent)
  const { verdict: _none, ...outputs } = promotionOutputs([])
  const count = done.filter(isCopied).length
  const reasons = [...(refused ? ['revocation-unknown'] : []), ...places.flatMap(({ error }) => error?.code ?? [])]
  const failures =
    reasons.length === 0 ? '' : `${refused ? 'Refused' : 'Failed'} (${[...new Set(reasons)].join(', ')}): `
  return {
    outputs: {
      ...outputs,
      promoted: String(exitCode === exitCodes.ok && !dryRun),
      reasons: [...new Set(reasons)].join(','),
      'copied-json': JSON.stringify(done.filter(isCopied)),
      'results-json': JSON.stringify(done),
      'verdict-path': '',
      'public-key-path': '',
    },
    report: {
      headline: `${failures}${count} status statement(s) ${dryRun ? 'would be ' : ''}carried, ${done.length - count} already there or replaced, ${silent.length} manifest(s) without a status at the source`,
      status: exitCode !== exitCodes.ok ? 'refused' : silent.length > 0 ? 'warning' : 'passed',
      subject: null,
      facts: [],
      tables: shown.map(({ place, rows }) => ({
        title: places.length === 1 ? 'Status of images' : `Status of images in ${place.to}`,
        header: ['Manifest', 'Status', 'What was done'],
        rows,
      })),
      exceptions: [],
      commands: [],
      notes: [],
      details: { statuses: asJson(done), silent },
    },
    lines: shown.flatMap(({ place, rows }) =>
      rows.map((row) =>
        printable([...(places.length === 1 ? [] : [place.to]), ...row].filter((cell) => cell !== '').join(': ')),
      ),
    ),
    exitCode,
  }
}

function rowsOf({ carried, error }: CarriedPlace): string[][] {
  if (error !== null) return [['', 'not carried', [error.message, error.remedy].filter(Boolean).join('. ')]]
  if (carried === null) return [['', 'the target has no image yet', '']]
  const { statuses, silent, broken, dryRun } = carried
  return [
    ...statuses.map(({ statement, outcome }) => [
      statement.subject,
      `${statusInWords(statement)} (serial ${statement.predicate.serial})`,
      `${dryRun && outcome !== 'present' && outcome !== 'kept' ? 'would be ' : ''}${words[outcome]}`,
    ]),
    ...silent.map((digest) => [digest, 'the source holds no status by a signer that the policy names', '']),
    ...broken.map((one) => [one.manifest, 'not carried', one.error.message]),
  ]
}
