import type { ActionReport } from './types.ts'
import type { ErrorRecord } from '../base/errors.ts'

/** The report of a run that gave no result: what failed, on what, and what to do. */
export function errorReport(action: string, error: ErrorRecord): ActionReport {
  return {
    headline: `${error.message} (${error.code})`,
    status: 'refused',
    subject: null,
    facts: [
      ['Action', action],
      ['Code', error.code],
      ...(error.subject === null ? [] : [['Subject', error.subject] as [string, string]]),
      ...(error.remedy === null ? [] : [['What to do', error.remedy] as [string, string]]),
    ],
    tables: [],
    exceptions: [],
    commands: [],
    notes: [],
    details: { error: { ...error } },
  }
}
