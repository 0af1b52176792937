/** What testkit/reporter.js writes down at the end of a run. */
interface Totals {
  readonly passed: number
  readonly failed: number
}

/**
 * The closing line and exit code of a test run.
 *
 * @param totals JSON of {@link Totals}, or null when jest wrote none
 * @param status exit code of jest, null when a signal ended it
 */
export function closingLine(totals: string | null, status: number | null): { line: string | null; exitCode: number } {
  if (totals === null) {
    return status === 0 ? { line: null, exitCode: 0 } : { line: '0 passed, 1 failed', exitCode: status ?? 1 }
  }
  const { passed, failed } = JSON.parse(totals) as Totals
  // Jest can fail without a failing test, for instance when an open handle makes it end late or a threshold is missed.
  const counted = status !== 0 && failed === 0 ? 1 : failed
  return { line: `${passed} passed, ${counted} failed`, exitCode: counted === 0 ? 0 : status || 1 }
}
