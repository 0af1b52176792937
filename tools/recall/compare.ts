import { keyOf } from './rows.ts'
import type { Ecosystem, Exception, Reason, Row, Verdict } from './types.ts'

/** Both sides of one ecosystem, row by row. Rows are unique. */
export function compareRows(
  { name }: Ecosystem,
  theirs: readonly Row[],
  ours: readonly Row[],
  exceptions: readonly Exception[],
): Verdict {
  const [expected, found] = [theirs, ours].map((rows) => rows.filter(({ ecosystem }) => ecosystem === name)) as [
    Row[],
    Row[],
  ]
  const sides = [expected, found].map((rows) => new Set(rows.map(keyOf))) as [Set<string>, Set<string>]
  const why = (side: Exception['side'], row: Row): Reason | null =>
    exceptions.find((one) => one.side === side && keyOf(one) === keyOf(row))?.reason ?? null
  return {
    ecosystem: name,
    fixtures: new Set(expected.map(({ fixture }) => fixture)).size,
    expected: expected.length,
    found: expected.filter((row) => sides[1].has(keyOf(row))).length,
    missing: expected.filter((row) => !sides[1].has(keyOf(row))).map((row) => ({ row, reason: why('missing', row) })),
    extra: found.filter((row) => !sides[0].has(keyOf(row))).map((row) => ({ row, reason: why('extra', row) })),
  }
}

/** What must not be, in words; empty: the run is good. */
export function faultsOf(
  verdicts: readonly Verdict[],
  ecosystems: readonly Ecosystem[],
  exceptions: readonly Exception[],
): string[] {
  const faults: string[] = []
  const words = ({ ecosystem, fixture, package: found }: Row): string => `${ecosystem}/${fixture}: ${found}`
  for (const { ecosystem, expected, missing, extra } of verdicts) {
    const stated = ecosystems.find(({ name }) => name === ecosystem)?.expected
    if (stated !== expected) faults.push(`${ecosystem}: syft finds ${expected} packages; ecosystems.ts says ${stated}`)
    for (const { row, reason } of missing) if (reason === null) faults.push(`missing  ${words(row)}`)
    for (const { row, reason } of extra) if (reason === null) faults.push(`phantom  ${words(row)}`)
  }
  const used = new Set(
    verdicts.flatMap(({ missing, extra }) => [
      ...missing.map(({ row }) => `missing ${keyOf(row)}`),
      ...extra.map(({ row }) => `extra ${keyOf(row)}`),
    ]),
  )
  const ran = new Set(verdicts.map(({ ecosystem }) => ecosystem))
  for (const one of exceptions)
    if (ran.has(one.ecosystem) && !used.has(`${one.side} ${keyOf(one)}`))
      faults.push(`exception without a case: ${one.side} ${words(one)}`)
  const rows = verdicts.reduce((sum, { expected }) => sum + expected, 0)
  const excused = verdicts.reduce((sum, { missing }) => sum + missing.filter(({ reason }) => reason !== null).length, 0)
  if (excused > rows * mostExcused) faults.push(`${excused} of ${rows} rows are excused; at most 5 % may be`)
  return faults
}

const mostExcused = 0.05
