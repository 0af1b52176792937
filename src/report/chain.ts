import type { ActionReport } from './types.ts'

/** What a reviewer sees of the publishing chain: the signing, with the headline of each part. */
export function chainReport(reports: readonly { name: string; report: ActionReport }[]): ActionReport {
  const last = reports.findLast(({ name }) => name === 'sign-attest')?.report
  const warned = reports.some(({ report }) => report.status === 'warning')
  return {
    headline: last?.headline ?? 'Published',
    status: warned ? 'warning' : 'passed',
    subject: last?.subject ?? null,
    facts: reports.map(({ name, report }) => [name, report.headline]),
    tables: reports.flatMap(({ report }) => report.tables),
    exceptions: reports.flatMap(({ report }) => report.exceptions),
    commands: reports.flatMap(({ report }) => report.commands),
    notes: reports.flatMap(({ report }) => report.notes),
    details: Object.fromEntries(reports.map(({ name, report }) => [name, report.details])),
  }
}
