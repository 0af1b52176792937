import type { JsonObject } from '../../base/json.ts'
import { asJson } from '../../tasks/context.ts'
import type { Carried, CarriedStatus } from '../../tasks/status/carry.ts'
import { statusInWords } from '../../verify/status/effective.ts'
import type { ActionReport } from '../types.ts'

const words: Readonly<Record<CarriedStatus['outcome'], string>> = {
  carried: 'carried',
  present: 'already there',
  kept: 'not carried: the target has a newer statement of this signer',
  contradictory: 'carried; it contradicts another statement of the same serial and time',
}

/** Whether somebody has to look: statements that contradict each other, or cannot be read. */
export function isUnclear({ statuses, broken }: Carried): boolean {
  return broken.length > 0 || statuses.some(({ outcome }) => outcome === 'contradictory')
}

/** What each statement says and what became of it, a line each. */
export function carriedLines({ statuses, silent, broken }: Carried): string[] {
  return [
    ...statuses.map(
      ({ statement, outcome }) =>
        `${statement.subject}: ${statusInWords(statement)} (serial ${statement.predicate.serial}): ${words[outcome]}`,
    ),
    ...silent.map((digest) => `${digest}: the source holds no status by a signer that the policy names`),
    ...broken.map(
      ({ manifest, error }) => `${manifest}: cannot be read, and a signer that counts signed it: ${error.message}`,
    ),
  ]
}

/** The entries of `results-json`. */
export function carriedResults({ statuses, silent }: Carried): JsonObject[] {
  return [
    ...statuses.map(({ statement: { subject, manifest, predicate }, outcome }) => ({
      digest: subject,
      manifest,
      status: predicate.status,
      serial: predicate.serial,
      state: outcome,
    })),
    ...silent.map((digest) => ({ digest, state: 'silent' })),
  ]
}

/** What a reviewer sees of `status-only`. */
export function carriedReport(carried: Carried): ActionReport {
  const count = carried.statuses.filter(({ outcome }) => outcome === 'carried').length
  const unclear = isUnclear(carried)
  return {
    headline: `${unclear ? 'Unclear: ' : ''}${count} status statements carried, ${carried.statuses.length - count} others found`,
    status: unclear ? 'refused' : carried.silent.length > 0 ? 'warning' : 'passed',
    subject: null,
    facts: [],
    tables: [],
    exceptions: [],
    commands: [],
    notes: carriedLines(carried),
    details: { results: asJson(carriedResults(carried)) },
  }
}
