import type { JsonObject } from '../../base/json.ts'
import { mostEntries, tooMany } from './report-values.ts'
import type { ReadClaim } from './types.ts'
import { isWorse, severities, severityOf, type Rating } from './severity.ts'

/** One vulnerability in one package. */
export interface Finding {
  /** CVE, GHSA or the scanner's own id. */
  id: string
  aliases: readonly string[]
  ratings: readonly Rating[]
  /** Package URL, or the place in the image; null where the report names none. */
  where: string | null
  /** Versions of the package that no longer have it. */
  fixed: readonly string[]
}

/** What every report of a scanner comes down to. Times are as the report writes them (RFC 3339). */
export interface ScanReport {
  format: string
  scanner: { uri: string; version: string | null }
  db: { uri: string | null; version: string | null; lastUpdate: string } | null
  findings: readonly Finding[]
  /** A report that states one time states it for both. */
  started: string
  finished: string
  about: readonly string[]
}

/**
 * in-toto vulns v0.2 of a report. Findings stand in the order of id and place, so the same report gives the same bytes. Aliases, package and fixed
 * versions are annotations, each a map with one member.
 *
 * @throws InputError `file-invalid` for more findings than a reader of the claim accepts
 */
export function vulnsClaim(report: ScanReport): ReadClaim {
  const { scanner, db, findings, started, finished, about, format } = report
  // Trivy splits findings over targets, so no single list of a report shows this.
  if (findings.length > mostEntries) throw tooMany(format, findings.length, 'findings')
  const entries = findings
    .map((finding) => ({ key: [finding.id, finding.where ?? ''].join('\u0000'), finding }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  const predicate: JsonObject = {
    scanner: {
      uri: scanner.uri,
      ...(scanner.version === null ? {} : { version: scanner.version }),
      ...(db === null
        ? {}
        : {
            db: {
              ...(db.uri === null ? {} : { uri: db.uri }),
              ...(db.version === null ? {} : { version: db.version }),
              lastUpdate: db.lastUpdate,
            },
          }),
      result: entries.map(({ finding }) => entryOf(finding)),
    },
    metadata: { scanStartedOn: started, scanFinishedOn: finished },
  }
  return { kind: 'vulns', format, predicate, about, summary: summaryOf(findings) }
}

function entryOf({ id, aliases, ratings, where, fixed }: Finding): JsonObject {
  const annotations: JsonObject[] = [
    ...(where === null ? [] : [{ package: where }]),
    ...aliases.map((alias) => ({ alias })),
    ...fixed.map((version) => ({ 'fixed-in': version })),
  ]
  return {
    id,
    severity: ratings.map(({ method, score }) => ({ method, score })),
    ...(annotations.length === 0 ? {} : { annotations }),
  }
}

function summaryOf(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'no findings'
  const levels = findings.map(({ ratings }) => severityOf(ratings))
  const parts = severities
    .toReversed()
    .filter((level) => isWorse(level, 'low') && levels.includes(level))
    .map((level) => `${levels.filter((one) => one === level).length} ${level}`)
  const total = `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`
  return [total, ...parts].join(', ')
}
