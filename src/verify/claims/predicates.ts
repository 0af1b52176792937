import type { JsonObject } from '../../base/json.ts'
import { severityOf, type Severity } from '../../statement/claims/severity.ts'
import { malformed, readPredicate, type PredicateOf } from '../../statement/schemas/predicate.ts'

/** A vulnerability that a scanner found. */
export interface ScanFinding {
  /** Its id and its aliases. */
  names: readonly string[]
  /** Package URL, or null. */
  where: string | null
  severity: Severity
}

export interface Scan {
  scanner: string
  finished: Date
  findings: readonly ScanFinding[]
}

/** @throws VerificationError `format-invalid` */
export function parseVulns(predicate: JsonObject, subject: string): Scan {
  const { scanner, metadata } = readPredicate('vulns', predicate, subject)
  return {
    scanner: scanner.uri,
    finished: new Date(metadata.scanFinishedOn),
    findings: scanner.result.map(({ id, severity, annotations = [] }) => {
      const noted = (name: string): string[] =>
        annotations.flatMap((entry) => {
          const value = Object.hasOwn(entry, name) ? entry[name] : null
          return typeof value === 'string' ? [value] : []
        })
      return { names: [id, ...noted('alias')], where: noted('package')[0] ?? null, severity: severityOf(severity) }
    }),
  }
}

export interface TestRun {
  result: 'PASSED' | 'WARNED' | 'FAILED'
  /** Tests that are named as passed; null where the claim names none of any outcome. */
  passed: number | null
  skipped: number
  failed: readonly string[]
}

/** @throws VerificationError `format-invalid`, also where the lists contradict the result */
export function parseTestResult(predicate: JsonObject, subject: string): TestRun {
  const { result, passedTests, failedTests = [], skippedTests = [] } = readPredicate('test-result', predicate, subject)
  if (result !== 'FAILED' && failedTests.length > 0)
    throw malformed('test-result', subject, `it says ${result} and lists ${failedTests.length} failed tests`)
  const nothing = passedTests === undefined && skippedTests.length === 0
  return {
    result,
    passed: nothing ? null : (passedTests?.length ?? 0),
    skipped: skippedTests.length,
    failed: failedTests,
  }
}

export type OpenvexDocument = PredicateOf<'openvex'>

/** @throws VerificationError `format-invalid` */
export function parseOpenvex(predicate: JsonObject, subject: string): OpenvexDocument {
  return readPredicate('openvex', predicate, subject)
}
